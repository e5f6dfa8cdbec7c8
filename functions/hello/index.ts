// Greets: the smallest useful function. GET greets the world, a JSON body {"name": …} greets by name.

import type { ExportedHandler } from "tsfn";

export default {
  async fetch(request, env) {
    const name = await nameIn(request);
    if (name === undefined)
      return Response.json({ error: 'wanted a JSON body such as {"name": "you"}' }, { status: 400 });
    console.log(`greeting ${name}`);
    return Response.json({ message: `${env.GREETING ?? "Hello"}, ${name}!` });
  },
} satisfies ExportedHandler;

async function nameIn(request: Request): Promise<string | undefined> {
  const text = await request.text();
  if (text === "") return "world";
  try {
    const { name } = JSON.parse(text) as { name?: unknown };
    return typeof name === "string" ? name : undefined;
  } catch {
    return undefined;
  }
}
