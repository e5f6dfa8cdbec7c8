// What a list of samples says: percentiles, and the ratio of two medians with its interval. Single figures lie on a
// shared machine, so nothing here is reported without its spread.

const resamples = 2_000;

export interface Summary {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly min: number;
  readonly max: number;
}

/** 95 %, by resampling. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

export interface Ratio extends Interval {
  readonly value: number;
}

/** So many samples of each value, by ascending value. */
export type Counts = readonly (readonly [value: number, count: number])[];

export function summarize(samples: readonly number[]): Summary {
  const sorted = ascending(samples);
  return {
    count: sorted.length,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    min: percentile(sorted, 0),
    max: percentile(sorted, 1),
  };
}

/** Of the medians: `numerator` took so many times as much as `denominator`. */
export function medianRatio(numerator: readonly number[], denominator: readonly number[]): Ratio {
  return {
    value: median(numerator) / median(denominator),
    ...bootstrap((random) => median(resample(numerator, random)) / median(resample(denominator, random))),
  };
}

/** Of one percentile to a figure that is no sample, such as a promise. */
export function percentileRatio(samples: readonly number[], fraction: number, denominator: number): Ratio {
  const of = (drawn: readonly number[]): number => percentile(ascending(drawn), fraction) / denominator;
  return { value: of(samples), ...bootstrap((random) => of(resample(samples, random))) };
}

export function medianInterval(samples: readonly number[]): Interval {
  return bootstrap((random) => median(resample(samples, random)));
}

function bootstrap(draw: (random: () => number) => number): Interval {
  // The same samples always have the same interval, so that a report can be made again.
  const random = createRandom();
  const drawn = ascending(Array.from({ length: resamples }, () => draw(random)));
  return { low: percentile(drawn, 0.025), high: percentile(drawn, 0.975) };
}

/** Nearest rank: always a sample that was really seen. */
export function percentile(sorted: readonly number[], fraction: number): number {
  const index = Math.max(0, Math.ceil(fraction * sorted.length) - 1);
  return sorted[index] ?? Number.NaN;
}

export function countsOf(samples: Iterable<number>): Counts {
  const counts = new Map<number, number>();
  for (const sample of samples) counts.set(sample, (counts.get(sample) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => a - b);
}

export function mergeCounts(all: readonly Counts[]): Counts {
  const sums = new Map<number, number>();
  for (const [value, count] of all.flat()) sums.set(value, (sums.get(value) ?? 0) + count);
  return [...sums].sort(([a], [b]) => a - b);
}

/** The same of samples that are counted by value. */
export function percentileOfCounts(counts: Counts, fraction: number): number {
  let left = Math.max(1, Math.ceil(fraction * counts.reduce((sum, [, count]) => sum + count, 0)));
  for (const [value, count] of counts) {
    left -= count;
    if (left <= 0) return value;
  }
  return Number.NaN;
}

export function median(samples: readonly number[]): number {
  return percentile(ascending(samples), 0.5);
}

function resample(samples: readonly number[], random: () => number): number[] {
  return samples.map(() => samples[Math.floor(random() * samples.length)] ?? Number.NaN);
}

/** mulberry32, by Tommy Ettinger: good enough to draw samples, and starts anew each time. */
function createRandom(): () => number {
  let state = 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function ascending(samples: readonly number[]): number[] {
  return [...samples].sort((a, b) => a - b);
}
