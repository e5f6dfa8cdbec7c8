// The front page of the gateway: the doors of a server. tsfnd.ts is the program that opens them; cli/ talks to them.

export { type Daemon, type DaemonParts, startDaemon } from "./daemon.ts";
