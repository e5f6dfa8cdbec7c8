// A function of the runtime "provided": the program `bootstrap` in its directory, one process for the life of the instance,
// which takes its invocations over the Runtime API (handlers/runtime-api.ts).

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { resolve } from "node:path";
import type { Init } from "../wire/index.ts";
import { type Handler, LoadError, lambdaEnvironment, openRuntimeApi } from "./handlers/index.ts";

/** Lambda's own. Outside of a sandbox, as in tests, the loopback is not this process's alone. */
const apiPort = process.pid === 1 ? 9001 : 0;
/** As a shell tells of a signal. */
const signalled = 128;

export interface BootstrapParts {
  readonly init: Init;
  /** With the secrets. */
  readonly env: Init["env"];
  /** The program is gone, and with it the instance. */
  readonly onEnd: (exitCode: number, words: string) => void;
}

/** Resolves when the program asks for its first invocation. @throws what it reports instead, LoadError */
export async function startBootstrap({ init, env, onEnd }: BootstrapParts): Promise<Handler> {
  const api = await openRuntimeApi(apiPort);
  const program = start(resolve(init.entry), bootstrapEnvironment(env, api.address));
  program.once("exit", (code, signal) => {
    if (signal === null) onEnd(code ?? 0, `bootstrap exited with code ${code}`);
    else onEnd(signalled + constants.signals[signal], `bootstrap was ended by ${signal}`);
  });
  const failed = once(program, "error").then(([error]) => Promise.reject(cannotStart(error as Error)));
  await Promise.race([api.ready, failed]);
  return api.handler;
}

function start(path: string, env: Readonly<Record<string, string>>): ChildProcess {
  try {
    return spawn(path, [], { env, stdio: ["ignore", "inherit", "inherit"] });
  } catch (thrown) {
    throw cannotStart(thrown as Error);
  }
}

function cannotStart(cause: Error): LoadError {
  const wanted = "wanted a program for this machine, or a script whose first line names one, as #!/app/bin/bash";
  return new LoadError(`bootstrap cannot be started (${cause.message}); ${wanted}`, { cause });
}

/** What a program of the function's own finds first: its programs in bin/, its libraries in lib/. */
function bootstrapEnvironment(env: Init["env"], address: string): Readonly<Record<string, string>> {
  const { TSFN_FUNCTION_NAME = "", TSFN_INSTANCE_ID = "", PATH = "" } = env;
  return {
    LD_LIBRARY_PATH: "/app:/app/lib",
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${TSFN_FUNCTION_NAME}`,
    AWS_LAMBDA_LOG_STREAM_NAME: TSFN_INSTANCE_ID,
    ...lambdaEnvironment(env),
    PATH: `/app/bin:${PATH}`,
    AWS_LAMBDA_RUNTIME_API: address,
  };
}
