// One cold start as a picture: a bar per stage, from when to when, coloured by who does the work.

import { digits } from "../report/figures.ts";
import type { Stage } from "../report.ts";
import { linear } from "./scale.ts";
import { colours, draw, element, line, text, top } from "./svg.ts";

/** In the order in which they follow one another; `root` is made beside those from `take` on. */
const forkStages: readonly (readonly [name: string, by: Stage["by"], told: string])[] = [
  ["sandbox", "tsfnd", "claim a sandbox"],
  ["ask", "warden", "ask the zygote"],
  ["take", "zygote", "wake up"],
  ["cgroup", "zygote", "control groups"],
  ["setns", "zygote", "namespaces"],
  ["fork", "zygote", "fork"],
  ["pages", "clone", "working set"],
  ["wait", "clone", "wait for root"],
  ["proc", "clone", "/proc"],
  ["lock", "clone", "locks"],
  ["loop", "clone", "event loop"],
];

/** Lays the stages of a Server-Timing header out on one axis; what none of them covers is the gateway's. */
export function arrange(stages: ReadonlyMap<string, number>, totalMs: number): Stage[] {
  const of = (name: string) => stages.get(name) ?? 0;
  const outsideMs = Math.max(0, totalMs - of("queue") - of("init") - of("exec"));
  const placed: Stage[] = [];
  let atMs = 0;
  const place = (name: string, by: Stage["by"], durationMs: number) => {
    placed.push({ name, by, startMs: atMs, durationMs });
    atMs += durationMs;
  };
  place("accept", "tsfnd", outsideMs / 2);
  place("queue", "tsfnd", of("queue"));
  const stepsMs = forkStages.reduce((sum, [name]) => sum + of(`init-${name}`), 0);
  for (const [name, by, told] of forkStages) {
    if (name === "ask") place("wake the warden", "tsfnd", Math.max(0, of("init") - stepsMs));
    place(told, by, of(`init-${name}`));
    if (name === "ask") placed.push({ name: "new root", by: "warden", startMs: atMs, durationMs: of("init-root") });
  }
  place("guest, function", "clone", of("exec"));
  place("answer", "tsfnd", outsideMs / 2);
  return placed;
}

const colourOf = {
  tsfnd: colours.blue,
  warden: colours.peer,
  zygote: colours.yellow,
  clone: colours.green,
} as const satisfies Record<Stage["by"], string>;
const told = {
  tsfnd: "tsfnd, the daemon",
  warden: "warden, the root helper",
  zygote: "zygote, the process that is forked",
  clone: "the new instance",
} as const;
const size = { width: 860, labels: 150, right: 80, row: 24, bar: 14, legend: 24 } as const;

/** @param title one line; @param totalMs the end of the axis */
export function drawWaterfall(title: string, stages: readonly Stage[], totalMs: number): string {
  const first = top + size.legend;
  const bottom = first + stages.length * size.row;
  const x = linear([0, totalMs], [size.labels, size.width - size.right]);
  const subtitle = "One measured call with no instance alive, from its last byte to the first byte of the answer.";
  return draw({ width: size.width, height: bottom + 34, title, subtitle }, [
    ...legend(new Set(stages.map(({ by }) => by))),
    ...x.ticks.flatMap((ms) => [
      line(x(ms), first - 6, x(ms), bottom),
      text(x(ms), bottom + 18, `${digits(ms)} ms`, { "text-anchor": "middle", fill: colours.faint }),
    ]),
    ...stages.flatMap(({ name, by, startMs, durationMs }, index) => {
      const y = first + index * size.row;
      const width = Math.max(1.5, x(startMs + durationMs) - x(startMs));
      return [
        text(size.labels - 12, y + 12, name, { "text-anchor": "end" }),
        element("rect", { x: x(startMs), y, width, height: size.bar, rx: 2, fill: colourOf[by] }),
        text(x(startMs) + width + 6, y + 12, durationMs.toFixed(2), { fill: colours.faint }),
      ];
    }),
  ]);
}

function legend(present: ReadonlySet<Stage["by"]>): string[] {
  let at = 20;
  return [...present].flatMap((by) => {
    const x = at;
    at += 40 + told[by].length * 7;
    return [
      element("rect", { x, y: top - 10, width: 11, height: 11, rx: 2, fill: colourOf[by] }),
      text(x + 17, top, told[by], { fill: colours.faint }),
    ];
  });
}
