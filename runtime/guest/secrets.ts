// A function's secrets, as variables and as files. Only a process that serves one version has them: an exec'd one, or a clone
// that loads its code after the fork.

import type { Init } from "../wire/index.ts";
import type { LayerWatch } from "./layer-watch.ts";

const directory = "/run/secrets";

/** Before the function's code is loaded, which may read them. Returns all variables. */
export function installSecrets({ env, secrets }: Init, layer: LayerWatch): Init["env"] {
  Object.assign(process.env, secrets);
  const files = Object.entries(secrets).map(([name, value]) => [`${directory}/${name}`, value]);
  layer.place(Object.fromEntries(files));
  return { ...env, ...secrets };
}
