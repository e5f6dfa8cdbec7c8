// The picture of a cold start: every stage has its place on the axis, and names cannot break the drawing.

import test from "ava";
import { arrange, drawWaterfall } from "../../../bench/charts/waterfall.ts";

const stages = new Map([
  ["queue", 0.3],
  ["init", 4],
  ["exec", 5],
  ["init-ask", 0.1],
  ["init-root", 0.5],
  ["init-take", 0.2],
  ["init-fork", 1],
]);

test("stages follow one another from the first to the last moment, the new root beside the fork", (t) => {
  const placed = arrange(stages, 10);
  const inLine = placed.filter(({ name }) => name !== "new root");
  let atMs = 0;
  for (const { startMs, durationMs } of inLine) {
    t.true(Math.abs(startMs - atMs) < 1e-9);
    atMs = startMs + durationMs;
  }
  t.true(Math.abs(atMs - 10) < 1e-9);
  const root = placed.find(({ name }) => name === "new root");
  t.is(root?.startMs, placed.find(({ name }) => name === "wake up")?.startMs);
  t.is(root?.durationMs, 0.5);
});

test("the drawing is well-formed, with one bar for each stage", (t) => {
  const placed = arrange(stages, 10);
  const svg = drawWaterfall("a < b & c", placed, 10);
  t.true(svg.includes("<title>a &lt; b &amp; c</title>"));
  t.is(svg.match(/height="14"/g)?.length, placed.length);
  t.false(svg.includes("NaN"));
});
