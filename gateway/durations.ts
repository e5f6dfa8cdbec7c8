// Histograms of what every call has: the library finds labels and buckets by their names, which costs every call near a microsecond.
// Here both are numbers; the library reads them at the scrape, in the form in which it takes over those of another process.

export interface DurationsOptions {
  readonly name: string;
  readonly help: string;
  /** Upper bounds in seconds, ascending. */
  readonly buckets: readonly number[];
  /** Besides `function`; its values hold no line break. */
  readonly secondLabel?: string;
}

interface Series {
  /** Not cumulative; the last is of what is above all bounds. */
  readonly counts: number[];
  sumS: number;
}

export class Durations {
  readonly #options: DurationsOptions;
  readonly #series = new Map<string, Series>();

  constructor(options: DurationsOptions) {
    this.#options = options;
  }

  observe(functionName: string, seconds: number, second?: string): void {
    const key = second === undefined ? functionName : `${functionName}\n${second}`;
    const series = this.#series.get(key) ?? this.#open(key);
    const { buckets } = this.#options;
    let at = 0;
    while (at < buckets.length && seconds > (buckets[at] ?? 0)) at += 1;
    series.counts[at] = (series.counts[at] ?? 0) + 1;
    series.sumS += seconds;
  }

  /** For `Registry.aggregate`. */
  read(): object {
    const { name, help } = this.#options;
    return {
      name,
      help,
      type: "histogram",
      values: [...this.#series].flatMap(([key, series]) => this.#values(key, series)),
    };
  }

  #open(key: string): Series {
    const series = { counts: this.#options.buckets.map(() => 0), sumS: 0 };
    series.counts.push(0);
    this.#series.set(key, series);
    return series;
  }

  #values(key: string, { counts, sumS }: Series): object[] {
    const { name, buckets, secondLabel } = this.#options;
    const [functionName, second] = key.split("\n");
    const labels = { function: functionName, ...(secondLabel !== undefined && { [secondLabel]: second }) };
    let count = 0;
    const bounds = [...buckets, "+Inf"].map((le, at) => {
      count += counts[at] ?? 0;
      return { value: count, labels: { le, ...labels }, metricName: `${name}_bucket` };
    });
    return [
      ...bounds,
      { value: sumS, labels, metricName: `${name}_sum` },
      { value: count, labels, metricName: `${name}_count` },
    ];
  }
}
