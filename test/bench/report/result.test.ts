// Reports made from a result that was really measured (`npm run bench -- --quick`): nothing missed is hidden, everything is
// drawn, and the documentation gets its figures between its marks only.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { drawCharts } from "../../../bench/charts/index.ts";
import { markdown } from "../../../bench/report/markdown.ts";
import { missed } from "../../../bench/report/metrics.ts";
import { replaceBlock, writeReadme } from "../../../bench/report/readme.ts";
import { directoryName, type Result, readResult, writeResult } from "../../../bench/report/result.ts";
import { scoreboardText } from "../../../bench/report/text.ts";
import { temporaryDirectory } from "../../support/function-directory.ts";

const recorded = readResult(join(import.meta.dirname, "../fixtures"));

test("a result is read back as it was written, raw samples included", (t) => {
  const directory = join(temporaryDirectory(t), "result");
  writeResult(directory, recorded);
  t.deepEqual(readResult(directory), recorded);
  const samples = recorded.scenarios
    .flatMap(({ report }) => report?.subjects ?? [])
    .flatMap(({ measures }) => measures);
  t.true(samples.length > 20 && samples.every((measure) => measure.samples.length > 0));
});

test("what is no result is refused with its path and with what is wrong", (t) => {
  const directory = temporaryDirectory(t);
  t.throws(() => readResult(directory), { message: /result\.json; wanted a result of .*ENOENT/ });
  writeFileSync(join(directory, "result.json"), JSON.stringify({ ...recorded, schema: 2 }));
  t.throws(() => readResult(directory), { message: /wanted a result of .*schema/s });
});

test("a directory is named after its start and the commit", (t) => {
  t.is(directoryName({ startedAt: "2026-11-20T18:30:59.123Z", commit: "0b3f95b" }), "2026-11-20-183059-0b3f95b");
});

test("every missed target is told as missed, on the terminal and on the page", (t) => {
  const claims = missed(recorded);
  t.true(claims.length > 0, "the fixture misses some");
  const [terminal, page] = [scoreboardText(recorded), markdown(recorded, [], undefined)];
  for (const { text } of claims) {
    t.true(terminal.includes(`missed ${text}: `), text);
    t.true(
      page.split("\n").some((row) => row.startsWith(`| ${text} |`) && row.endsWith("**missed** |")),
      text,
    );
  }
});

test("a scenario that failed and a metric that was not measured are told", (t) => {
  const scenarios = [{ name: "cold", durationS: 3, error: "the server did not start\n  at startServer" }];
  const result: Result = { ...recorded, scenarios };
  t.regex(scoreboardText(result), /not measured: M1, M1b, .*M14\nfailed cold: the server did not start\n/);
  const page = markdown(result, [], undefined);
  t.regex(page, /\| M14 .* \| not measured \|/);
  t.regex(page, /\| cold \| \| \| failed: the server did not start \|/);
  t.regex(page, /Failed after 3 s:\n\n```\nthe server did not start\n {2}at startServer\n```/);
});

test("every chart is drawn, with a finding as its title and no number that is none", (t) => {
  const charts = drawCharts(recorded);
  t.deepEqual(
    [...charts.keys()],
    ["cold-starts.svg", "cold-start.svg", "burst-100.svg", "warm-latency.svg", "memory.svg"],
  );
  for (const [name, svg] of charts) {
    t.false(/NaN|undefined|Infinity/.test(svg), name);
    t.regex(svg, /<title>[^<]*\d[^<]*<\/title>/, name);
    const opened = svg.match(/<(?!\/)[^>]*[^/]>/g)?.length;
    t.is(opened, svg.match(/<\//g)?.length, `${name}: every element is closed`);
  }
  t.deepEqual([...drawCharts({ scenarios: [] })], []);
});

test("README and docs/performance.md get figures and charts between their marks, the same again from the same result", (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(join(root, "docs"));
  const begin = "<!-- measured: written by `npm run bench -- --readme` -->";
  const page = `# before\n${begin}\noutdated\n<!-- /measured -->\nafter\n`;
  for (const name of ["README.md", "docs/performance.md"]) writeFileSync(join(root, name), page);
  writeReadme(root, recorded);
  const read = (name: string) => readFileSync(join(root, name), "utf8");
  const first = read("README.md");
  t.regex(first, /^# before\n/);
  t.regex(first, /\nafter\n$/);
  t.false(first.includes("outdated"));
  t.regex(first, /\| cold start, to the first byte \| \*\*[\d.]+ ms\*\* \| `node`, no isolation [\d.]+ ms/);
  t.regex(first, /one more idle instance \| \*\*[\d.]+ MiB\*\* \| a Node process [\d.]+ MiB/);
  t.regex(first, /`--quick`: a first look/);
  t.regex(read("docs/performance.md"), /\*\*missed\*\*/);
  t.regex(read("docs/performance.md"), /!\[memory\]\(measured\/memory\.svg\)/);
  t.regex(read("docs/measured/memory.svg"), /^<svg /);
  writeReadme(root, recorded);
  t.is(read("README.md"), first);
});

test("a page without marks is refused and nothing is written", (t) => {
  t.throws(() => replaceBlock("README.md", "no marks", []), { message: /README\.md: wanted <!-- measured/ });
});
