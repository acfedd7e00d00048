// What the ledger of one API key and one UTC day says, and its form as JSON. All times are the store's, in milliseconds
// since 1970.

import * as v from 'valibot'
import { IngestError } from '../../core/errors.ts'
import type { IsoDate } from '../../core/dates.ts'

const Ms = v.pipe(v.number(), v.finite())
const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

/** A stretch of time in which one process alone may start so many calls. */
const Block = v.object({ fromMs: Ms, untilMs: Ms, calls: Count })

/** What one process has and had on this day. */
const Lease = v.object({
  /** A random id of the process. */
  process: v.string(),
  /** Counts the changes by that process: it knows its own change again by it. */
  turn: Count,
  /** The calls made, and those that its blocks still allow. */
  calls: Count,
  /** In the order of their times; past ones may be among them. */
  blocks: v.array(Block),
})

/** FMP refuses calls for the call limit. One call at a time then finds out whether it still does. */
const Refusal = v.object({
  /** When the first of the unbroken refusals was. */
  sinceMs: Ms,
  /** No call starts before. */
  untilMs: Ms,
  count: Count,
  /** Who makes the one call, and until when its end may be reported; null while nobody does. */
  probe: v.nullable(v.object({ process: v.string(), untilMs: Ms })),
})

const Ledger = v.object({
  schema: v.literal(1),
  day: v.string(),
  /** The calls of leases that are no longer listed. */
  closedCalls: Count,
  /** From when on no block is leased. */
  freeFromMs: Ms,
  /** Counts the refusals. Blocks that were leased before one are void. */
  epoch: Count,
  leases: v.array(Lease),
  refusal: v.nullable(Refusal),
  /** Until when FMP's own limit of the day is taken for reached; null if it is not. */
  limitedUntilMs: v.nullable(Ms),
})

export type Block = v.InferOutput<typeof Block>
export type Lease = v.InferOutput<typeof Lease>
export type Refusal = v.InferOutput<typeof Refusal>
export type LedgerState = v.InferOutput<typeof Ledger>

/** The ledger of a day on which no call has been leased. */
export function emptyLedger(day: IsoDate): LedgerState {
  return {
    schema: 1,
    day,
    closedCalls: 0,
    freeFromMs: 0,
    epoch: 0,
    leases: [],
    refusal: null,
    limitedUntilMs: null,
  }
}

/** The calls of the day that are made or leased. */
export function leasedCalls({ closedCalls, leases }: LedgerState): number {
  return leases.reduce((sum, { calls }) => sum + calls, closedCalls)
}

/** The calls that blocks still allow. */
export function callsIn(blocks: readonly Block[]): number {
  return blocks.reduce((sum, { calls }) => sum + calls, 0)
}

/** Blocks, with those joined that follow each other without a gap. */
export function joined(blocks: readonly Block[]): readonly Block[] {
  const done: Block[] = []
  for (const next of blocks) {
    const last = done.at(-1)
    const isNext = last?.untilMs === next.fromMs
    if (!isNext) done.push(next)
    else done[done.length - 1] = { fromMs: last.fromMs, untilMs: next.untilMs, calls: last.calls + next.calls }
  }
  return done
}

export function formatLedger(state: LedgerState): string {
  return `${JSON.stringify(state)}\n`
}

/**
 * Reads a ledger; an empty one if there is no text. Throws an IngestError of the run if the text is none: without it nobody
 * knows which calls are left. `location` names the file in it.
 */
export function parseLedger(text: string | undefined, day: IsoDate, location: string): LedgerState {
  if (text === undefined) return emptyLedger(day)
  const parsed = v.safeParse(Ledger, jsonOf(text))
  if (parsed.success && parsed.output.day === day) return parsed.output
  throw new IngestError(`${location}: this is no ledger of ${day} that this version reads`, {
    kind: 'store',
    scope: 'run',
    hint: 'Use one version of the program for all runs of a key. If something else has written the file, delete it: the calls made today are then forgotten.',
  })
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
