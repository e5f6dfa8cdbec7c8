export { Budget, type BudgetLimits } from "./budget.ts";
export { capacityOf, connectionsFor, openFilesLimit } from "./capacity.ts";
export type { StartInstance } from "./launch.ts";
export { Pool, type PoolCounts, type PoolParts } from "./pool.ts";
export { Pools } from "./pools.ts";
export type { Slot } from "./slot.ts";
