export { errorBlock } from "./report-error.ts";
