// Random cases that can be played again: `TEST_SEED=… bun test` draws the same ones.

export type Random = () => number

/** From 0 up to, but without, 1; the same seed, the same numbers. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Runs `check` on `count` random cases; a failure names the seed that repeats it and the round it fell in. */
export function forRandomCases(name: string, count: number, check: (random: Random) => void): void {
  const { seed, random } = begin(name)
  for (let round = 0; round < count; round += 1) {
    try {
      check(random)
    } catch (error) {
      throw failed(error, name, seed, round)
    }
  }
}

/** The same for checks that wait for something. */
export async function forRandomRuns(
  name: string,
  count: number,
  check: (random: Random) => Promise<void>,
): Promise<void> {
  const { seed, random } = begin(name)
  for (let round = 0; round < count; round += 1) {
    try {
      await check(random)
    } catch (error) {
      throw failed(error, name, seed, round)
    }
  }
}

function begin(name: string) {
  const seed = Number(Bun.env['TEST_SEED'] ?? Date.now() % 1_000_000)
  console.log(`${name}: seed ${seed} (TEST_SEED=${seed} repeats it)`)
  return { seed, random: seededRandom(seed) }
}

function failed(cause: unknown, name: string, seed: number, round: number): Error {
  const words = cause instanceof Error ? cause.message : String(cause)
  return new Error(`${name}, TEST_SEED=${seed}, round ${round}: ${words}`, { cause })
}

/** A whole number from `min` to `max`, both included. */
export function wholeBetween(random: Random, min: number, max: number): number {
  return min + Math.floor(random() * (max - min + 1))
}

/** One of the list, which has at least one. */
export function oneOf<T>(random: Random, list: readonly T[]): T {
  const index = Math.floor(random() * list.length)
  return list.slice(index)[0] as T
}

/** Those of the list that a coin of this chance picks. */
export function someOf<T>(random: Random, list: readonly T[], chance: number): T[] {
  return list.filter(() => random() < chance)
}
