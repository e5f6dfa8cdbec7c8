// Draws one cold start as a picture: a bar per stage, from when to when, coloured by who does the work. Plain SVG that
// reads on light and on dark paper.

import type { Stage } from "../report.ts";

/** In the order in which they follow one another; `root` is made beside those from `take` on. */
const forkStages: readonly (readonly [name: string, by: Stage["by"], told: string])[] = [
  ["sandbox", "tsfnd", "claim a sandbox"],
  ["ask", "warden", "ask the zygote"],
  ["take", "zygote", "wake up"],
  ["cgroup", "zygote", "control groups"],
  ["setns", "zygote", "namespaces"],
  ["fork", "zygote", "fork"],
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
  const readyAtMs = atMs + of("init");
  for (const [name, by, told] of forkStages) {
    place(told, by, of(`init-${name}`));
    if (name === "ask") placed.push({ name: "new root", by: "warden", startMs: atMs, durationMs: of("init-root") });
  }
  place("hand over", "tsfnd", Math.max(0, readyAtMs - atMs));
  place("guest, function", "clone", of("exec"));
  place("answer", "tsfnd", outsideMs / 2);
  return placed;
}

const colours = { tsfnd: "#4f7cac", warden: "#c0563f", zygote: "#d9a441", clone: "#5b8c5a" } as const;
const size = { width: 860, labels: 130, right: 90, row: 22, bar: 14, top: 58 } as const;

/** @param title one line; @param totalMs the end of the axis */
export function drawWaterfall(title: string, stages: readonly Stage[], totalMs: number): string {
  const height = size.top + stages.length * size.row + 34;
  const x = (ms: number) => size.labels + (ms / totalMs) * (size.width - size.labels - size.right);
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${height}" font-family="sans-serif" font-size="12" fill="#808080">`,
    `<title>${escaped(title)}</title>`,
    `<text x="8" y="20" font-size="14">${escaped(title)}</text>`,
    ...Object.entries(colours).flatMap(([name, colour], index) => [
      `<rect x="${8 + index * 90}" y="32" width="10" height="10" fill="${colour}"/>`,
      `<text x="${22 + index * 90}" y="41">${name}</text>`,
    ]),
    ...ticks(totalMs).flatMap((ms) => [
      `<line x1="${x(ms).toFixed(1)}" x2="${x(ms).toFixed(1)}" y1="${size.top - 6}" y2="${height - 26}" stroke="#80808040"/>`,
      `<text x="${x(ms).toFixed(1)}" y="${height - 10}" text-anchor="middle">${ms} ms</text>`,
    ]),
    ...stages.flatMap(({ name, by, startMs, durationMs }, index) => {
      const y = size.top + index * size.row;
      const width = Math.max(1.5, x(startMs + durationMs) - x(startMs));
      return [
        `<text x="8" y="${y + 11}">${escaped(name)}</text>`,
        `<rect x="${x(startMs).toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${size.bar}" rx="2" fill="${colours[by]}"/>`,
        `<text x="${(x(startMs) + width + 5).toFixed(1)}" y="${y + 11}">${durationMs.toFixed(2)}</text>`,
      ];
    }),
    "</svg>",
  ];
  return `${lines.join("\n")}\n`;
}

/** Round numbers, about six of them. */
function ticks(totalMs: number): number[] {
  const rough = totalMs / 6;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * magnitude >= rough) ?? 10) * magnitude;
  return Array.from({ length: Math.floor(totalMs / step) + 1 }, (_, index) => Number((index * step).toPrecision(6)));
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
