// tsfn completion: prints the script that makes a shell complete tsfn's commands, options and functions. The script asks
// `tsfn complete -- <line>`, which is complete.ts.

import { Argument, type Command } from "commander";
import { withExamples } from "../context.ts";

const shells = ["bash", "zsh", "fish", "powershell"];

export function configure(command: Command): void {
  command
    .addArgument(new Argument("<shell>", "the shell to complete in").choices(shells))
    .action(async (shell: string) => {
      const { default: tab } = await import("@bomb.sh/tab");
      tab.setup("tsfn", "tsfn", shell);
    });
  withExamples(command, [
    ["source <(tsfn completion bash)", "in this shell"],
    ["tsfn completion zsh > ~/.tsfn.zsh", "to be sourced by ~/.zshrc"],
    ["tsfn completion fish > ~/.config/fish/completions/tsfn.fish", "in every new fish"],
  ]);
}
