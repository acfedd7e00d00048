// Time for runs in this process: it stands still while anything is under way, and moves on to the next timer once
// nothing is. A wait of two minutes costs nothing, and a timeout strikes only when there is nothing left to wait for, on
// a busy machine as on a quiet one.

import { AsyncLocalStorage } from 'node:async_hooks'
import type { Clock } from '../../../lib/core/clock.ts'

export type VirtualTime = Clock & {
  /** Holds time still until the work has ended. */
  during<T>(work: Promise<T>): Promise<T>
  /** Work that nothing but a timeout ends: while there is some, `AbortSignal.timeout` strikes. */
  stuck<T>(work: Promise<T>): Promise<T>
  /** Moves on at once, whatever is under way. */
  skip(ms: number): void
  /** Runs a program in this time: `AbortSignal.timeout` keeps to it as well. Time stands still for ever afterwards. */
  live<T>(program: () => Promise<T>): Promise<T>
}

/** A timeout of a request that has been answered stays set, and must not move time on. */
type Timer = { readonly atMs: number; readonly ring: () => void; readonly isTimeout: boolean }

/** Promises that wait for each other, and files, come to rest within so many turns of the event loop. */
const QUIET_TURNS = 4

const current = new AsyncLocalStorage<{ after(ms: number): AbortSignal }>()

const realTimeout = AbortSignal.timeout.bind(AbortSignal)
AbortSignal.timeout = (ms) => current.getStore()?.after(ms) ?? realTimeout(ms)

/** A time that begins at 0 milliseconds. */
export function createVirtualTime(): VirtualTime {
  const timers = new Set<Timer>()
  let nowMs = 0
  let underWay = 0
  let stuck = 0
  let isWatched = false
  let isOver = false

  const due = (): readonly Timer[] => [...timers].filter(({ isTimeout }) => !isTimeout || stuck > 0)
  const mayMoveOn = (): boolean => underWay === 0 && !isOver && due().length > 0

  async function isQuiet(): Promise<boolean> {
    for (let turn = 0; turn < QUIET_TURNS; turn += 1) {
      await new Promise<void>((resolve) => void setImmediate(resolve))
      if (underWay > 0) return false
    }
    return true
  }

  async function watch(): Promise<void> {
    if (isWatched) return
    isWatched = true
    while (mayMoveOn()) if (await isQuiet()) ringNext()
    isWatched = false
  }

  /** In the order of their times, those of the same time in the order in which they were set. */
  function ringNext(): void {
    const next = due().reduce<Timer | undefined>(
      (first, timer) => (first === undefined || timer.atMs < first.atMs ? timer : first),
      undefined,
    )
    if (next === undefined) return
    timers.delete(next)
    nowMs = Math.max(nowMs, next.atMs)
    next.ring()
  }

  function set(ms: number, ring: () => void, isTimeout = false): Timer {
    const timer = { atMs: nowMs + Math.max(0, ms), ring, isTimeout }
    timers.add(timer)
    void watch()
    return timer
  }

  const after = (ms: number): AbortSignal => {
    const end = new AbortController()
    set(ms, () => end.abort(new DOMException('The operation timed out.', 'TimeoutError')), true)
    return end.signal
  }

  return {
    elapsedMs: () => nowMs,
    sleep: async (ms, signal) => {
      if (signal?.aborted === true) return
      await new Promise<void>((resolve) => {
        const timer = set(ms, resolve)
        const wake = () => {
          timers.delete(timer)
          resolve()
        }
        signal?.addEventListener('abort', wake, { once: true })
      })
    },
    async stuck(work) {
      stuck += 1
      void watch()
      return await work.finally(() => {
        stuck -= 1
      })
    },
    async during(work) {
      underWay += 1
      try {
        return await work
      } finally {
        underWay -= 1
        void watch()
      }
    },
    skip(ms) {
      nowMs += ms
    },
    live: async (program) =>
      await current.run({ after }, program).finally(() => {
        isOver = true
      }),
  }
}
