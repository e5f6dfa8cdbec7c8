// The end of the command line's process: runs the program, prints what failed, decides the exit code. The launcher
// beside it (tsfn) starts this file; program.ts is next.

import { isErrno } from "../../runtime/errors.ts";
import { runProgram, wantsJson } from "./program.ts";
import { reportError, reportLostOutput } from "./report-error.ts";

const args = process.argv.slice(2);

// Commands that have something to clean up listen too, and end by themselves.
process.on("SIGINT", () => {
  if (process.listenerCount("SIGINT") === 1) process.exit(130);
});

process.stdout.on("error", (error) => {
  // `tsfn logs | head` is no failure: the reader has enough.
  process.exit(isErrno(error, "EPIPE") ? (process.exitCode ?? 0) : reportLostOutput(error));
});

runProgram(args)
  .catch((thrown: unknown) => {
    process.exitCode = reportError(thrown, { json: wantsJson(args) });
  })
  // Explicit, because a library's open handle must not keep a finished command; after what was written has left.
  .then(() =>
    process.stdout.write("", (lost) => {
      // What could not be written is the listener's to tell, which comes after this.
      if (!lost) process.exit();
    }),
  );
