export { type Finding, type Health, isHealthy, runChecks } from "./checks.ts";
