// At most one timer per purpose: asking again while one runs changes nothing. None keeps the process alive.

export class Timers<Purpose> {
  readonly #timers = new Map<Purpose, NodeJS.Timeout>();

  later(purpose: Purpose, delayMs: number, act: () => void): void {
    if (this.#timers.has(purpose)) return;
    const timer = setTimeout(() => {
      this.#timers.delete(purpose);
      act();
    }, delayMs);
    this.#timers.set(purpose, timer.unref());
  }

  clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
