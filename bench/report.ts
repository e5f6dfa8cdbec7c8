// What a scenario has found: samples of each subject, claims with their targets, and what the charts are drawn from. The
// shape is also that of the JSON in a result (report/result.ts), so fields are added to it, never changed.

import { z } from "zod";

const text = z.string();
const texts = z.array(text).readonly();
const numbers = z.array(z.number()).readonly();

const measure = z
  .object({
    name: text,
    /** An empty one is a plain number. */
    unit: z.enum(["ms", "µs", "MiB", "KiB", "/s", "s", ""]),
    /** One for each round, in their order. */
    samples: numbers,
    /** Every single value of all rounds with how often it was seen, by ascending value, where samples only sum them up. */
    counts: z
      .array(z.tuple([z.number(), z.number()]).readonly())
      .readonly()
      .optional(),
  })
  .readonly();

const subject = z
  .object({
    name: text,
    /** A floor or a peer: not ours, so what it changes by between two results is the machine. */
    reference: z.boolean().optional(),
    measures: z.array(measure).readonly(),
  })
  .readonly();

const claim = z
  .object({
    /** Begins with the number of its metric: M1, M1b, … (report/metrics.ts). */
    text,
    ratio: z.object({ value: z.number(), low: z.number(), high: z.number() }).readonly(),
    wanted: z.union([z.object({ atMost: z.number() }).readonly(), z.object({ atLeast: z.number() }).readonly()]),
  })
  .readonly();

const series = z
  .object({
    /** Which chart it belongs to (charts/index.ts). */
    chart: text,
    name: text,
    points: z.array(z.tuple([z.number(), z.number()]).readonly()).readonly(),
  })
  .readonly();

const stage = z
  .object({
    name: text,
    by: z.enum(["tsfnd", "warden", "zygote", "clone"]),
    startMs: z.number(),
    durationMs: z.number(),
  })
  .readonly();

export const reportSchema = z
  .object({
    title: text,
    /** The pool, what was done in advance, what isolates each subject. */
    setup: texts,
    subjects: z.array(subject).readonly(),
    claims: z.array(claim).readonly(),
    notes: texts,
    series: z.array(series).readonly().optional(),
    /** One cold start that was really seen. */
    coldStart: z
      .object({ totalMs: z.number(), stages: z.array(stage).readonly() })
      .readonly()
      .optional(),
  })
  .readonly();

export type Report = z.infer<typeof reportSchema>;
/** What was measured: tsfn in one of its ways, a peer, or a floor. */
export type Subject = z.infer<typeof subject>;
export type Measure = z.infer<typeof measure>;
/** A target, as a ratio to something measured in the same run. */
export type Claim = z.infer<typeof claim>;
export type Series = z.infer<typeof series>;
export type Stage = z.infer<typeof stage>;

export function isMet({ ratio, wanted }: Pick<Claim, "ratio" | "wanted">): boolean {
  return "atMost" in wanted ? ratio.value <= wanted.atMost : ratio.value >= wanted.atLeast;
}
