// Every scenario by its name on the command line, in the order in which all of them run: what matters most comes first.

import type { Scenario } from "../scenario.ts";

export const scenarios: ReadonlyMap<string, Scenario> = new Map<string, Scenario>([
  [
    "cold",
    {
      summary: "one call with no instance alive, against a bare node and the floors",
      rounds: 50,
      quickRounds: 4,
      limitS: 240,
      run: async (options) => (await import("./cold.ts")).runCold(options),
    },
  ],
  [
    "warm",
    {
      summary: "calls of an instance that is there: latency of one at a time, throughput of 32",
      rounds: 5,
      quickRounds: 1,
      limitS: 240,
      run: async (options) => (await import("./warm.ts")).runWarm(options),
    },
  ],
  [
    "containers",
    {
      summary: "one call with no instance alive, against runc, docker and workerd",
      rounds: 20,
      quickRounds: 2,
      limitS: 180,
      run: async (options) => (await import("./containers.ts")).runContainers(options),
    },
  ],
  [
    "vm",
    {
      summary: "one call with no instance alive, against virtual machines, booted and restored",
      rounds: 5,
      quickRounds: 1,
      onlyNamed: true,
      limitS: 240,
      run: async (options) => (await import("./vm.ts")).runVm(options),
    },
  ],
  [
    "burst",
    {
      summary: "many calls at once with no instance alive, against as many bare nodes",
      rounds: 5,
      quickRounds: 1,
      limitS: 240,
      run: async (options) => (await import("./burst.ts")).runBurst(options),
    },
  ],
  [
    "churn",
    {
      summary: "create, one call, destroy, for a minute; then the leak audit",
      rounds: 60,
      quickRounds: 2,
      limitS: 180,
      run: async (options) => (await import("./churn.ts")).runChurn(options),
    },
  ],
  [
    "memory",
    {
      summary: "memory of idle instances, by the slope over their number",
      rounds: 3,
      quickRounds: 1,
      limitS: 180,
      run: async (options) => (await import("./memory.ts")).runMemory(options),
    },
  ],
  [
    "reset",
    {
      summary: "a fresh writable layer after no file and after 10,000",
      rounds: 50,
      quickRounds: 4,
      limitS: 180,
      run: async (options) => (await import("./reset.ts")).runReset(options),
    },
  ],
  [
    "flat",
    {
      summary: "a cold start beside 500 idle instances, a warm call among 5,000 functions",
      rounds: 30,
      quickRounds: 4,
      onlyNamed: true,
      limitS: 180,
      run: async (options) => (await import("./flat.ts")).runFlat(options),
    },
  ],
  [
    "neighbour",
    {
      summary: "calls of one function while another one goes from 0 to 100 instances",
      rounds: 8,
      quickRounds: 1,
      limitS: 120,
      run: async (options) => (await import("./neighbour.ts")).runNeighbour(options),
    },
  ],
  [
    "capacity",
    {
      summary: "live instances in 4 GiB, against plain nodes",
      rounds: 1,
      quickRounds: 1,
      limitS: 180,
      run: async (options) => (await import("./capacity.ts")).runCapacity(options),
    },
  ],
  [
    "deploy",
    {
      summary: "from the command to the first answer of the new version",
      rounds: 10,
      quickRounds: 2,
      limitS: 120,
      run: async (options) => (await import("./deploy.ts")).runDeploy(options),
    },
  ],
  [
    "reload",
    {
      summary: "from a save under tsfn dev to the first answer of the new code, with calls all the time",
      rounds: 50,
      quickRounds: 4,
      limitS: 120,
      run: async (options) => (await import("./reload.ts")).runReload(options),
    },
  ],
  [
    "inside",
    {
      summary: "system calls, files and computing inside a sandbox against outside",
      rounds: 20,
      quickRounds: 2,
      limitS: 120,
      run: async (options) => (await import("./inside.ts")).runInside(options),
    },
  ],
  [
    "soak",
    {
      summary: "forks that use all of Node, looking for one that crashes or hangs",
      rounds: 10_000,
      quickRounds: 60,
      onlyNamed: true,
      limitS: 600,
      run: async (options) => (await import("./soak.ts")).runSoak(options),
    },
  ],
]);
