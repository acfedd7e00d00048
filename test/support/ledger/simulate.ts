// Plays processes that share a ledger: the program's own code over a store with latency, lost and late answers, on clocks
// that are minutes apart, with deaths. What the vendor saw is the result.

import { utcDate, type IsoDate } from '../../../lib/core/dates.ts'
import { createRemoteClock } from '../../../lib/core/remote-clock.ts'
import { createSharedLimit, type SharedLimit } from '../../../lib/fmp/ledger/shared-limit.ts'
import type { LedgerRecord } from '../../../lib/fmp/ledger/record.ts'
import type { Random } from '../random.ts'
import { createMachine, createWorldTime, type Machine, type WorldTime } from './world.ts'

export type Story = {
  readonly random: Random
  readonly startMs: number
  readonly lengthMs: number
  readonly processes: number
  readonly workers: number
  /** The limit that the processes keep, in milliseconds between two calls. */
  readonly intervalMs: number
  readonly dailyCalls: number | undefined
  /** The mean time of a request to the store. */
  readonly storeMs: number
  /** The chance that the answer to a write is lost; as often the write is. */
  readonly lossChance: number
  /** The chance that a process dies within a second. */
  readonly deathChance: number
  /** Spans of true time in which the vendor refuses calls. */
  readonly refusals: readonly { readonly fromMs: number; readonly untilMs: number }[]
}

export type Call = { readonly atMs: number; readonly process: number; readonly isRefused: boolean }

export type Played = {
  readonly calls: readonly Call[]
  /** Why processes ended before the story did, apart from deaths. */
  readonly failures: readonly unknown[]
  readonly deaths: number
  readonly storeRequests: number
  readonly ledgers: ReadonlyMap<string, string>
}

/** What the gate adds to the interval. */
export const MARGIN_MS = 5

export async function play(story: Story): Promise<Played> {
  const { random, startMs, lengthMs } = story
  const time = createWorldTime(startMs)
  const store = createStore(time, story)
  const calls: Call[] = []
  const failures: unknown[] = []
  let deaths = 0

  function begin(process: number): void {
    const machine = createMachine(time, (random() - 0.5) * 600_000, 1 + (random() - 0.5) * 2e-4)
    const { limit, failed } = openLimit(machine, store, story)
    failed.catch(() => undefined)
    for (let worker = 0; worker < story.workers; worker += 1) {
      void work({ machine, limit, process }).catch((error: unknown) => void failures.push(error))
    }
    mayDie(machine, process)
  }

  function mayDie(machine: Machine, process: number): void {
    if (story.deathChance === 0) return
    time.at(time.now() + 1_000 * random(), () => {
      if (random() >= story.deathChance) return mayDie(machine, process)
      machine.kill()
      deaths += 1
      // The scheduler starts it again.
      time.at(time.now() + 20_000 * random(), () => begin(process))
    })
  }

  async function work({ machine, limit, process }: { machine: Machine; limit: SharedLimit; process: number }): Promise<void> {
    for (;;) {
      for (let turn = limit.take(); turn !== undefined; turn = limit.take()) await turn
      const atMs = time.now()
      const isRefused = story.refusals.some(({ fromMs, untilMs }) => fromMs <= atMs && atMs < untilMs)
      calls.push({ atMs, process, isRefused })
      await machine.after(50 + 400 * random())
      if (isRefused) limit.refused(undefined)
      else limit.answered()
      // The gate of a process that was refused waits as well.
      if (isRefused) await machine.after(5_000)
    }
  }

  for (let process = 0; process < story.processes; process += 1) {
    time.at(startMs + 3_000 * random(), () => begin(process))
  }
  await time.runUntil(startMs + lengthMs)
  return { calls, failures, deaths, storeRequests: store.requests(), ledgers: store.texts }
}

type TestStore = {
  readonly texts: ReadonlyMap<string, string>
  readonly requests: () => number
  readonly recordFor: (machine: Machine, observe: ReturnType<typeof createRemoteClock>['observe']) => LedgerRecord
}

function createStore(time: WorldTime, { random, storeMs, lossChance }: Story): TestStore {
  const texts = new Map<string, string>()
  const versions = new Map<string, number>()
  let requests = 0
  const wayMs = (): number => (random() < 0.01 ? 20 * storeMs : storeMs) * random()
  const setIf = (day: IsoDate, text: string, version: string): boolean => {
    if (version !== String(versions.get(day) ?? '')) return false
    texts.set(day, text)
    versions.set(day, (versions.get(day) ?? 0) + 1)
    return true
  }
  return {
    texts,
    requests: () => requests,
    recordFor(machine, observe) {
      /** Sends a request, and reads the clock of the answer. */
      async function send<T>(serve: () => T): Promise<T> {
        requests += 1
        const sentMs = machine.elapsedMs()
        const reply = await new Promise<{ value: T; secondMs: number }>((resolve) => {
          time.at(time.now() + wayMs(), () => {
            const secondMs = Math.floor(time.now() / 1_000) * 1_000
            // The request of a machine that died on the way arrives all the same.
            const value = serve()
            void machine.after(wayMs()).then(() => resolve({ value, secondMs }))
          })
        })
        observe({ fromMs: reply.secondMs, toMs: reply.secondMs + 1_000, sentMs, receivedMs: machine.elapsedMs() })
        return reply.value
      }
      return {
        locate: (day) => day,
        read: (day) => send(() => ({ text: texts.get(day), version: String(versions.get(day) ?? '') })),
        async write(day, text, version) {
          const fate = random()
          // The request is lost; its answer is; it arrives long after everybody has given it up.
          if (fate < lossChance / 2) return await send(() => false)
          if (fate < lossChance) {
            time.at(time.now() + 5_000 * random(), () => void setIf(day, text, version))
            return await send(() => false)
          }
          const isStored = await send(() => setIf(day, text, version))
          return fate < lossChance * 2 ? false : isStored
        },
        learnTime: () => send(() => undefined),
      }
    },
  }
}

let processes = 0

function openLimit(machine: Machine, store: TestStore, story: Story): { limit: SharedLimit; failed: Promise<never> } {
  const remote = createRemoteClock(machine)
  processes += 1
  const limit = createSharedLimit({
    record: store.recordFor(machine, remote.observe),
    storeTime: remote,
    clock: machine,
    random: story.random,
    process: `process-${processes}`,
    intervalMs: story.intervalMs + MARGIN_MS,
    dailyCalls: story.dailyCalls,
    wanted: () => 1_000,
    pauseMs: (refusals) => [5_000, 10_000, 20_000, 40_000][refusals - 1] ?? 60_000,
    signal: machine.signal,
  })
  return { limit, failed: new Promise<never>(() => undefined) }
}

/** The most calls that fell into a span of so many milliseconds. */
export function mostWithin(calls: readonly Call[], spanMs: number): number {
  let most = 0
  let first = 0
  calls.forEach(({ atMs }, index) => {
    while (atMs - (calls[first]?.atMs ?? 0) >= spanMs) first += 1
    most = Math.max(most, index - first + 1)
  })
  return most
}

/** The calls of each UTC day by a clock that is so far ahead of the store's. */
export function callsByDay(calls: readonly Call[], aheadMs = 0): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { atMs } of calls) {
    const day = utcDate(atMs + aheadMs)
    counts.set(day, (counts.get(day) ?? 0) + 1)
  }
  return counts
}
