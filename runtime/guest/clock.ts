// The clocks that count from the start of the process: a clone's start is its fork, not the start of its zygote. Points in
// time (Date, process.hrtime) are right by themselves.

/** Puts clocks in place that can begin anew; before any code that may keep one. Returns what a clone calls first. */
export function makeClocksForkable(): () => void {
  const { now, mark, measure } = Performance.prototype;
  const uptime = process.uptime.bind(process);
  const origin = Object.getOwnPropertyDescriptor(Performance.prototype, "timeOrigin")?.get;
  let sinceMs = 0;
  const nowMs = () => now.call(performance) - sinceMs;

  Object.defineProperty(Performance.prototype, "timeOrigin", {
    configurable: true,
    enumerable: true,
    get(this: Performance) {
      return Number(origin?.call(this)) + sinceMs;
    },
  });
  Performance.prototype.now = { now: nowMs }.now;
  // Both take the time themselves unless it is given.
  Performance.prototype.mark = function (name, options) {
    return mark.call(this, name, { ...options, startTime: options?.startTime ?? nowMs() });
  };
  Performance.prototype.measure = function (name, startOrOptions, endMark) {
    if (endMark !== undefined) return Reflect.apply(measure, this, [name, startOrOptions, endMark]);
    const options = typeof startOrOptions === "object" ? startOrOptions : { start: startOrOptions ?? 0 };
    const isOpen = options.end === undefined && options.duration === undefined;
    return measure.call(this, name, isOpen ? { ...options, end: nowMs() } : options);
  };
  process.uptime = () => uptime() - sinceMs / 1_000;
  return () => {
    sinceMs = now.call(performance);
  };
}
