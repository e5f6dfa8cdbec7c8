export { Budget, type BudgetLimits } from "./budget.ts";
export type { StartInstance } from "./launch.ts";
export { firstEstimates, Pool, type PoolCounts, type PoolParts } from "./pool.ts";
export type { Slot } from "./slot.ts";
