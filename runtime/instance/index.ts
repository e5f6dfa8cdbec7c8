export type * from "./instance.ts";
