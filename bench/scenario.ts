// What a scenario is to those that run it. No code here; all of them are listed in scenarios/index.ts.

import type { Report } from "./report.ts";

export interface ScenarioOptions {
  /** Rounds that count, of what the scenario repeats. */
  readonly rounds: number;
  /** A first look: what takes long is cut short. */
  readonly quick: boolean;
  /** Whatever the scenario starts ends with it: when it is over, and also when it is interrupted. */
  readonly owner: AsyncDisposableStack;
}

export interface Scenario {
  readonly summary: string;
  readonly rounds: number;
  readonly quickRounds: number;
  /** Too long for a first look at everything: with --quick only when it is named. */
  readonly onlyNamed?: true;
  /** It is ended when it takes longer, so that one that hangs does not cost the others their time. */
  readonly limitS: number;
  run(options: ScenarioOptions): Promise<Report>;
}
