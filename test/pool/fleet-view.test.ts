// How rarely a fleet looks at all of its instances, and that it never acts on a look that an event has overtaken.

import test from "ava";
import { StartsOutlook } from "../../runtime/pool/fleet-view.ts";

/** Starts whatever is wanted until nothing is. Returns how many that were, and how often it was looked. */
function startAll(outlook: StartsOutlook, wanted: number, freedAtMs: () => number) {
  const seen = { starts: 0, looks: 0 };
  const look = () => {
    seen.looks += 1;
    return wanted - seen.starts;
  };
  while (outlook.wanted(freedAtMs(), look) > 0) {
    outlook.started();
    seen.starts += 1;
  }
  return seen;
}

test("a burst is started by a few looks, each good for half of what it found", (t) => {
  const { starts, looks } = startAll(new StartsOutlook(), 500, () => 0);
  t.is(starts, 500);
  t.true(looks <= 10, `${looks} looks`);
});

test("after every invocation that ends it is looked again", (t) => {
  let endedAtMs = 0;
  const { looks } = startAll(new StartsOutlook(), 50, () => (endedAtMs += 1));
  t.is(looks, 51);
});

test("what found nothing is good for nothing", (t) => {
  const outlook = new StartsOutlook();
  t.is(
    outlook.wanted(1, () => 0),
    0,
  );
  t.is(
    outlook.wanted(1, () => 7),
    7,
  );
  t.is(
    outlook.wanted(1, () => 9),
    7,
    "the last look still holds",
  );
});
