import { describe, expect, test } from 'bun:test'
import { MS_PER_DAY } from '../../../lib/core/dates.ts'
import type { TimeBounds } from '../../../lib/core/remote-clock.ts'
import {
  AHEAD_MS,
  callsOfLease,
  DAY_MARGIN_MS,
  endLease,
  leaseCalls,
  leaseOf,
  MAX_AGE_MS,
  noteAnswer,
  noteRefusal,
  tidied,
  type LeaseClaim,
  type RefusalClaim,
} from '../../../lib/fmp/ledger/leases.ts'
import { emptyLedger, joined, leasedCalls, type Block, type LedgerState } from '../../../lib/fmp/ledger/state.ts'
import { forRandomCases, oneOf, wholeBetween, type Random } from '../../support/random.ts'
import { day } from '../../support/values.ts'

const DAY = day('2026-11-28')
const MIDNIGHT_MS = Date.parse(`${DAY}T00:00:00Z`)
const NOON_MS = MIDNIGHT_MS + MS_PER_DAY / 2

/** The store's time, known exactly. */
const exactly = (ms: number): TimeBounds => ({ earliestMs: ms, latestMs: ms })

/** What process `a` asks for at noon; a test says what is special about its own claim. */
function claimOf(changes: Partial<LeaseClaim> = {}): LeaseClaim {
  const asked = { wanted: 10, intervalMs: 1_000, timeoutMs: 30_000, dailyCalls: Infinity, latencyMs: 50 }
  return { process: 'a', turn: 1, made: 0, kept: [], now: exactly(NOON_MS), ...asked, ...changes }
}

function refusalOf(changes: Partial<RefusalClaim> = {}): RefusalClaim {
  return { ...claimOf(), pauseMs: (refusals) => 5_000 * refusals, ...changes }
}

/** Leases where it is known that there is something to lease: a second before the time that is leased already is over. */
function lease(state: LedgerState, changes: Partial<LeaseClaim> = {}): { state: LedgerState; block: Block } {
  const now = exactly(Math.max(NOON_MS, state.freeFromMs - 1_000))
  const leased = leaseCalls(state, claimOf({ now, ...changes }))
  if (leased.outcome.kind !== 'leased') throw new Error(`nothing leased: ${leased.outcome.kind}`)
  return { state: leased.state, block: leased.outcome.block }
}

/** What comes of a claim. */
const outcomeOf = (state: LedgerState, changes: Partial<LeaseClaim> = {}) => leaseCalls(state, claimOf(changes)).outcome

const EMPTY = emptyLedger(DAY)

describe('L1: the blocks of processes', () => {
  test('follow each other', () => {
    const first = lease(EMPTY)
    const second = lease(first.state, { process: 'b' })
    expect(first.block.fromMs).toBe(NOON_MS)
    expect(second.block.fromMs).toBe(first.block.untilMs)
    expect(lease(second.state, { process: 'c' }).block.fromMs).toBe(second.block.untilMs)
  })

  test('begin at once where nobody has leased the time', () => {
    const { state } = lease(EMPTY)
    expect(lease(state, { process: 'b', now: exactly(NOON_MS + 60_000) }).block.fromMs).toBe(NOON_MS + 60_000)
  })

  test.each([100, 250, 1_000, 15_000])('have an interval of %d ms for each call', (intervalMs) => {
    const { block } = lease(EMPTY, { intervalMs })
    expect(block.calls).toBe(10)
    expect(block.untilMs - block.fromMs).toBeGreaterThanOrEqual(10 * intervalMs)
    expect(block.untilMs - block.fromMs).toBeLessThan(10 * intervalMs * 1.03 + 50)
  })

  test('have so much time more as the store’s time is uncertain, and as the change takes', () => {
    const sharp = lease(EMPTY).block
    const now = { earliestMs: NOON_MS, latestMs: NOON_MS + 700 }
    const rough = lease(EMPTY, { now, latencyMs: 300 }).block
    expect(rough.untilMs - rough.fromMs - (sharp.untilMs - sharp.fromMs)).toBe(700 + 300 - 50)
  })

  test('have time for a change that is known only after they begin, however soon that is', () => {
    const { state } = lease(EMPTY, { latencyMs: 0 })
    const lengthIn = (aheadMs: number) => {
      const { block } = lease(state, { process: 'b', now: exactly(state.freeFromMs - aheadMs), latencyMs: 2_500 })
      return block.untilMs - block.fromMs
    }
    const least = Math.min(...[0, 1_000, 2_000, 2_500, 3_000].map(lengthIn))
    expect([0, 1_000, 2_000, 2_500, 3_000].map((ms) => Math.round((lengthIn(ms) - least) / 10) * 10)).toEqual([
      2_500, 1_500, 500, 0, 0,
    ])
  })

  test('of one process that follow each other become one, without time lost between them', () => {
    const first = lease(EMPTY, { latencyMs: 0 })
    const { state, block } = lease(first.state, { kept: [{ ...first.block, calls: 2 }], made: 8, turn: 2 })
    expect(block).toMatchObject({ fromMs: first.block.untilMs, untilMs: first.block.untilMs + 10_000 })
    expect(leaseOf(state, 'a')?.blocks).toEqual([{ fromMs: NOON_MS, untilMs: block.untilMs, calls: 12 }])
  })

  test('with others between them stay apart', () => {
    const blocks = [
      { fromMs: 1, untilMs: 2, calls: 1 },
      { fromMs: 3, untilMs: 4, calls: 2 },
      { fromMs: 4, untilMs: 6, calls: 3 },
    ]
    expect(joined(blocks)).toEqual([
      { fromMs: 1, untilMs: 2, calls: 1 },
      { fromMs: 3, untilMs: 6, calls: 5 },
    ])
  })

  test('without a rate begin at once, and bar nobody', () => {
    const { state, block } = lease(EMPTY, { intervalMs: 0 })
    expect(block).toMatchObject({ fromMs: NOON_MS, calls: 10 })
    expect(lease(state, { process: 'b', intervalMs: 0 }).block.fromMs).toBe(NOON_MS)
    // Its calls have their time once the change is known.
    const slow = lease(EMPTY, { intervalMs: 0, latencyMs: 30_000 }).block
    expect(slow.untilMs - slow.fromMs).toBe(40_000)
  })

  test('without a rate wait for the blocks of processes that have one, and not for the next day', () => {
    const { state, block } = lease(EMPTY, { intervalMs: 15_000 })
    const other = lease(state, { process: 'b', intervalMs: 0 }).block
    expect(other).toEqual({ fromMs: block.untilMs, untilMs: block.untilMs + 10_000, calls: 10 })
  })

  test('that are given back are free once the last call of their process has started an interval ago', () => {
    const { state, block } = lease(EMPTY)
    const now = { earliestMs: NOON_MS + 3_000, latestMs: NOON_MS + 3_400 }
    const ended = endLease(state, { ...claimOf({ made: 4, kept: [{ ...block, calls: 6 }] }), now })
    expect(lease(ended, { process: 'b', now }).block.fromMs).toBe(NOON_MS + 3_400 + 1_000)
  })

  test('that are given back before they begin are free at once', () => {
    const first = lease(EMPTY)
    const { state, block } = lease(first.state, { process: 'b' })
    const ended = endLease(state, claimOf({ process: 'b', kept: [block] }))
    expect(ended.freeFromMs).toBe(block.fromMs)
  })

  test('that are given back stay taken where another process has leased the time after them', () => {
    const first = lease(EMPTY)
    const { state } = lease(first.state, { process: 'b' })
    expect(endLease(state, claimOf({ kept: [first.block] })).freeFromMs).toBe(state.freeFromMs)
  })
})

describe('L2: the calls of a day', () => {
  test('are leased up to the limit, and not beyond', () => {
    const first = lease(EMPTY, { dailyCalls: 13 })
    const second = lease(first.state, { process: 'b', dailyCalls: 13 })
    expect([first.block.calls, second.block.calls]).toEqual([10, 3])
    expect(outcomeOf(second.state, { process: 'c', dailyCalls: 13 })).toEqual({ kind: 'spent' })
  })

  test('count the calls made and those that a process still has', () => {
    const { state, block } = lease(EMPTY, { dailyCalls: 13 })
    const kept = [{ ...block, calls: 2 }]
    expect(lease(state, { dailyCalls: 13, made: 8, kept }).block.calls).toBe(3)
    // Two of its calls were not made in time: they are free again.
    expect(lease(state, { dailyCalls: 13, made: 8, kept: [] }).block.calls).toBe(5)
  })

  test('that were leased and are given back are free again; those made are not', () => {
    const { state, block } = lease(EMPTY)
    const ended = endLease(state, claimOf({ made: 4, kept: [{ ...block, calls: 6 }] }))
    expect(ended.leases).toEqual([])
    expect(leasedCalls(ended)).toBe(4)
  })

  test('count as made when their process has been silent for two minutes', () => {
    const { state, block } = lease(EMPTY)
    expect(tidied(state, exactly(block.untilMs + 119_000))).toBe(state)
    const tidy = tidied(state, exactly(block.untilMs + 121_000))
    expect(tidy.leases).toEqual([])
    expect(leasedCalls(tidy)).toBe(10)
  })

  test('of a lease that is used are not folded, whatever else is', () => {
    const first = lease(EMPTY)
    const { state } = lease(first.state, { process: 'b', now: exactly(NOON_MS + 131_000) })
    const tidy = tidied(state, exactly(NOON_MS + 132_000))
    expect(tidy.leases.map(({ process }) => process)).toEqual(['b'])
    expect(leasedCalls(tidy)).toBe(20)
  })

  test('are given back once: a lease that is gone has nothing', () => {
    expect(endLease(EMPTY, claimOf({ made: 4 }))).toBe(EMPTY)
  })
})

describe('L3: a block', () => {
  test('begins a minute after midnight', () => {
    const { block } = lease(EMPTY, { now: exactly(MIDNIGHT_MS + DAY_MARGIN_MS - 1_000) })
    expect(block.fromMs).toBe(MIDNIGHT_MS + DAY_MARGIN_MS)
  })

  test('ends a minute before the next', () => {
    const lastMs = MIDNIGHT_MS + MS_PER_DAY - DAY_MARGIN_MS
    const { state, block } = lease(EMPTY, { now: exactly(lastMs - 3_500) })
    expect(block.calls).toBe(3)
    expect(block.untilMs).toBeLessThanOrEqual(lastMs)
    expect(outcomeOf(state)).toEqual({ kind: 'wait', untilMs: MIDNIGHT_MS + MS_PER_DAY + DAY_MARGIN_MS })
  })

  test('does so without a rate too', () => {
    const lastMs = MIDNIGHT_MS + MS_PER_DAY - DAY_MARGIN_MS
    expect(lease(EMPTY, { intervalMs: 0, now: exactly(lastMs - 500) }).block.untilMs).toBe(lastMs)
    expect(outcomeOf(EMPTY, { intervalMs: 0, now: exactly(lastMs) }).kind).toBe('wait')
  })
})

test('L4: what is leased far ahead would be lost with its process, so a process waits until shortly before', () => {
  const { state, block } = lease(EMPTY)
  const waits = { kind: 'wait', untilMs: block.untilMs - AHEAD_MS } as const
  expect(outcomeOf(state, { process: 'b' })).toEqual(waits)
  expect(outcomeOf(state, { process: 'b', now: exactly(waits.untilMs) })).toMatchObject({ kind: 'leased' })
})

test('L4: a lease is shorter while others have calls leased', () => {
  const { state, block } = lease(EMPTY)
  const most = (process: string, intervalMs: number, nowMs: number) =>
    callsOfLease(state, claimOf({ process, now: exactly(nowMs) }), intervalMs)
  expect([100, 1_000, 15_000].map((intervalMs) => most('a', intervalMs, NOON_MS))).toEqual([100, 10, 2])
  expect([100, 1_000, 15_000].map((intervalMs) => most('b', intervalMs, NOON_MS))).toEqual([50, 5, 2])
  expect(most('b', 100, block.untilMs)).toBe(100)
  expect(most('b', 0, NOON_MS)).toBe(100)
})

test('L4: a process that waits gives back what it could not use', () => {
  const { state, block } = lease(EMPTY)
  const other = lease(state, { process: 'b' }).state
  const waited = leaseCalls(other, claimOf({ made: 9, kept: [], now: exactly(block.untilMs) }))
  expect(waited.outcome.kind).toBe('wait')
  expect(leaseOf(waited.state, 'a')?.calls).toBe(9)
  // There is nothing to give back any more.
  expect(leaseCalls(waited.state, claimOf({ made: 9, kept: [], now: exactly(block.untilMs) })).state).toBe(waited.state)
})

test('L4: a process has one lease, however often it leases', () => {
  const first = lease(EMPTY)
  const { state } = lease(first.state, { turn: 2, made: 7, kept: [{ ...first.block, calls: 3 }], wanted: 7 })
  expect(state.leases).toHaveLength(1)
  expect(leaseOf(state, 'a')).toMatchObject({ turn: 2, calls: 17 })
})

describe('L5: after a refusal', () => {
  const first = lease(EMPTY)
  const both = lease(first.state, { process: 'b' })
  const refused = noteRefusal(both.state, refusalOf({ made: 3 }))

  test('the blocks from before it are void, and all processes pause', () => {
    expect(refused.epoch).toBe(1)
    expect(refused.refusal).toEqual({ sinceMs: NOON_MS, untilMs: NOON_MS + 5_000, count: 1, probe: null })
    // The calls that were made count; those of the block are free again.
    expect(leaseOf(refused, 'a')).toMatchObject({ calls: 3, blocks: [] })
  })

  test('one call is leased, when every process has seen the refusal and a call from just before is an interval past', () => {
    const { state, block } = lease(refused, { process: 'b', wanted: 10, now: exactly(NOON_MS) })
    expect(block.calls).toBe(1)
    expect(block.fromMs).toBe(NOON_MS + MAX_AGE_MS + 1_000)
    expect(state.refusal?.probe).toEqual({ process: 'b', untilMs: block.untilMs + 35_000 })
  })

  test('not before its pause is over', () => {
    const long = noteRefusal(both.state, refusalOf({ pauseMs: () => 60_000 }))
    expect(lease(long, { process: 'b' }).block.fromMs).toBe(NOON_MS + 60_000)
  })

  test('without a rate not before its pause is over, however long that is', () => {
    const paused = noteRefusal(EMPTY, refusalOf({ pauseMs: () => 60_000 }))
    const { block } = lease(paused, { process: 'b', intervalMs: 0 })
    expect(block).toEqual({ fromMs: NOON_MS + 60_000, untilMs: NOON_MS + 70_000, calls: 1 })
  })

  test('at once where no older block is left in time', () => {
    const now = exactly(NOON_MS + 100_000)
    const alone = noteRefusal(first.state, refusalOf({ now, pauseMs: () => 1_000 }))
    expect(lease(alone, { process: 'b', now }).block.fromMs).toBe(NOON_MS + 101_000)
  })

  test.each([1_000, 30_000, 3_600_000])(
    'nobody else leases while that call may be under way, of up to %i ms, and its process may tell of it',
    (timeoutMs) => {
      const { state, block } = lease(refused, { process: 'b', timeoutMs })
      const lastMs = block.untilMs + timeoutMs + 5_000
      // Whatever time the others give their own calls.
      expect(outcomeOf(state, { now: exactly(lastMs - 1), timeoutMs: 100 }).kind).toBe('wait')
      expect(lease(state, { now: exactly(lastMs), timeoutMs: 100 }).block.calls).toBe(1)
    },
  )

  test('its process is told until when it may tell', () => {
    const leased = outcomeOf(refused, { process: 'b', timeoutMs: 60_000 })
    if (leased.kind !== 'leased') throw new Error(leased.kind)
    expect(leased.probedUntilMs).toBe(leased.block.untilMs + 65_000)
    expect(outcomeOf(EMPTY)).toMatchObject({ kind: 'leased', probedUntilMs: undefined })
  })

  test('that call answered, all go on', () => {
    const { state, block } = lease(refused, { process: 'b' })
    const answered = noteAnswer(state, claimOf({ process: 'b', made: 1 }))
    expect(answered).toMatchObject({ refusal: null, limitedUntilMs: null, epoch: 1 })
    expect(lease(answered).block).toMatchObject({ fromMs: block.untilMs, calls: 10 })
  })

  test('an answer that comes after the next process has begun to find out tells nothing', () => {
    const { state, block } = lease(refused, { process: 'b' })
    const later = lease(state, { process: 'c', now: exactly(block.untilMs + 35_000) }).state
    expect(noteAnswer(later, claimOf({ process: 'b', made: 1 }))).toBe(later)
    // Nor does one after the next refusal.
    const again = noteRefusal(later, refusalOf({ process: 'c', made: 1 }))
    expect(noteAnswer(again, claimOf({ process: 'b', made: 1 }))).toBe(again)
  })

  test('that call refused too, all pause for longer', () => {
    const { state } = lease(refused, { process: 'b' })
    const now = exactly(NOON_MS + 12_000)
    const again = noteRefusal(state, refusalOf({ process: 'b', made: 1, now }))
    expect(again.epoch).toBe(2)
    expect(again.refusal).toEqual({ sinceMs: NOON_MS, untilMs: NOON_MS + 22_000, count: 2, probe: null })
  })

  test('calls that were refused with the first add nothing, before and during that one call', () => {
    const late = noteRefusal(refused, refusalOf({ process: 'b', made: 2, now: exactly(NOON_MS + 300) }))
    expect(late).toMatchObject({ epoch: refused.epoch, refusal: refused.refusal })
    const probed = lease(refused, { process: 'b' }).state
    const later = noteRefusal(probed, refusalOf({ made: 4, now: exactly(NOON_MS + 300) }))
    expect(later).toMatchObject({ epoch: probed.epoch, refusal: probed.refusal })
  })

  test('a call from before the pause that is reported long after it does not make it the limit of the day', () => {
    const late = exactly(NOON_MS + 200_000)
    expect(noteRefusal(refused, refusalOf({ process: 'b', now: late })).limitedUntilMs).toBeNull()
    const probed = lease(refused, { process: 'b', now: exactly(NOON_MS + 100_000) }).state
    expect(noteRefusal(probed, refusalOf({ process: 'c', now: late })).limitedUntilMs).toBeNull()
    expect(noteRefusal(probed, refusalOf({ process: 'b', now: late })).limitedUntilMs).not.toBeNull()
  })

  test('from runs that are long over, the next one counts the two minutes anew', () => {
    const hour = exactly(NOON_MS + 3_600_000)
    const { state, block } = lease(refused, { process: 'c', now: hour })
    expect(state.refusal).toMatchObject({ sinceMs: hour.earliestMs, probe: { process: 'c' } })
    const again = noteRefusal(state, refusalOf({ process: 'c', made: 1, now: exactly(block.untilMs + 100) }))
    expect(again.limitedUntilMs).toBeNull()
  })

  test('unbroken for 130 s nobody calls for an hour', () => {
    const probed = lease(refused, { process: 'b' }).state
    const early = noteRefusal(probed, refusalOf({ process: 'b', now: exactly(NOON_MS + 129_999) }))
    expect(early.limitedUntilMs).toBeNull()
    const atMs = NOON_MS + 130_000
    const limited = noteRefusal(probed, refusalOf({ process: 'b', now: exactly(atMs) }))
    expect(outcomeOf(limited, { process: 'c', now: exactly(atMs + 3_599_999) })).toEqual({
      kind: 'limited',
      untilMs: atMs + 3_600_000,
    })
    expect(lease(limited, { process: 'c', now: exactly(atMs + 3_600_000) }).block.calls).toBe(1)
  })

  test('late on a day nobody calls until the next, which has a ledger of its own', () => {
    const atMs = MIDNIGHT_MS + MS_PER_DAY - 600_000
    const early = noteRefusal(EMPTY, refusalOf({ now: exactly(atMs - 130_000) }))
    const probed = lease(early, { now: exactly(atMs - 100_000) }).state
    const limited = noteRefusal(probed, refusalOf({ now: exactly(atMs) }))
    expect(limited.limitedUntilMs).toBe(MIDNIGHT_MS + MS_PER_DAY + DAY_MARGIN_MS)
  })
})

test('L6: a change bears its process and its number', () => {
  const { state } = lease(EMPTY, { turn: 41 })
  expect(leaseOf(state, 'a')?.turn).toBe(41)
  const refused = noteRefusal(state, refusalOf({ turn: 42 }))
  expect(leaseOf(refused, 'a')?.turn).toBe(42)
  const probed = lease(refused, { turn: 43 }).state
  expect(leaseOf(noteAnswer(probed, claimOf({ turn: 44 })), 'a')?.turn).toBe(44)
  expect(leaseOf(state, 'b')).toBeUndefined()
})

test('no function changes the ledger that it is given', () => {
  const { state, block } = lease(EMPTY)
  const before = structuredClone(state)
  const claim = { ...refusalOf({ made: 1, kept: [block] }), ...claimOf() }
  leaseCalls(state, claim)
  endLease(state, claim)
  noteRefusal(state, claim)
  noteAnswer(state, claim)
  tidied(state, exactly(NOON_MS + 1e9))
  expect(state).toEqual(before)
})

/** A process of the model, and what it knows. */
type Actor = {
  readonly name: string
  held: readonly Block[]
  made: number
  /** The epoch of its blocks. */
  epoch: number
  isProbing: boolean
}

/** A stretch of time that a process may use. */
type Taken = { readonly actor: Actor; readonly fromMs: number; readonly untilMs: number; readonly epoch: number }

/** Processes that do random things to one ledger, one after the other. */
class Model {
  readonly #random: Random
  readonly #dailyCalls: number
  readonly #intervalMs: number
  readonly #actors: readonly Actor[]
  #state: LedgerState = EMPTY
  #nowMs = MIDNIGHT_MS
  #turn = 0
  #calls = 0
  #taken: readonly Taken[] = []
  /** Until when the blocks of an epoch bar others, once it has ended. */
  readonly #voidMs = new Map<number, number>()

  constructor(random: Random) {
    this.#random = random
    this.#dailyCalls = oneOf(random, [Infinity, 50, 500])
    this.#intervalMs = oneOf(random, [100, 1_000, 15_000])
    this.#nowMs += random() * oneOf(random, [120_000, MS_PER_DAY])
    const names = Array.from({ length: wholeBetween(random, 1, 8) }, (_, index) => `p${index}`)
    this.#actors = names.map((name) => ({ name, held: [], made: 0, epoch: 0, isProbing: false }))
  }

  step(): void {
    this.#nowMs += this.#random() * oneOf(this.#random, [10, 1_000, 10_000, 60_000])
    const actor = oneOf(this.#random, this.#actors)
    const chance = this.#random()
    this.#look(actor)
    if (chance < 0.45) this.#lease(actor)
    else if (chance < 0.85) this.#call(actor)
    else if (chance < 0.9) this.#refuse(actor)
    else if (chance < 0.95 && actor.isProbing) this.#answer(actor)
    else if (chance >= 0.95) this.#end(actor)
    this.#check()
  }

  /** As `record.ts` does it. */
  #look(actor: Actor): void {
    this.#state = tidied(this.#state, this.#now())
    const isNew = leaseOf(this.#state, actor.name) === undefined
    if (isNew) actor.made = 0
    if (isNew || actor.epoch !== this.#state.epoch) actor.held = []
    actor.held = actor.held.filter(({ untilMs }) => this.#nowMs + this.#intervalMs <= untilMs)
    actor.epoch = this.#state.epoch
  }

  #now(): TimeBounds {
    const wide = oneOf(this.#random, [1, 100, 1_000])
    return { earliestMs: this.#nowMs - wide * this.#random(), latestMs: this.#nowMs + wide * this.#random() }
  }

  #claim({ name, made, held }: Actor): LeaseClaim {
    this.#turn += 1
    const limits = { intervalMs: this.#intervalMs, timeoutMs: 30_000, dailyCalls: this.#dailyCalls }
    const asked = { wanted: wholeBetween(this.#random, 1, 20), latencyMs: 100 * this.#random() }
    return { process: name, turn: this.#turn, made, kept: held, now: this.#now(), ...limits, ...asked }
  }

  #lease(actor: Actor): void {
    const wasRefused = this.#state.refusal
    const { state, outcome } = leaseCalls(this.#state, this.#claim(actor))
    if (outcome.kind !== 'leased') {
      // Who waits may have given back what it could not use; nothing else has changed.
      expect(leasedCalls(state)).toBeLessThanOrEqual(leasedCalls(this.#state))
      expect({ ...state, leases: [] }).toEqual({ ...this.#state, leases: [] })
      this.#state = state
      return
    }
    const { block, probedUntilMs } = outcome
    const isProbe = probedUntilMs !== undefined
    // L3, L5
    expect(block.fromMs).toBeGreaterThanOrEqual(MIDNIGHT_MS + DAY_MARGIN_MS)
    expect(block.untilMs).toBeLessThanOrEqual(MIDNIGHT_MS + MS_PER_DAY - DAY_MARGIN_MS)
    expect(isProbe).toBe(wasRefused !== null)
    if (isProbe) expect(block.calls).toBe(1)
    if (isProbe) expect(block.fromMs).toBeGreaterThanOrEqual(wasRefused?.untilMs ?? 0)
    this.#state = state
    actor.held = joined([...actor.held, block])
    actor.isProbing = isProbe
    this.#taken = [...this.#taken, { actor, fromMs: block.fromMs, untilMs: block.untilMs, epoch: state.epoch }]
  }

  #call(actor: Actor): void {
    const [first, ...others] = actor.held
    if (first === undefined || this.#nowMs < first.fromMs) return
    actor.held = first.calls > 1 ? [{ ...first, calls: first.calls - 1 }, ...others] : others
    actor.made += 1
    this.#calls += 1
  }

  #refuse(actor: Actor): void {
    const before = this.#state.epoch
    this.#state = noteRefusal(this.#state, { ...this.#claim(actor), pauseMs: () => 5_000 * this.#random() })
    actor.held = []
    actor.isProbing = false
    // A call may start just before all know of it, and bars the interval after it.
    if (this.#state.epoch !== before) this.#voidMs.set(before, this.#nowMs + MAX_AGE_MS + this.#intervalMs)
    actor.epoch = this.#state.epoch
  }

  #answer(actor: Actor): void {
    this.#state = noteAnswer(this.#state, this.#claim(actor))
    actor.isProbing = false
  }

  #end(actor: Actor): void {
    this.#state = endLease(this.#state, this.#claim(actor))
    this.#taken = this.#taken.map((one) =>
      one.actor === actor ? { ...one, untilMs: Math.min(one.untilMs, this.#nowMs + this.#intervalMs) } : one,
    )
    Object.assign(actor, { held: [], made: 0, isProbing: false })
  }

  #check(): void {
    // L1
    const usable = this.#taken
      .map((one) => ({ ...one, untilMs: Math.min(one.untilMs, this.#voidMs.get(one.epoch) ?? Infinity) }))
      .filter(({ fromMs, untilMs }) => fromMs < untilMs)
      .toSorted((a, b) => a.fromMs - b.fromMs)
    usable.slice(1).forEach(({ fromMs, actor }, index) => {
      const before = usable[index]
      if (before?.actor !== actor) expect(fromMs).toBeGreaterThanOrEqual(before?.untilMs ?? 0)
    })
    // L2
    const held = this.#actors
      .filter(({ epoch }) => epoch === this.#state.epoch)
      .flatMap((actor) => actor.held.map(({ calls }) => calls))
    const possible = held.reduce((sum, calls) => sum + calls, this.#calls)
    expect(leasedCalls(this.#state)).toBeGreaterThanOrEqual(possible)
    expect(leasedCalls(this.#state)).toBeLessThanOrEqual(this.#dailyCalls)
    // L4
    const names = this.#state.leases.map(({ process }) => process)
    expect(new Set(names).size).toBe(names.length)
  }
}

test('L1 to L5 hold whatever processes do in whatever order', () => {
  forRandomCases('claims on one ledger', 100, (random) => {
    const model = new Model(random)
    for (let steps = 100; steps > 0; steps -= 1) model.step()
  })
})
