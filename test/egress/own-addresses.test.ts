// What counts as the server's own, in a network namespace where its devices do not tell all of it.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { OwnAddresses } from "../../runtime/egress/address-classes.ts";

const egress = join(import.meta.dirname, "../../runtime/egress");
const program = `
import { OwnAddresses } from ${JSON.stringify(join(egress, "address-classes.ts"))};
import { loadLocalRoutes } from ${JSON.stringify(join(egress, "local-routes.ts"))};
const own = new OwnAddresses(() => 0, loadLocalRoutes());
console.log(process.argv.slice(1).filter((address) => own.has(address)).join(" "));
`;

/** `down0` has no carrier, for its other end is down. */
const setUp = `ip link set lo up &&
  ip link add up0 type veth peer name up1 && ip link set up0 up && ip link set up1 up &&
  ip link add down0 type veth peer name down1 && ip link set down0 up &&
  ip addr add 9.9.9.9/24 dev up0 && ip addr add 2620:fe::9/64 dev up0 nodad &&
  ip route add default dev up0 && ip -6 route add default dev up0 &&
  ip addr add 8.8.4.1/24 dev down0 && ip addr add 8.8.4.2/24 dev down0 && ip addr add 2620:1::1/64 dev down0 nodad &&
  ip route add local 8.8.8.0/24 dev lo && ip -6 route add local 2620:9::/64 dev lo &&
  ip route add local 8.8.9.0/24 dev lo src 9.9.9.9 && exec "$0" "$@"`;

async function ownOf(addresses: readonly string[]): Promise<string[]> {
  const node = [process.execPath, "--input-type=module", "-e", program, ...addresses];
  const { stdout } = await promisify(execFile)("unshare", ["--net", "sh", "-c", setUp, ...node]);
  return stdout.trim().split(" ");
}

test("addresses of devices with and without a link, and all of a local route, are the server's own", async (t) => {
  const own = [
    ...["9.9.9.9", "2620:fe::9"],
    ...["8.8.4.1", "8.8.4.2", "2620:1::1"],
    ...["8.8.8.1", "8.8.8.254", "2620:9::5", "8.8.9.7"],
  ];
  const others = ["9.9.9.8", "8.8.4.3", "8.8.7.1", "1.1.1.1", "2620:fe::8", "2620:a::5", "2606:4700::1111"];
  t.deepEqual(await ownOf([...own, ...others]), own);
});

test("what the kernel cannot be asked of is the server's own", (t) => {
  const own = new OwnAddresses(
    () => 0,
    () => {
      throw new Error("EMFILE");
    },
  );
  t.true(own.has("8.8.8.8"));
});
