// Passes what happens in the runtime to everyone who listens (metrics, the server's own log). Costs one loop over an
// empty list when nobody does.

import type { RuntimeObserver } from "./surface.ts";

export interface ObserverHub extends Required<RuntimeObserver> {
  /** Returns the way to stop. */
  add(observer: RuntimeObserver): () => void;
}

export function createObserverHub(): ObserverHub {
  const observers = new Set<RuntimeObserver>();
  return {
    add(observer) {
      observers.add(observer);
      return () => {
        observers.delete(observer);
      };
    },
    handedOver: (event) => {
      for (const observer of observers) observer.handedOver?.(event);
    },
    invocationEnded: (event) => {
      for (const observer of observers) observer.invocationEnded?.(event);
    },
    instanceStarted: (event) => {
      for (const observer of observers) observer.instanceStarted?.(event);
    },
    instanceFailed: (event) => {
      for (const observer of observers) observer.instanceFailed?.(event);
    },
    instanceGone: (event) => {
      for (const observer of observers) observer.instanceGone?.(event);
    },
    layerHidden: (event) => {
      for (const observer of observers) observer.layerHidden?.(event);
    },
    fault: (error) => {
      for (const observer of observers) observer.fault?.(error);
    },
  };
}
