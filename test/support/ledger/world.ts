// A world for ledgers: one store, one vendor, and processes on machines whose clocks are minutes apart, in a time of its own.
// Everything that happens follows from the seed.

import type { Clock } from '../../../lib/core/clock.ts'

type Event = { readonly atMs: number; readonly order: number; readonly run: () => void }

/** True time, that of the store's clock, in milliseconds since 1970. It moves from event to event. */
export type WorldTime = {
  now(): number
  at(ms: number, run: () => void): () => void
  /** Runs until `untilMs`, or until nothing is left to happen. */
  runUntil(untilMs: number): Promise<void>
}

export function createWorldTime(startMs: number): WorldTime {
  const heap: Event[] = []
  const cancelled = new Set<number>()
  let nowMs = startMs
  let order = 0

  const isBefore = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

  function push(event: Event): void {
    heap.push(event)
    for (let at = heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1
      if (!isBefore(heap[at] as Event, heap[parent] as Event)) return
      ;[heap[at], heap[parent]] = [heap[parent] as Event, heap[at] as Event]
      at = parent
    }
  }

  function pop(): Event | undefined {
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    heap[0] = last
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      let least = at
      if (left < heap.length && isBefore(heap[left] as Event, heap[least] as Event)) least = left
      if (right < heap.length && isBefore(heap[right] as Event, heap[least] as Event)) least = right
      if (least === at) return first
      ;[heap[at], heap[least]] = [heap[least] as Event, heap[at] as Event]
      at = least
    }
  }

  return {
    now: () => nowMs,
    at(ms, run) {
      order += 1
      const event = { atMs: Math.max(nowMs, ms), order, run }
      push(event)
      return () => void cancelled.add(event.order)
    },
    async runUntil(untilMs) {
      for (;;) {
        // All promises that can go on do so before time does.
        await new Promise<void>((resolve) => void setImmediate(resolve))
        const next = heap[0]
        if (next === undefined || next.atMs > untilMs) break
        pop()
        if (cancelled.delete(next.order)) continue
        nowMs = next.atMs
        next.run()
      }
      nowMs = Math.max(nowMs, untilMs)
    },
  }
}

/** A machine: its clock is off and runs a little too fast or too slow. What it waits for never comes once it is dead. */
export type Machine = Clock & {
  readonly signal: AbortSignal
  readonly isDead: () => boolean
  kill(): void
  /** Resolves after so many milliseconds of true time, unless the machine is dead by then. */
  after(ms: number): Promise<void>
}

export function createMachine(time: WorldTime, offsetMs: number, speed: number): Machine {
  const born = time.now()
  const stop = new AbortController()
  let isDead = false
  const after = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      time.at(time.now() + ms, () => {
        if (!isDead) resolve()
      })
    })
  return {
    signal: stop.signal,
    isDead: () => isDead,
    kill() {
      isDead = true
    },
    after,
    elapsedMs: () => offsetMs + (time.now() - born) * speed,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return void resolve()
        const wake = () => {
          if (!isDead) resolve()
        }
        const cancel = time.at(time.now() + Math.max(0, ms) / speed, () => {
          signal?.removeEventListener('abort', woken)
          wake()
        })
        const woken = () => {
          cancel()
          wake()
        }
        signal?.addEventListener('abort', woken, { once: true })
      }),
  }
}
