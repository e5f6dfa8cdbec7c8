// Signals that ask a long command to end. It listens while it has something to clean up, and then ends by itself.

const asking = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export type EndingSignal = (typeof asking)[number];

export interface Signals extends Disposable {
  /** null while none has come. */
  readonly first: EndingSignal | null;
}

/** @param listener is told each signal and how many there have been, this one included */
export function onSignals(listener: (signal: EndingSignal, count: number) => void): Signals {
  let first: EndingSignal | null = null;
  let count = 0;
  const hear = (signal: EndingSignal): void => {
    first ??= signal;
    count += 1;
    listener(signal, count);
  };
  for (const signal of asking) process.on(signal, hear);
  return {
    get first() {
      return first;
    },
    [Symbol.dispose]() {
      for (const signal of asking) process.off(signal, hear);
    },
  };
}
