// What all functions share, and what one of them can have of it.

import test from "ava";
import { egressLimits } from "../../runtime/egress/egress-messages.ts";
import { Places } from "../../runtime/egress/places.ts";

test("a function that has its share is full while the others have room", (t) => {
  const room = new Places({ places: 5, placesPerFunction: 2 });
  for (let place = 0; place < 2; place++) {
    t.is(room.full("greedy"), null);
    room.enter("greedy");
  }
  t.is(room.full("greedy"), "all instances of the function together have 2");
  t.is(room.full("other"), null);
  room.leave("greedy");
  t.is(room.full("greedy"), null);
});

test("when every place is taken all are full, and each place that is left is somebody's", (t) => {
  const room = new Places({ places: 3, placesPerFunction: 2 });
  for (const name of ["a", "a", "b"]) room.enter(name);
  t.is(room.full("c"), "all instances of the server together have 3");
  room.leave("a");
  t.is(room.full("c"), null);
  t.is(room.count, 2);
});

test("however few descriptors there are, a function has room, and never all of it", (t) => {
  for (const openFiles of [1, 60, 1_024, 20_000, 1_000_000]) {
    const { connections, connectionsPerFunction, lookups, lookupsPerFunction } = egressLimits(openFiles);
    t.true(connectionsPerFunction >= 1 && connectionsPerFunction < connections, `${openFiles}`);
    t.true(lookupsPerFunction >= 1 && lookupsPerFunction < lookups, `${openFiles}`);
  }
  t.true(egressLimits(20_000).connectionsPerFunction >= egressLimits(20_000).connectionsPerSandbox);
});
