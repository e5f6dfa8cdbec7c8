// A token bucket: so many units a second, with a second's worth saved up at most.

export class RateLimit {
  readonly #perSecond: number;
  #tokens: number;
  #atMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
    this.#atMs = nowMs;
  }

  /** Whether `units` may pass; nothing is taken when they may not. */
  take(units: number, nowMs: number): boolean {
    this.#tokens = Math.min(this.#perSecond, this.#tokens + ((nowMs - this.#atMs) * this.#perSecond) / 1_000);
    this.#atMs = nowMs;
    if (units > this.#tokens) return false;
    this.#tokens -= units;
    return true;
  }
}
