// So many tasks at once, the others in the order in which they came: by turns, where tasks come one by one, or through a
// list of them.

export type Turns = {
  /** Runs `task` when its turn has come. */
  run<T>(task: () => Promise<T>): Promise<T>
  /** How many tasks run at once from now on; those that run already go on. */
  setLimit(limit: number): void
}

/**
 * Takes a third of the time that p-queue takes for a task, which counts where tasks are files by the ten thousand. What
 * needs p-queue's clock, the gate to the vendor, has p-queue.
 */
export function createTurns(most: number): Turns {
  let limit = most
  let running = 0
  /** Those that wait, from `next` on; the part before it is cut off now and then. */
  let waiting: (() => void)[] = []
  let next = 0

  function startNext(): void {
    while (running < limit && next < waiting.length) {
      running += 1
      waiting[next]?.()
      next += 1
    }
    if (next > 1_000 || (next > 0 && next === waiting.length)) {
      waiting = waiting.slice(next)
      next = 0
    }
  }

  return {
    setLimit(newLimit) {
      limit = newLimit
      startNext()
    },
    async run(task) {
      if (running < limit) running += 1
      else await new Promise<void>((resolve) => waiting.push(resolve))
      try {
        return await task()
      } finally {
        running -= 1
        startNext()
      }
    },
  }
}

/**
 * Like Promise.all over a map, but with `most` items in work at once: the thousands that only wait would take memory.
 * Results stand in the order of the items. Rejects with the first failure; what is in work then goes on, nothing more is
 * begun.
 */
export async function mapAtMost<T, R>(
  items: readonly T[],
  most: number,
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = []
  const left = items.entries()
  let hasFailed = false
  const takeUp = async (): Promise<void> => {
    for (const [index, item] of left) {
      if (hasFailed) return
      results[index] = await work(item)
    }
  }
  const hands = Array.from({ length: Math.min(most, items.length) }, takeUp)
  await Promise.all(hands).catch((error: unknown) => {
    hasFailed = true
    throw error
  })
  return results
}
