import { describe, expect, test } from 'bun:test'
import type { IsoDate } from '../../../lib/core/dates.ts'
import { createRemoteClock } from '../../../lib/core/remote-clock.ts'
import { leaseCalls, leaseOf, noteRefusal } from '../../../lib/fmp/ledger/leases.ts'
import { accessLedger, newPart, type Change, type LedgerRecord } from '../../../lib/fmp/ledger/record.ts'
import {
  emptyLedger,
  formatLedger,
  leasedCalls,
  parseLedger,
  type Block,
  type LedgerState,
} from '../../../lib/fmp/ledger/state.ts'
import { createFakeClock } from '../../support/runs/fake-clock.ts'
import { day, failureOf } from '../../support/values.ts'

const DAY = day('2026-11-28')
const NOON_MS = Date.parse(`${DAY}T12:00:00Z`)

/** What becomes of a write: it is stored and its answer comes; or its answer is lost; or it is lost itself. */
type Fate = 'told' | 'landed' | 'lost'

/** A store of ledgers, and one process that has access to it; `fates` are those of its next writes. */
function open() {
  const clock = createFakeClock()
  const storeTime = createRemoteClock(clock)
  const texts = new Map<IsoDate, string>()
  const numbers = new Map<IsoDate, number>()
  const versionOf = (date: IsoDate): string => String(numbers.get(date) ?? 0)
  const fates: Fate[] = []
  const late: (() => void)[] = []
  let offsetMs = NOON_MS
  let reads = 0

  const storeNow = (): number => offsetMs + clock.elapsedMs()
  const set = (date: IsoDate, text: string): void => {
    texts.set(date, text)
    numbers.set(date, Number(versionOf(date)) + 1)
  }
  const answer = (): void => {
    const [sentMs, now] = [clock.elapsedMs(), storeNow()]
    clock.advance(20)
    storeTime.observe({ fromMs: now, toMs: now, sentMs, receivedMs: clock.elapsedMs() })
  }
  const record: LedgerRecord = {
    locate: (date) => `store/${date}.json`,
    async read(date) {
      reads += 1
      const read = { text: texts.get(date), version: versionOf(date) }
      answer()
      return read
    },
    async write(date, text, version) {
      const fate = fates.shift() ?? 'told'
      const store = (): boolean => {
        if (version !== versionOf(date)) return false
        set(date, text)
        return true
      }
      if (fate === 'lost') late.push(store)
      const isStored = fate !== 'lost' && store()
      answer()
      return isStored && fate === 'told'
    },
    learnTime: async () => answer(),
  }
  const part = newPart()
  const stop = new AbortController()
  const signal = stop.signal
  const options = { record, storeTime, clock, random: () => 0.5, process: 'a', signal }
  return {
    clock,
    part,
    texts,
    fates,
    stop,
    late,
    reads: () => reads,
    ledger: accessLedger(options, part),
    /** The ledger as the store has it, and as another process leaves it. */
    state: (date = DAY): LedgerState => parseLedger(texts.get(date), date, ''),
    put: (state: LedgerState, date = DAY): void => set(date, formatLedger(state)),
    setTime: (ms: number): void => void (offsetMs = ms - clock.elapsedMs()),
  }
}

type World = ReturnType<typeof open>

/** Leases so many calls, and tells how often that was tried. */
function leasing(wanted: number): { readonly change: Change<Block | undefined>; tries: number } {
  const told = {
    tries: 0,
    change: ((state, claim) => {
      told.tries += 1
      const limits = { wanted, intervalMs: 10, timeoutMs: 30_000, dailyCalls: Infinity, latencyMs: 100 }
      const leased = leaseCalls(state, { ...claim, ...limits })
      const { outcome } = leased
      return { state: leased.state, result: outcome.kind === 'leased' ? outcome.block : undefined }
    }) satisfies Change<Block | undefined>,
  }
  return told
}

async function lease({ ledger, part }: World, wanted = 10): Promise<Block> {
  const block = await ledger.change(leasing(wanted).change)
  if (block === undefined) throw new Error('nothing leased')
  part.held = [...part.held, block]
  return block
}

/** Another process leases calls. */
function leaseElsewhere(world: World, process = 'b'): void {
  const limits = { wanted: 10, intervalMs: 10, timeoutMs: 30_000, dailyCalls: Infinity, latencyMs: 100 }
  const now = { earliestMs: NOON_MS, latestMs: NOON_MS }
  world.put(leaseCalls(world.state(), { process, turn: 1, made: 0, kept: [], now, ...limits }).state)
}

describe('a change', () => {
  test('is stored, and gives its result', async () => {
    const world = open()
    const block = await lease(world)
    expect(leaseOf(world.state(), 'a')?.blocks).toEqual([block])
    expect(block.calls).toBe(10)
  })

  test('that leaves the ledger as it is writes nothing', async () => {
    const world = open()
    expect(await world.ledger.change(() => ({ state: undefined, result: 'nothing' }))).toBe('nothing')
    expect(world.texts.size).toBe(0)
  })

  test('is made anew on what another process has stored meanwhile', async () => {
    const world = open()
    const { change } = leasing(10)
    let isFirst = true
    const block = await world.ledger.change((...given) => {
      const changed = change(...given)
      if (isFirst) leaseElsewhere(world)
      isFirst = false
      return changed
    })
    const other = leaseOf(world.state(), 'b')?.blocks[0]
    expect(block?.fromMs).toBe(other?.untilMs as number)
    expect(leasedCalls(world.state())).toBe(20)
  })

  test('whose answer is lost is found in the ledger, and not made again', async () => {
    const world = open()
    world.fates.push('landed')
    const told = leasing(10)
    const block = await world.ledger.change(told.change)
    expect(told.tries).toBe(1)
    expect(leaseOf(world.state(), 'a')?.blocks).toEqual([block as Block])
    expect(leasedCalls(world.state())).toBe(10)
  })

  test('is found there also behind the change of another process', async () => {
    const world = open()
    world.fates.push('landed')
    const told = leasing(10)
    const { change } = told
    const changing = world.ledger.change(change)
    // The first write has been carried out when the second read begins.
    while (leaseOf(world.state(), 'a') === undefined) await Promise.resolve()
    leaseElsewhere(world)
    expect(await changing).toMatchObject({ calls: 10 })
    expect(told.tries).toBe(1)
    expect(leasedCalls(world.state())).toBe(20)
  })

  test('that is found there, but that a refusal has voided since, is made again', async () => {
    const world = open()
    world.fates.push('landed')
    const { change } = leasing(10)
    const changing = world.ledger.change(change)
    while (leaseOf(world.state(), 'a') === undefined) await Promise.resolve()
    const now = { earliestMs: NOON_MS, latestMs: NOON_MS + 100 }
    world.put(noteRefusal(world.state(), { process: 'b', turn: 1, made: 0, kept: [], now, pauseMs: () => 5_000 }))
    // The block of before is no answer: one call is leased after the pause.
    expect(await changing).toMatchObject({ calls: 1 })
    expect(leaseOf(world.state(), 'a')).toMatchObject({ calls: 1 })
  })

  test('whose request is lost is made again', async () => {
    const world = open()
    world.fates.push('lost', 'lost')
    const told = leasing(10)
    await world.ledger.change(told.change)
    expect(told.tries).toBe(3)
    expect(leasedCalls(world.state())).toBe(10)
  })

  test('that arrives long after it was made again changes nothing', async () => {
    const world = open()
    world.fates.push('lost')
    await lease(world)
    const before = world.texts.get(DAY)
    for (const arrive of world.late) arrive()
    expect(world.texts.get(DAY)).toBe(before)
  })

  test('that arrives before it is made again is found, with its own result', async () => {
    const world = open()
    world.fates.push('lost')
    const { change } = leasing(10)
    let tries = 0
    const block = await world.ledger.change((state, claim) => {
      tries += 1
      const changed = change(state, claim)
      // Late, but before the second attempt is written.
      if (tries === 2) for (const arrive of world.late) arrive()
      return { ...changed, result: { tries, block: changed.result } }
    })
    expect(block.tries).toBe(1)
    expect(leaseOf(world.state(), 'a')?.blocks).toEqual([block.block as Block])
  })

  test('bears a greater number with each attempt', async () => {
    const world = open()
    world.fates.push('lost')
    await lease(world)
    const first = leaseOf(world.state(), 'a')?.turn ?? 0
    await lease(world)
    expect(first).toBe(2)
    expect(leaseOf(world.state(), 'a')?.turn).toBe(3)
  })

  test('waits before it is made again, longer each time, and at once when the run is stopped', async () => {
    const world = open()
    world.fates.push('lost', 'lost', 'lost')
    await lease(world)
    expect(world.clock.sleepsMs).toEqual([25, 50, 100])
    world.fates.push('lost')
    world.stop.abort(new Error('stopped'))
    const before = world.clock.elapsedMs()
    await lease(world)
    // Two reads and two writes.
    expect(world.clock.elapsedMs() - before).toBe(80)
  })

  test('that a store refuses again and again, though nobody has changed the ledger, fails', async () => {
    for (const isStopped of [false, true]) {
      const world = open()
      if (isStopped) world.stop.abort(new Error('stopped'))
      world.fates.push(...Array.from({ length: 1_000 }, () => 'lost' as const))
      const failure = await failureOf(lease(world))
      expect(failure).toMatchObject({ kind: 'store', scope: 'run' })
      expect(failure.message).toStartWith('store/2026-11-28.json: the store has refused to replace the ledger 20 times')
      expect(world.reads()).toBe(20)
    }
  })

  test('is tried for as long as others change the ledger first', async () => {
    const world = open()
    const { change } = leasing(10)
    let others = 40
    await world.ledger.change((state, claim) => {
      if (others > 0) leaseElsewhere(world, `process ${others}`)
      others -= 1
      return change(state, claim)
    })
    expect(leaseOf(world.state(), 'a')).toBeDefined()
  })

  test('that fails in the store fails so', async () => {
    const world = open()
    world.put({ ...emptyLedger(day('2026-11-27')) })
    const failure = await failureOf(lease(world))
    expect(failure).toMatchObject({ kind: 'store', scope: 'run' })
    expect(failure.message).toContain('store/2026-11-28.json')
  })

  test('tells how long it took', async () => {
    const world = open()
    await lease(world)
    // Asking for the time, reading and writing.
    expect(world.part.latencyMs).toBe(60)
  })
})

describe('a look', () => {
  test('keeps the blocks of the process while the ledger has its lease', async () => {
    const world = open()
    const block = await lease(world)
    world.part.made = 3
    leaseElsewhere(world)
    await world.ledger.look()
    expect(world.part).toMatchObject({ held: [block], made: 3 })
  })

  test('drops blocks that a refusal has voided, and counts the calls made on', async () => {
    const world = open()
    await lease(world)
    Object.assign(world.part, { made: 3, probingUntilMs: NOON_MS + 50_000 })
    const now = { earliestMs: NOON_MS, latestMs: NOON_MS }
    const claim = { process: 'b', turn: 1, made: 0, kept: [], now, pauseMs: () => 5_000 }
    world.put(noteRefusal(world.state(), claim))
    await world.ledger.look()
    expect(world.part).toMatchObject({ held: [], made: 3, probingUntilMs: -Infinity })
  })

  test('begins a new lease where the old one was folded into the total', async () => {
    const world = open()
    await lease(world)
    world.part.made = 3
    world.clock.advance(200_000)
    await world.ledger.look()
    expect(world.part).toMatchObject({ held: [], made: 0 })
    // As all of its calls may have been made, all of them count.
    await lease(world)
    expect(leasedCalls(world.state())).toBe(20)
  })

  test('begins a new lease on a new day, and leaves the old ledger alone', async () => {
    const world = open()
    await lease(world)
    world.part.made = 3
    const before = world.texts.get(DAY)
    world.clock.advance(12 * 3_600_000 + 58_000)
    const block = await world.ledger.look().then(() => lease(world))
    expect(world.part).toMatchObject({ made: 0, held: [block] })
    expect(block.fromMs).toBe(Date.parse('2026-11-29T00:01:00Z'))
    expect(leasedCalls(world.state(day('2026-11-29')))).toBe(10)
    expect(world.texts.get(DAY)).toBe(before)
  })

  test('notes when its request was sent: the ledger is as old as that', async () => {
    const world = open()
    await world.ledger.look()
    const sentMs = world.clock.elapsedMs()
    await world.ledger.look()
    expect(world.part.readMs).toBe(sentMs)
    expect(world.clock.elapsedMs()).toBe(sentMs + 20)
  })

  test('asks for the ledger of the store’s day, whatever day this machine has', async () => {
    const world = open()
    world.setTime(Date.parse('2031-01-01T12:00:00Z'))
    expect((await world.ledger.look()).day).toBe(day('2031-01-01'))
  })
})

test('the store’s time that never comes is a defect of the program', async () => {
  const clock = createFakeClock()
  const { ledger } = open()
  expect(ledger.isTimeUncertain()).toBe(false)
  const record: LedgerRecord = {
    locate: String,
    read: async () => ({ text: undefined, version: '' }),
    write: async () => true,
    learnTime: async () => undefined,
  }
  const options = { record, clock, random: () => 0.5, process: 'a', signal: new AbortController().signal }
  const access = accessLedger({ ...options, storeTime: { now: () => undefined } }, newPart())
  const error: unknown = await access.look().catch((thrown: unknown) => thrown)
  expect(String(error)).toContain('No answer of the store has told its time')
})

test('the store’s time is asked for again where it is known by the second only, ten times at the most', async () => {
  const clock = createFakeClock()
  clock.advance(300)
  const storeTime = createRemoteClock(clock)
  const learnTime = async (): Promise<void> => {
    const nowMs = NOON_MS + clock.elapsedMs()
    const fromMs = Math.floor(nowMs / 1_000) * 1_000
    storeTime.observe({ fromMs, toMs: fromMs + 1_000, sentMs: clock.elapsedMs(), receivedMs: clock.elapsedMs() })
  }
  const record = {
    locate: String,
    read: async () => ({ text: undefined, version: '' }),
    write: async () => true,
    learnTime,
  }
  const options = { record, storeTime, clock, random: () => 0.5, process: 'a', signal: new AbortController().signal }
  const access = accessLedger(options, newPart())
  await access.look()
  let times = 0
  while (access.isTimeUncertain()) {
    await access.refineTime()
    times += 1
  }
  const { earliestMs = 0, latestMs = 0 } = storeTime.now() ?? {}
  // Each time half of what was uncertain is left: 500 ms, 250, 125, 63.
  expect(times).toBe(4)
  expect(latestMs - earliestMs).toBeLessThan(100)
  expect(NOON_MS + clock.elapsedMs()).toBeGreaterThanOrEqual(earliestMs)
  expect(NOON_MS + clock.elapsedMs()).toBeLessThanOrEqual(latestMs)
})
