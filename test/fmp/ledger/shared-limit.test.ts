// Processes that share a limit, played in a time of their own; `bun run test:ledger` plays many more.

import { describe, expect, test } from 'bun:test'
import { IngestError } from '../../../lib/core/errors.ts'
import { MAX_AGE_MS } from '../../../lib/fmp/ledger/leases.ts'
import type { SharedLimit } from '../../../lib/fmp/ledger/shared-limit.ts'
import { emptyLedger, formatLedger, leasedCalls, parseLedger, type LedgerState } from '../../../lib/fmp/ledger/state.ts'
import { utcDate } from '../../../lib/core/dates.ts'
import {
  createStore,
  openLimit,
  play,
  storyOf,
  type Played,
  type Story,
  type TestStore,
} from '../../support/ledger/simulate.ts'
import {
  drawQuietStory,
  drawSlowStory,
  drawStory,
  excessIn,
  leastGapMs,
  useOf,
  violationsIn,
} from '../../support/ledger/stories.ts'
import { createMachine, createWorldTime, type Machine, type WorldTime } from '../../support/ledger/world.ts'
import { forRandomRuns, seededRandom } from '../../support/random.ts'
import { errorOf } from '../../support/values.ts'

const STORIES = Number(Bun.env['LEDGER_STORIES'] ?? 150)
const QUIET_STORIES = 12
const SLOW_STORIES = 25

const START_MS = Date.UTC(2026, 10, 28, 12)
const HOUR_MS = 3_600_000

/** The calls that the newest ledger counts. */
function countedIn({ versions }: Pick<Played, 'versions'>): number {
  const { day = utcDate(START_MS), text } = versions.at(-1) ?? {}
  return leasedCalls(parseLedger(text, day, 'ledger'))
}

/** The error that ended every worker of a story. */
function endOf({ failures }: Played): IngestError {
  const [first] = failures
  if (!(first instanceof IngestError)) throw new Error(`no failure but ${String(first)}`)
  expect(new Set(failures.map(String))).toEqual(new Set([String(first)]))
  return first
}

describe('whatever happens', () => {
  test(`no limit is passed and nothing is forgotten, in ${STORIES} stories`, async () => {
    await forRandomRuns('stories of a ledger', STORIES, async (random) => {
      const story = drawStory(random)
      expect(violationsIn(story, await play(story))).toEqual([])
    })
  })
})

describe('where everything works', () => {
  test('nine tenths of the limit are used, and no call is counted that is not made', async () => {
    const uses: number[] = []
    await forRandomRuns('quiet stories of a ledger', QUIET_STORIES, async (random) => {
      const story = drawQuietStory(random)
      const played = await play(story)
      expect(violationsIn(story, played)).toEqual([])
      expect(played.failures).toEqual([])
      uses.push(useOf(story, played))
    })
    const mean = uses.reduce((sum, use) => sum + use, 0) / uses.length
    console.log(`mean use of the shared limit: ${mean.toFixed(3)}`)
    expect(mean).toBeGreaterThanOrEqual(0.9)
  })

  test('a process alone keeps its rate without a gap, for five small requests in ten seconds', async () => {
    const story = storyOf(seededRandom(1), { lengthMs: 300_000 })
    const played = await play(story)
    const settled = played.calls.filter(({ atMs }) => atMs > story.startMs + 30_000)
    const gaps = settled.slice(1).map(({ atMs }, index) => atMs - (settled[index]?.atMs ?? 0))
    expect(Math.max(...gaps)).toBeLessThan(2 * story.intervalMs)
    expect(useOf(story, played)).toBeGreaterThan(0.95)
    // At first it finds out the store's time.
    expect(played.storeRequests).toBeLessThan((300 / 10) * 5 + 15)
  })

  test.each([
    [8, 160],
    [32, 550],
  ])('%i processes make no more than %i requests to the store in a minute', async (processes, most) => {
    const played = await play(storyOf(seededRandom(1), { processes, workers: 8, storeMs: 40, lengthMs: 300_000 }))
    expect(played.storeRequests / 5).toBeLessThan(most)
  })

  test('eight processes of which one is killed every two seconds still make a quarter of the calls', async () => {
    const killed = { processes: 8, workers: 8, intervalMs: 100, storeMs: 10, deathChance: 1 / 12, lengthMs: 300_000 }
    const uses = await Promise.all(
      [1, 2, 3].map(async (seed) => {
        const story = storyOf(seededRandom(seed), killed)
        const played = await play(story)
        expect(played.deaths).toBeGreaterThan(130)
        return useOf(story, played)
      }),
    )
    expect(Math.min(...uses)).toBeGreaterThan(0.25)
  })

  test('what is left over is given back at the end', async () => {
    const played = await play(storyOf(seededRandom(2), { processes: 3, lengthMs: 33_000 }))
    expect(played.calls.length).toBeGreaterThan(50)
    expect(countedIn(played)).toBe(played.calls.length)
  })

  test('without a rate only the calls of the day are shared', async () => {
    const played = await play(
      storyOf(seededRandom(3), { processes: 3, workers: 2, intervalMs: 0, dailyCalls: 700, lengthMs: 120_000 }),
    )
    expect(played.calls).toHaveLength(700)
    expect(endOf(played).kind).toBe('quota')
    expect(leastGapMs(played.calls)).toBeLessThan(100)
  })
})

/** A store whose answers take so long, from the first second to `untilMs` after the start. */
const slowFor = (tookMs: number, untilMs = Infinity): Partial<Story> => ({
  startMs: START_MS,
  addedMs: (_request, nowMs) => (nowMs < START_MS + untilMs ? tookMs : 0),
})

describe('where the store is slow', () => {
  test.each([
    [1, 0.9],
    [8, 0.85],
  ])('and takes a second for each answer, %i processes still use %f of the limit', async (processes, least) => {
    const story = storyOf(seededRandom(15), { ...slowFor(1_000), processes, lengthMs: 600_000 })
    const played = await play(story)
    expect(excessIn(story, played)).toEqual([])
    expect(useOf(story, played)).toBeGreaterThan(least)
  })

  test(`but answers reads within nine seconds, calls go on, in ${SLOW_STORIES} stories`, async () => {
    await forRandomRuns('stories of a slow store', SLOW_STORIES, async (random) => {
      const story = drawSlowStory(random)
      const played = await play(story)
      expect(excessIn(story, played)).toEqual([])
      expect(played.failures).toEqual([])
      const lastMs = Math.max(...played.calls.map(({ atMs }) => atMs))
      expect(lastMs).toBeGreaterThan(story.startMs + story.lengthMs - 400_000)
    })
  })

  test('after a refusal the one call is made in time, though the ledger must be read anew first', async () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const refusals = [{ fromMs: START_MS + 100_000, untilMs: START_MS + 120_000 }]
      const slow = { addedMs: (request: 'read' | 'write') => (request === 'read' ? 8_500 : 3_800) }
      const story = storyOf(seededRandom(seed), { startMs: START_MS, processes: 2, intervalMs: 100, refusals, ...slow })
      const { calls } = await play({ ...story, lengthMs: 400_000 })
      const lastMs = Math.max(...calls.filter(({ isRefused }) => isRefused).map(({ atMs }) => atMs))
      const next = calls.find(({ atMs }) => atMs > lastMs)
      // Two turns of a process that finds out would be 130 s.
      expect((next?.atMs ?? Infinity) - lastMs).toBeLessThan(100_000)
    }
  })

  test.each([
    [1, 11_000],
    [4, 11_000],
    [1, 60_000],
    [4, 60_000],
  ])('and answers no read in time, %i processes end with the reason: %i ms', async (processes, tookMs) => {
    const story = storyOf(seededRandom(11), { ...slowFor(tookMs), processes, lengthMs: 900_000 })
    const played = await play(story)
    expect(played.calls).toEqual([])
    expect(played.failures).toHaveLength(processes * story.workers)
    for (const error of played.failures) expect(error).toMatchObject({ kind: 'store', scope: 'run' })
    expect(String(played.failures[0])).toContain(`store/2026-11-28.json: the store took ${tookMs / 1_000}.0 `)
  })

  test.each([1, 4])(
    'for four minutes again and again, %i processes go on each time that it recovers',
    async (processes) => {
      const cycleMs = 300_000
      const isSlow = (nowMs: number) => (nowMs - START_MS) % cycleMs < 240_000
      const addedMs = (_request: unknown, nowMs: number) => (isSlow(nowMs) ? 12_000 : 0)
      const story = storyOf(seededRandom(12), { startMs: START_MS, addedMs, processes, lengthMs: 4 * cycleMs })
      const played = await play(story)
      expect(played.failures).toEqual([])
      const cycles = Object.groupBy(played.calls, ({ atMs }) => Math.floor((atMs - START_MS) / cycleMs))
      for (const cycle of [0, 1, 2, 3]) expect(cycles[cycle]?.length).toBeGreaterThan(50)
    },
  )

  test('no longer than a run waits, the next calls are as fast as ever', async () => {
    const story = storyOf(seededRandom(13), { ...slowFor(20_000, 200_000), lengthMs: 500_000 })
    const played = await play(story)
    expect(played.failures).toEqual([])
    expect(played.calls.filter(({ atMs }) => atMs > START_MS + 400_000).length).toBeGreaterThan(380)
  })
})

describe('the calls of a day', () => {
  test.each([1, 5, 43, 250])('that are %d are all made, and no more', async (dailyCalls) => {
    for (const processes of [1, 4]) {
      const played = await play(storyOf(seededRandom(4), { processes, dailyCalls, lengthMs: 150_000 }))
      expect(played.calls).toHaveLength(dailyCalls)
      const error = endOf(played)
      expect(error).toMatchObject({ kind: 'quota', scope: 'run' })
      expect(error.message).toContain(`${dailyCalls} calls of this UTC day (DAILY_CALLS)`)
      expect(error.hint).toContain('after midnight UTC')
    }
  })

  test('begin anew after midnight', async () => {
    const startMs = Date.UTC(2026, 10, 28, 23, 57)
    const played = await play(storyOf(seededRandom(5), { startMs, dailyCalls: 600, lengthMs: 300_000, processes: 2 }))
    const days = Object.groupBy(played.calls, ({ atMs }) => utcDate(atMs))
    expect(Object.keys(days)).toEqual(['2026-11-28', '2026-11-29'])
    // No call within a minute of midnight.
    const midnightMs = Date.UTC(2026, 10, 29)
    expect(played.calls.filter(({ atMs }) => Math.abs(atMs - midnightMs) < 60_000)).toEqual([])
  })
})

/** A story in which FMP refuses calls, from its 20th second for so long. */
const refusedFor = (seed: number, lengthMs: number, changes: Partial<Story> = {}): Story => {
  const span = { fromMs: START_MS + 20_000, untilMs: START_MS + lengthMs }
  return storyOf(seededRandom(seed), { startMs: START_MS, processes: 4, refusals: [span], ...changes })
}

describe('refusals', () => {
  test('of a minute pause all, and cost a few calls', async () => {
    const story = refusedFor(6, 60_000, { lengthMs: 200_000 })
    const played = await play(story)
    expect(played.failures).toEqual([])
    expect(violationsIn(story, played)).toEqual([])
    expect(played.calls.filter(({ isRefused }) => isRefused).length).toBeLessThan(20)
    expect(played.calls.some(({ atMs }) => atMs > START_MS + 190_000)).toBe(true)
  })

  test('of over two minutes stop all; runs of the next hour make no call, and a later one asks again', async () => {
    const store = createStore()
    const story = refusedFor(7, HOUR_MS, { lengthMs: 300_000 })
    const played = await play(story, store)
    const error = endOf(played)
    expect(error).toMatchObject({ kind: 'quota', scope: 'run' })
    expect(error.message).toContain('The day limit of your plan is reached')
    expect(error.hint).toContain('tomorrow')
    const lastMs = Math.max(...played.calls.map(({ endMs }) => endMs))
    expect(lastMs).toBeGreaterThan(START_MS + 20_000 + 130_000)
    const later = { lengthMs: 60_000, processes: 2, refusals: [] }
    const soon = await play(storyOf(seededRandom(8), { ...later, startMs: lastMs + HOUR_MS - 70_000 }), store)
    expect(soon.calls).toEqual([])
    expect(endOf(soon).kind).toBe('quota')
    // It has made no call: it is told until when there is none.
    const { limitedUntilMs } = newestOf(store)
    expect(endOf(soon).hint).toContain(` before ${new Date(limitedUntilMs ?? 0).toISOString().slice(11, 16)} UTC.`)
    const next = await play(storyOf(seededRandom(9), { ...later, startMs: lastMs + HOUR_MS + 1_000 }), store)
    expect(next.failures).toEqual([])
    expect(next.calls.length).toBeGreaterThan(50)
  })
})

/** A few processes that a test leads by hand. */
function openWorld(changes: Partial<Story> = {}) {
  const time = createWorldTime(START_MS)
  const store = createStore()
  const story = storyOf(seededRandom(10), { startMs: START_MS, ...changes })
  const open = (): { machine: Machine; limit: SharedLimit } => {
    const machine = createMachine(time, 0, 1)
    return { machine, limit: openLimit(machine, { store, story, time }) }
  }
  return { time, store, story, open }
}

type Answer = 'answered' | 'refused' | 'dead'

/** Makes one call after the other, each answered after `tookMs`. Resolves to the error that ends it. */
async function callOn(
  { machine, limit }: { machine: Machine; limit: SharedLimit },
  answer: () => Answer,
  tookMs = () => 100,
): Promise<unknown> {
  try {
    for (;;) {
      for (let waited = limit.take(); waited !== undefined; waited = limit.take()) await waited
      const reply = answer()
      if (reply === 'dead') machine.kill()
      await machine.after(tookMs())
      if (reply === 'refused') limit.refused(undefined)
      else limit.answered()
    }
  } catch (error) {
    return error
  }
}

const runFor = async (time: WorldTime, ms: number): Promise<void> => await time.runUntil(time.now() + ms)

const newestOf = ({ versions }: TestStore): LedgerState => {
  const { day, text } = versions.at(-1) ?? { day: utcDate(START_MS), text: undefined }
  return text === undefined ? emptyLedger(day) : parseLedger(text, day, 'ledger')
}

describe('one process', () => {
  test('reads and writes nothing before a call is asked for, and nothing at its end then', async () => {
    const { time, store, open } = openWorld()
    const { limit } = open()
    await limit.close()
    await runFor(time, 10_000)
    expect(store.requests()).toBe(0)
  })

  test('gets no call after its end: that would be a defect', async () => {
    const { open } = openWorld()
    const { limit } = open()
    await limit.close()
    expect(() => limit.take()).toThrow('after the end of the run')
  })

  test('tells when its next call may start', async () => {
    const { time, open } = openWorld({ intervalMs: 1_000 })
    const { limit } = open()
    void limit.take()
    await runFor(time, 2_000)
    expect(limit.nextInMs()).toBe(0)
    expect(limit.take()).toBeUndefined()
    expect(limit.nextInMs()).toBe(1_005)
    await runFor(time, 400)
    expect(limit.nextInMs()).toBe(605)
    expect(limit.take()).toBeInstanceOf(Promise)
  })

  test('makes no call on a ledger that it has read more than ten seconds ago', async () => {
    const { time, store, story } = openWorld({ intervalMs: 1_000 })
    const [hangsFromMs, calls] = [START_MS + 9_500, [] as number[]]
    let readMs = 0
    const hanging: TestStore = {
      ...store,
      recordFor: (...where) => {
        const { read, ...others } = store.recordFor(...where)
        return {
          ...others,
          read: async (day) => {
            if (time.now() > hangsFromMs) return await new Promise(() => undefined)
            readMs = time.now()
            return await read(day)
          },
        }
      },
    }
    const machine = createMachine(time, 0, 1)
    const limit = openLimit(machine, { store: hanging, story, time })
    void callOn({ machine, limit }, () => {
      calls.push(time.now())
      return 'answered'
    })
    await runFor(time, 60_000)
    const lastMs = calls.at(-1) ?? 0
    expect(lastMs - readMs).toBeGreaterThan(8_000)
    expect(lastMs - readMs).toBeLessThanOrEqual(MAX_AGE_MS)
    // It has leased more.
    expect(leasedCalls(newestOf(store))).toBeGreaterThan(calls.length)
  })

  test('begins no call before its block does, however roughly it knows the time', async () => {
    await forRandomRuns('first calls of a block', 20, async (random) => {
      const { time, store, story, open } = openWorld({ random, startMs: START_MS + 1_000 * random() })
      const freeFromMs = START_MS + 5_000 + 1_000 * random()
      const other = createMachine(time, 0, 1)
      const record = store.recordFor(other, () => undefined, { time, story })
      const day = utcDate(START_MS)
      void record.write(day, formatLedger({ ...emptyLedger(day), freeFromMs }), '')
      await runFor(time, 1_000)
      const calls: number[] = []
      void callOn(open(), () => {
        calls.push(time.now())
        return 'answered'
      })
      await runFor(time, 10_000)
      expect(calls[0]).toBeGreaterThanOrEqual(freeFromMs)
      expect(calls[0]).toBeLessThan(freeFromMs + 300)
    })
  })

  test('that dies while it finds out whether FMP answers again is waited for, and then another one does', async () => {
    const { time, store, open } = openWorld({ intervalMs: 1_000 })
    let isRefusing = true
    let deaths = 0
    const [a, b] = [open(), open()]
    const times: number[] = []
    const answer = (): Answer => {
      times.push(time.now())
      if (!isRefusing) return 'answered'
      isRefusing = false
      return 'refused'
    }
    /** The first to call while there is a refusal dies of it. */
    const dying = (): Answer => {
      const isProbe = newestOf(store).refusal?.probe !== undefined && newestOf(store).refusal?.probe !== null
      if (!isProbe || deaths > 0) return answer()
      times.push(time.now())
      deaths += 1
      return 'dead'
    }
    for (const one of [a, b]) void callOn(one, dying)
    await runFor(time, 100_000)
    expect(deaths).toBe(1)
    const living = [a, b].filter(({ machine }) => !machine.isDead())
    expect(living).toHaveLength(1)
    const gaps = times.slice(1).map((ms, index) => ms - (times[index] ?? 0))
    // FMP may take 30 seconds to answer: so long nobody else calls.
    expect(Math.max(...gaps)).toBeGreaterThan(30_000)
    expect(Math.max(...gaps)).toBeLessThan(45_000)
    expect(newestOf(store).refusal).toBeNull()
    expect(times.at(-1)).toBeGreaterThan(START_MS + 98_000)
  })

  test('that finds out whether FMP answers again calls alone, for as long as a call may take', async () => {
    const { time, store, open } = openWorld({ intervalMs: 1_000, timeoutMs: 120_000 })
    const calls: { readonly atMs: number; readonly isProbe: boolean }[] = []
    const answer = (): Answer => {
      calls.push({ atMs: time.now(), isProbe: (newestOf(store).refusal?.probe ?? null) !== null })
      return calls.length === 1 ? 'refused' : 'answered'
    }
    for (const one of [open(), open(), open()]) {
      void callOn(one, answer, () => (calls.at(-1)?.isProbe === true ? 60_000 : 100))
    }
    await runFor(time, 120_000)
    const probes = calls.filter(({ isProbe }) => isProbe)
    expect(probes).toHaveLength(1)
    const next = calls[calls.findIndex(({ isProbe }) => isProbe) + 1]
    expect((next?.atMs ?? 0) - (probes[0]?.atMs ?? 0)).toBeGreaterThan(60_000)
    // Its answer counts, however late it came.
    expect(newestOf(store).refusal).toBeNull()
    expect(calls.length).toBeGreaterThan(20)
  })

  test('that is refused while it leases uses nothing of that lease', async () => {
    const { time, store, open } = openWorld({ intervalMs: 1_000, storeMs: 200 })
    const { machine, limit } = open()
    let refusedMs = Infinity
    const early: number[] = []
    void callOn({ machine, limit }, () => {
      if (time.now() > refusedMs && newestOf(store).refusal?.probe === null) early.push(time.now())
      return 'answered'
    })
    // When a lease has reached the store, and its answer has not yet come, FMP refuses a call.
    await runFor(time, 3_000)
    const before = store.versions.length
    while (store.versions.length === before) await runFor(time, 1)
    refusedMs = time.now()
    limit.refused(undefined)
    await runFor(time, 30_000)
    expect(early).toEqual([])
    expect(newestOf(store).epoch).toBe(1)
  })

  test('that is to find out whether FMP answers again is not told so by a reply to an earlier call', async () => {
    const { time, store, open } = openWorld({ intervalMs: 1_000 })
    const [a, b] = [open(), open()]
    void callOn(b, () => 'answered')
    await runFor(time, 5_000)
    void a.limit.take()
    await runFor(time, 500)
    a.limit.refused(undefined)
    while (newestOf(store).refusal?.probe === undefined || newestOf(store).refusal?.probe === null) {
      await runFor(time, 100)
    }
    const { probe } = newestOf(store).refusal ?? {}
    await runFor(time, 100)
    expect(time.now()).toBeLessThan((probe?.untilMs ?? 0) - 1_000)
    // A call that it made before the refusal is answered only now.
    b.limit.answered()
    await runFor(time, 1_000)
    expect(newestOf(store).refusal).toMatchObject({ probe })
    await runFor(time, 30_000)
    expect(newestOf(store).refusal).toBeNull()
  })

  test('that is stopped gives its calls back, though another one changes the ledger meanwhile', async () => {
    const { time, store, story, open } = openWorld({ intervalMs: 1_000 })
    const { machine, limit } = open()
    const stop = new AbortController()
    const storeOf = { ...store, recordFor: store.recordFor }
    const record: TestStore = {
      ...storeOf,
      recordFor: (...where) => {
        const real = store.recordFor(...where)
        return {
          ...real,
          // The first write after the stop meets a change of somebody else.
          write: async (day, text, version) => {
            if (!stop.signal.aborted || conflicts === 0) return await real.write(day, text, version)
            conflicts -= 1
            return false
          },
        }
      },
    }
    let conflicts = 2
    const stopped = openLimit({ ...machine, signal: stop.signal }, { store: record, story, time })
    void stopped.take()
    await runFor(time, 2_000)
    expect(stopped.take()).toBeUndefined()
    expect(leasedCalls(newestOf(store))).toBe(10)
    stop.abort(new Error('stopped'))
    const closed = stopped.close()
    await runFor(time, 1_000)
    await closed
    expect(conflicts).toBe(0)
    expect(leasedCalls(newestOf(store))).toBe(1)
    expect(newestOf(store).leases).toEqual([])
    await limit.close()
  })

  test.each(['read', 'write'] as const)('whose store is out of order ends with its error: %s', async (what) => {
    const { time, store, story } = openWorld()
    const lost = new IngestError('store/2026-11-28.json: the store is out of reach', { kind: 'store', scope: 'run' })
    const failing: TestStore = {
      ...store,
      recordFor: (...where) => ({ ...store.recordFor(...where), [what]: () => Promise.reject(lost) }),
    }
    const machine = createMachine(time, 0, 1)
    const limit = openLimit(machine, { store: failing, story, time })
    const ended = callOn({ machine, limit }, () => 'answered')
    await runFor(time, 5_000)
    expect(await ended).toBe(lost)
    expect(errorOf(() => limit.take())).toBe(lost)
    // Nothing was leased, so there is nothing to give back.
    const closed = limit.close()
    await runFor(time, 5_000)
    await closed
  })
})
