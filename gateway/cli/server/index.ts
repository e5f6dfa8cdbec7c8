export { startInBackground } from "./background.ts";
export { startInForeground } from "./foreground.ts";
export { findInstallation, type Installation } from "./installation.ts";
export { launchServer, type RunningServer, requireFreeSocket, sweepLeftovers } from "./launch.ts";
export { prepareDirectories, requireRoot } from "./prepare.ts";
export { settingsFromOptions, withSettings } from "./settings-options.ts";
export { processStart, stopServer } from "./stop.ts";
