// Concurrency limits: `createLimit(n)` queues tasks first in, first out; `mapLimit` maps a list with at most n in flight;
// `mapAhead` does so for a consumer that takes one result at a time.

/** Runs at most so many tasks at once. */
export type Limit = {
  /** Runs `task` as soon as a slot is free; settles as `task` does. */
  run<T>(task: () => Promise<T>): Promise<T>
  /** Changes how many tasks run at once. Tasks that already run are not stopped. */
  setMax(max: number): void
}

/**
 * A limit of `max` tasks, which start in the order in which they came. Takes a third of the time of p-queue for a task
 * (a seventh with 100,000 waiting), which counts where tasks are files by the ten thousand. p-queue is used only where its
 * clock is needed, in the rate gate to the vendor.
 */
export function createLimit(max: number): Limit {
  let currentMax = max
  let running = 0
  /** The waiting tasks are those from `next` on; the part before `next` is cut off now and then. */
  let waiting: (() => void)[] = []
  let next = 0

  function startNext(): void {
    while (running < currentMax && next < waiting.length) {
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
    setMax(newMax) {
      currentMax = newMax
      startNext()
    },
    async run(task) {
      if (running < currentMax) running += 1
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
 * Like Promise.all over a map, but with at most `max` items in flight: thousands of promises that only wait would take
 * memory. Results are in the order of the items. Rejects with the first failure; items in flight then go on, and no other
 * item is started.
 */
export async function mapLimit<T, R>(
  items: readonly T[],
  max: number,
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = []
  const remaining = items.entries()
  let hasFailed = false
  const runWorker = async (): Promise<void> => {
    for (const [index, item] of remaining) {
      if (hasFailed) return
      results[index] = await work(item)
    }
  }
  const workers = Array.from({ length: Math.min(max, items.length) }, runWorker)
  await Promise.all(workers).catch((error: unknown) => {
    hasFailed = true
    throw error
  })
  return results
}

/**
 * Yields the results one by one in the order of the items, with at most `max` of them in flight or waiting to be taken: the
 * memory that they take does not grow with the number of items. Throws the first failure in that order; no other item is
 * started then, nor after a consumer that stops early.
 */
export async function* mapAhead<T, R>(
  items: Iterable<T>,
  max: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void> {
  const ahead: Promise<R>[] = []
  for (const item of items) {
    const result = work(item)
    // It is awaited in its turn. Until then a failure must not count as one that nobody handles.
    result.catch(() => undefined)
    ahead.push(result)
    const [next] = ahead.length < max ? [] : ahead.splice(0, 1)
    if (next !== undefined) yield await next
  }
  for (const result of ahead) yield await result
}
