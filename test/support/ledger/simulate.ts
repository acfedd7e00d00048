// Plays processes that share a ledger: the program's own code over a store with latency, lost and late answers, on clocks
// that are minutes apart, with deaths. What the vendor and the store saw is the result.

import type { IsoDate } from '../../../lib/core/dates.ts'
import { createRemoteClock, DRIFT, type RemoteClock } from '../../../lib/core/remote-clock.ts'
import { createSharedLimit, type SharedLimit } from '../../../lib/fmp/ledger/shared-limit.ts'
import type { LedgerRecord } from '../../../lib/fmp/ledger/record.ts'
import type { Random } from '../random.ts'
import { createMachine, createWorldTime, type Machine, type WorldTime } from './world.ts'

/** A span of true time, in milliseconds since 1970. */
type Span = { readonly fromMs: number; readonly untilMs: number }

export type Story = {
  readonly random: Random
  readonly startMs: number
  readonly lengthMs: number
  readonly processes: number
  /** How long a call may take. */
  readonly timeoutMs: number
  /** The calls that one process has under way at the most. */
  readonly workers: number
  /** The limit that the processes keep, in milliseconds between two calls; 0 if there is none. */
  readonly intervalMs: number
  readonly dailyCalls: number | undefined
  /** How long the way to the store takes at the most, and the way back; one in a hundred takes 20 times as long. */
  readonly storeMs: number
  /** How much longer a request that is sent now takes, half of it on the way to the store. */
  readonly addedMs: (request: 'read' | 'write', nowMs: number) => number
  /** The chance that the answer to a write is lost; as often the write is, or comes late. */
  readonly lossChance: number
  /** The chance that a process dies within a second. Another one starts in its place. */
  readonly deathChance: number
  /** When the vendor refuses calls. */
  readonly refusals: readonly Span[]
}

/** A quiet story: everything works. A test says what is special about its own. */
export function storyOf(random: Random, changes: Partial<Story> = {}): Story {
  return {
    random,
    startMs: Date.UTC(2026, 10, 28, 12) + 1e7 * random(),
    lengthMs: 60_000,
    processes: 1,
    workers: 4,
    timeoutMs: 30_000,
    intervalMs: 250,
    dailyCalls: undefined,
    storeMs: 20,
    addedMs: () => 0,
    lossChance: 0,
    deathChance: 0,
    refusals: [],
    ...changes,
  }
}

export type Call = { readonly atMs: number; readonly endMs: number; readonly isRefused: boolean }

/** A version of the ledger of a day, and when the store took it. */
export type Version = { readonly atMs: number; readonly day: IsoDate; readonly text: string }

export type Played = {
  /** In the order of their times. */
  readonly calls: readonly Call[]
  readonly versions: readonly Version[]
  /** Why processes ended before the story did, apart from deaths. */
  readonly failures: readonly unknown[]
  readonly deaths: number
  /** Writes of which the process was not told whether they were stored. */
  readonly lostAnswers: number
  readonly storeRequests: number
}

/** What the gate adds to the interval. */
export const MARGIN_MS = 5

/** How long the processes have to give back what is left, after the end of the story. */
export const CLOSING_MS = 60_000

type Part = { readonly machine: Machine; readonly limit: SharedLimit }

/** Plays a story. `store` is made anew unless one is given, that of a story before. */
export async function play(story: Story, store: TestStore = createStore()): Promise<Played> {
  const { random, startMs, lengthMs } = story
  const time = createWorldTime(startMs)
  const calls: Call[] = []
  const failures: unknown[] = []
  const living = new Set<Part>()
  const requestsBefore = store.requests()
  let deaths = 0
  let isOver = false

  function begin(): void {
    if (isOver) return
    const machine = createMachine(time, (random() - 0.5) * 600_000, 1 + (random() - 0.5) * 1.8 * DRIFT)
    const part = { machine, limit: openLimit(machine, { store, story, time }) }
    living.add(part)
    for (let worker = 0; worker < story.workers; worker += 1) {
      void work(part).catch((error: unknown) => void failures.push(error))
    }
    if (story.deathChance > 0) mayDie(part)
  }

  function mayDie(part: Part): void {
    time.at(time.now() + 1_000 * random(), () => {
      if (isOver) return
      if (random() >= story.deathChance) return mayDie(part)
      part.machine.kill()
      living.delete(part)
      deaths += 1
      // The scheduler starts it again.
      time.at(time.now() + 20_000 * random(), begin)
    })
  }

  async function work({ machine, limit }: Part): Promise<void> {
    for (;;) {
      if (isOver) return
      for (let turn = limit.take(); turn !== undefined; turn = limit.take()) {
        await turn
        if (isOver) return
      }
      const atMs = time.now()
      const isRefused = story.refusals.some(({ fromMs, untilMs }) => fromMs <= atMs && atMs < untilMs)
      const tookMs = 50 + 400 * random()
      calls.push({ atMs, endMs: atMs + tookMs, isRefused })
      await machine.after(tookMs)
      if (isRefused) limit.refused(undefined)
      else limit.answered()
    }
  }

  for (let process = 0; process < story.processes; process += 1) time.at(startMs + 3_000 * random(), begin)
  await time.runUntil(startMs + lengthMs)
  isOver = true
  for (const { limit } of living) void limit.close().catch((error: unknown) => void failures.push(error))
  await time.runUntil(startMs + lengthMs + CLOSING_MS)
  const storeRequests = store.requests() - requestsBefore
  return { calls, versions: store.versions, failures, deaths, lostAnswers: store.lostAnswers(), storeRequests }
}

export type TestStore = {
  readonly versions: readonly Version[]
  readonly requests: () => number
  readonly lostAnswers: () => number
  readonly recordFor: (machine: Machine, observe: RemoteClock['observe'], place: Place) => LedgerRecord
}

type Place = { readonly time: WorldTime; readonly story: Story }

/** A store with ledgers. Its clock is true, and its answers tell whole seconds. */
export function createStore(): TestStore {
  const versions: Version[] = []
  const newest = new Map<IsoDate, { readonly text: string; readonly number: number }>()
  let requests = 0
  let lostAnswers = 0
  const versionOf = (day: IsoDate): string => String(newest.get(day)?.number ?? '')

  return {
    versions,
    requests: () => requests,
    lostAnswers: () => lostAnswers,
    recordFor(machine, observe, { time, story: { random, storeMs, addedMs, lossChance } }) {
      const wayMs = (): number => (random() < 0.01 ? 20 * storeMs : storeMs) * random()

      function setIf(day: IsoDate, text: string, version: string): boolean {
        if (version !== versionOf(day)) return false
        versions.push({ atMs: time.now(), day, text })
        newest.set(day, { text, number: versions.length })
        return true
      }

      /** Sends a request, and reads the clock of the answer. */
      async function send<T>(request: 'read' | 'write', serve: () => T): Promise<T> {
        requests += 1
        const sentMs = machine.elapsedMs()
        const halfMs = addedMs(request, time.now()) / 2
        const { value, secondMs } = await new Promise<{ value: T; secondMs: number }>((resolve) => {
          time.at(time.now() + wayMs() + halfMs, () => {
            const reply = { value: serve(), secondMs: Math.floor(time.now() / 1_000) * 1_000 }
            // The request of a machine that died on the way arrives all the same.
            void machine.after(wayMs() + halfMs).then(() => resolve(reply))
          })
        })
        observe({ fromMs: secondMs, toMs: secondMs + 1_000, sentMs, receivedMs: machine.elapsedMs() })
        return value
      }

      return {
        locate: (day) => `store/${day}.json`,
        read: (day) => send('read', () => ({ text: newest.get(day)?.text, version: versionOf(day) })),
        async write(day, text, version) {
          const fate = random()
          if (fate >= 2 * lossChance) return await send('write', () => setIf(day, text, version))
          lostAnswers += 1
          // The answer is lost; or the request is; or it arrives long after its process has given it up.
          if (fate >= lossChance) await send('write', () => setIf(day, text, version))
          else await send('write', () => undefined)
          if (fate < lossChance / 2) time.at(time.now() + 5_000 * random(), () => void setIf(day, text, version))
          return false
        },
        learnTime: () => send('read', () => undefined),
      }
    },
  }
}

let processes = 0

/** The limit of a process on this machine. */
export function openLimit(
  machine: Machine,
  { store, story, time }: Place & { readonly store: TestStore },
): SharedLimit {
  const storeTime = createRemoteClock(machine)
  processes += 1
  return createSharedLimit({
    record: store.recordFor(machine, storeTime.observe, { time, story }),
    storeTime,
    clock: machine,
    random: story.random,
    process: `process-${processes}`,
    intervalMs: story.intervalMs === 0 ? 0 : story.intervalMs + MARGIN_MS,
    dailyCalls: story.dailyCalls,
    timeoutMs: story.timeoutMs,
    wanted: () => 1_000,
    pauseMs: (refusals) => [5_000, 10_000, 20_000, 40_000][refusals - 1] ?? 60_000,
    signal: machine.signal,
  })
}
