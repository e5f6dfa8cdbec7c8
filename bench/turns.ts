// Contenders that take turns, so that what the machine does meanwhile meets all of them alike.

export interface Turns {
  readonly rounds: number;
  /** Before them; their samples are dropped. */
  readonly warmUpRounds: number;
}

/**
 * A sample of each contender in every round. Who begins changes with every round, so that nobody always finds the caches that
 * another has warmed.
 */
export async function takeTurns<Sample>(
  contenders: ReadonlyMap<string, () => Promise<Sample>>,
  { rounds, warmUpRounds }: Turns,
): Promise<Map<string, Sample[]>> {
  const all = [...contenders];
  const samples = new Map<string, Sample[]>(all.map(([name]) => [name, []]));
  for (let round = 0; round < warmUpRounds + rounds; round += 1) {
    const first = round % all.length;
    for (const [name, contend] of [...all.slice(first), ...all.slice(0, first)]) {
      const sample = await contend();
      if (round >= warmUpRounds) samples.get(name)?.push(sample);
    }
  }
  return samples;
}
