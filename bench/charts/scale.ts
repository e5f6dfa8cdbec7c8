// Where a value stands on an axis, and the round numbers that are written along it.

export interface Scale {
  (value: number): number;
  readonly ticks: readonly number[];
}

export type Span = readonly [from: number, to: number];

/** About `count` ticks, at 1, 2 or 5 times a power of ten. */
export function linear([low, high]: Span, [from, to]: Span, count = 6): Scale {
  const step = roundStep((high - low) / count);
  const first = Math.ceil(low / step);
  const ticks = Array.from({ length: Math.floor(high / step) - first + 1 }, (_, index) => tidy((first + index) * step));
  return Object.assign((value: number) => from + ((value - low) / (high - low)) * (to - from), { ticks });
}

/** Ticks at the powers of ten, and between them where there are few. */
export function logarithmic(span: Span, [from, to]: Span): Scale {
  const [low, high] = span.map(Math.log10) as [number, number];
  const powers = (factors: readonly number[]) =>
    Array.from({ length: Math.floor(high) - Math.floor(low) + 1 }, (_, index) => Math.floor(low) + index)
      .flatMap((power) => factors.map((factor) => tidy(factor * 10 ** power)))
      .filter((tick) => tick >= span[0] && tick <= span[1]);
  const ticks = high - low > 2 ? powers([1]) : powers([1, 2, 5]);
  return Object.assign((value: number) => from + ((Math.log10(value) - low) / (high - low)) * (to - from), { ticks });
}

function roundStep(rough: number): number {
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 5].find((factor) => factor * magnitude >= rough) ?? 10) * magnitude;
}

/** 0.30000000000000004 is 0.3. */
function tidy(value: number): number {
  return Number(value.toPrecision(6));
}
