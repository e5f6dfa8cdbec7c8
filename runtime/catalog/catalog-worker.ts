// The worker thread that owns the catalog's SQLite file: every statement runs here, so that a sync to disk never blocks
// the daemon's event loop. catalog.ts is its only client and catalog-messages.ts what they say to each other.

import { closeSync, fsyncSync, openSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import type { Alias } from "./alias.ts";
import type { CatalogOptions, CatalogReply, CatalogRequest, CatalogRows, VersionRow } from "./catalog-messages.ts";

// Versions before this one can lose a WAL that is reset while it is read (sqlite.org/releaselog/3_51_3.html).
const leastSqlite = [3, 51, 3] as const;

const options = workerData as CatalogOptions;
const port = parentPort;
if (port === null) throw new Error("catalog-worker.ts must run as a worker thread");
const database = new DatabaseSync(join(options.dir, "catalog.sqlite"), { open: false });

port.on("message", ({ id, request }: { id: number; request: CatalogRequest }) => {
  port.postMessage({ id, ...answer(request) });
  if (request.verb === "close") port.close();
});

function answer(request: CatalogRequest): CatalogReply {
  try {
    return { value: handle(request) };
  } catch (error) {
    const { message, errcode } = error as Error & { errcode?: number };
    return { failure: { message, sqliteCode: errcode ?? null, whileOpening: request.verb === "open" } };
  }
}

function handle(request: CatalogRequest): CatalogRows | number {
  switch (request.verb) {
    case "open":
      return open();
    case "reserve":
      return reserve(request.name);
    case "publish":
      return publish(request.version);
    case "activate":
      return activate(request.name, request.number);
    case "remove":
      return remove(request.name);
    case "putAlias":
      return putAlias(request.alias);
    case "deleteAlias":
      return deleteAlias(request.function, request.name);
    case "close":
      database.close();
      return 0;
  }
}

function open(): CatalogRows {
  checkSqlite();
  database.open();
  // Exclusive before the first use of the WAL: one server per directory, and no shared-memory file beside it.
  database.exec(`
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = ${options.durability === "sync" ? "FULL" : "OFF"};
  `);
  const check = database.prepare("PRAGMA quick_check(1)").get();
  if (check?.quick_check !== "ok") throw new Error(`the database is damaged: ${check?.quick_check}`);
  migrate();
  if (options.durability === "sync") syncDirectory(options.dir);
  return { versions: readVersions(), aliases: readAliases() };
}

function checkSqlite(): void {
  const found = process.versions.sqlite ?? "0";
  const parts = found.split(".").map(Number);
  const index = leastSqlite.findIndex((wanted, place) => parts[place] !== wanted);
  if (index === -1 || (parts[index] ?? 0) > (leastSqlite[index] ?? 0)) return;
  throw new Error(`this Node has SQLite ${found}; wanted ${leastSqlite.join(".")} or newer`);
}

/** Each brings the schema from its index to the next; none is ever changed, because databases of every age are out there. */
const migrations = [
  `
    CREATE TABLE functions (
      name TEXT PRIMARY KEY,
      last_number INTEGER NOT NULL,
      current INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE versions (
      function TEXT NOT NULL REFERENCES functions (name),
      number INTEGER NOT NULL,
      manifest TEXT NOT NULL,
      layer TEXT NOT NULL,
      size_bytes INTEGER NOT NULL,
      created_at TEXT NOT NULL,
      PRIMARY KEY (function, number)
    ) STRICT, WITHOUT ROWID;
  `,
  `
    CREATE TABLE aliases (
      function TEXT NOT NULL,
      name TEXT NOT NULL,
      number INTEGER NOT NULL,
      description TEXT NOT NULL,
      PRIMARY KEY (function, name),
      FOREIGN KEY (function, number) REFERENCES versions (function, number) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
  `,
] as const;

function migrate(): void {
  const found = Number(database.prepare("PRAGMA user_version").get()?.user_version);
  if (found > migrations.length) {
    throw new Error(`it was written by a newer tsfn (schema ${found}; this one reads up to ${migrations.length})`);
  }
  if (found === migrations.length) return;
  transaction(() => {
    for (const migration of migrations.slice(found)) database.exec(migration);
    database.exec(`PRAGMA user_version = ${migrations.length}`);
    return 0;
  });
}

function readVersions(): VersionRow[] {
  const rows = database.prepare(`
    SELECT v.function, v.number, v.manifest, v.layer, v.size_bytes, v.created_at, v.number = f.current AS is_current
    FROM versions v JOIN functions f ON f.name = v.function ORDER BY v.function, v.number
  `);
  return rows.all().map((row) => ({
    isCurrent: row.is_current === 1,
    version: {
      function: String(row.function),
      number: Number(row.number),
      // Those of before there were secrets or routes have none.
      manifest: { secrets: [], routes: [], ...JSON.parse(String(row.manifest)) },
      layer: String(row.layer),
      sizeBytes: Number(row.size_bytes),
      createdAt: String(row.created_at),
    },
  }));
}

function readAliases(): Alias[] {
  const rows = database.prepare("SELECT function, name, number, description FROM aliases ORDER BY function, name");
  return rows.all().map((row) => ({
    function: String(row.function),
    name: String(row.name),
    version: Number(row.number),
    description: String(row.description),
  }));
}

/** Raising the counter is an acknowledgement of its own: a number that was handed out is never handed out again. */
function reserve(name: string): number {
  const statement = database.prepare(`
    INSERT INTO functions (name, last_number) VALUES (?, 1)
    ON CONFLICT (name) DO UPDATE SET last_number = last_number + 1 RETURNING last_number
  `);
  return Number(statement.get(name)?.last_number);
}

function publish(version: VersionRow["version"]): number {
  return transaction(() => {
    database
      .prepare(
        "INSERT INTO versions (function, number, manifest, layer, size_bytes, created_at) VALUES (?, ?, ?, ?, ?, ?)",
      )
      .run(
        version.function,
        version.number,
        JSON.stringify(version.manifest),
        version.layer,
        version.sizeBytes,
        version.createdAt,
      );
    const swap = database.prepare("UPDATE functions SET current = ?1 WHERE name = ?2 AND last_number >= ?1");
    const { changes } = swap.run(version.number, version.function);
    if (changes !== 1) throw new Error(`${version.function}@${version.number} was never reserved`);
    return version.number;
  });
}

function activate(name: string, number: number): number {
  const statement = database.prepare(`
    UPDATE functions SET current = ?1
    WHERE name = ?2 AND EXISTS (SELECT 1 FROM versions WHERE function = ?2 AND number = ?1)
  `);
  if (statement.run(number, name).changes !== 1) throw new Error(`${name}@${number} was never published`);
  return number;
}

function remove(name: string): number {
  return transaction(() => {
    const { changes } = database.prepare("DELETE FROM versions WHERE function = ?").run(name);
    database.prepare("UPDATE functions SET current = NULL WHERE name = ?").run(name);
    return Number(changes);
  });
}

function putAlias({ function: owner, name, version, description }: Alias): number {
  const statement = database.prepare(`
    INSERT INTO aliases (function, name, number, description) VALUES (?, ?, ?, ?)
    ON CONFLICT (function, name) DO UPDATE SET number = excluded.number, description = excluded.description
  `);
  return Number(statement.run(owner, name, version, description).changes);
}

function deleteAlias(owner: string, name: string): number {
  return Number(database.prepare("DELETE FROM aliases WHERE function = ? AND name = ?").run(owner, name).changes);
}

function transaction<Value>(work: () => Value): Value {
  database.exec("BEGIN IMMEDIATE");
  try {
    const value = work();
    database.exec("COMMIT");
    return value;
  } catch (error) {
    // A full disk rolls back by itself, and rolling back twice would hide why.
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

// The file's own name is only as durable as its directory.
function syncDirectory(dir: string): void {
  const descriptor = openSync(dir, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
