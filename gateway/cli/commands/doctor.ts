// tsfn doctor: tries everything tsfn needs from this machine and prints the remedy for what it lacks. Exits with 1 when
// something needed is missing.

import type { Command } from "commander";
import { resolveSettings } from "../../../runtime/config.ts";
import { contextOf, withExamples } from "../context.ts";
import { type Finding, type Health, isHealthy, runChecks } from "../doctor/index.ts";
import { neutralise, type Style, styled } from "../terminal.ts";

export function configure(command: Command): void {
  command.action(async () => doctor(command));
  withExamples(command, [
    ["sudo tsfn doctor", "try everything"],
    ["sudo tsfn doctor --json", "as one JSON document"],
    ["sudo tsfn doctor && sudo tsfn server start", "start only where it will work"],
  ]);
}

async function doctor(command: Command): Promise<void> {
  const { output } = contextOf(command);
  const findings = await runChecks(resolveSettings({}, process.env));
  const healthy = isHealthy(findings);
  output.document({ healthy, findings });
  const width = Math.max(...findings.map(({ name }) => name.length));
  output.lines(findings.flatMap((finding) => describe(finding, width)));
  if (healthy) output.note("tsfn can run here.");
  else process.exitCode = 1;
}

const styles: Readonly<Record<Health, Style>> = { ok: "green", degraded: "yellow", missing: "red", unknown: "red" };

function describe({ name, health, detail, remedy }: Finding, width: number): string[] {
  const mark = styled(styles[health], health.padEnd(8), process.stdout);
  const line = `${mark}  ${name.padEnd(width)}  ${neutralise(detail)}`.trimEnd();
  return remedy === null ? [line] : [line, `${" ".repeat(10)}→ ${remedy}`];
}
