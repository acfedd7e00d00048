// Turns: so many tasks at once, the others in the order in which they came.

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
    if (next > 1_000 || next === waiting.length) {
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
