// The outcome of one symbol of one dataset: the fate of each of its sessions or documents, what was written, what failed.

import type { DatasetName } from './config.ts'
import type { RawRow } from './dataset.ts'
import type { IsoDate } from './dates.ts'
import type { IngestError } from './errors.ts'

/** How many sessions (for statements: documents) ended with each fate. Each one asked for has exactly one fate. */
export type Counts = {
  readonly stored: number
  readonly already_stored: number
  readonly no_data: number
  readonly missing: number
  readonly rejected: number
  readonly failed: number
  readonly not_reached: number
}

export type Fate = keyof Counts

export const ZERO_COUNTS: Counts = {
  stored: 0,
  already_stored: 0,
  no_data: 0,
  missing: 0,
  rejected: 0,
  failed: 0,
  not_reached: 0,
}

/** The counts, with `sessions` more of one fate. */
export function withFate(counts: Counts, fate: Fate, sessions: number = 1): Counts {
  return { ...counts, [fate]: counts[fate] + sessions }
}

export function addCounts(a: Counts, b: Counts): Counts {
  const fates = Object.keys(ZERO_COUNTS) as Fate[]
  return fates.reduce((sum, fate) => withFate(sum, fate, b[fate]), a)
}

export function totalCount(counts: Counts): number {
  return Object.values(counts).reduce((sum, sessions) => sum + sessions, 0)
}

/** A row that broke a hard rule, as the rejects file records it. `date` is the row's own text, a real date or not. */
export type Reject = {
  readonly symbol: string
  readonly dataset: string
  readonly date: string | null
  readonly reason: string
  readonly row: RawRow
}

/**
 * What a vendor's past may have become. `same`: every value is equal. `corrected`: single rows differ. `revolumed`: all volumes
 * by one ratio. `rebased`: prices by a split, or as by one. `readjusted`: adjusted closes by a dividend. `restated`: all prices
 * by about one ratio that no factor gives. `implausible`: the change puts a jump into the series. `unsettled`: prices and
 * adjusted closes are on different bases. `other`: no factor explains it.
 */
export const PAST_VERDICTS = [
  'same',
  'corrected',
  'revolumed',
  'rebased',
  'readjusted',
  'restated',
  'implausible',
  'unsettled',
  'other',
] as const

export type PastVerdict = (typeof PAST_VERDICTS)[number]

/** What the comparison of a symbol's stored rows with FMP's came to. */
export type PastOutcome = {
  readonly verdict: PastVerdict
  readonly comparedSessions: number
  readonly comparedFrom: IsoDate | undefined
  /** Whether all that is stored was compared. */
  readonly isWhole: boolean
  /** Whether further calls were made for it. */
  readonly isLook: boolean
  readonly steps: readonly PastStepOutcome[]
  /** Day files that were written anew for single corrected rows. */
  readonly correctedSessions: number
  readonly mendedFiles: number
  readonly carriedRows: number
  /** Whether new sessions wait. */
  readonly isHeld: boolean
  /** Whether new sessions are stored though older ones are on another base. */
  readonly basesDiffer: boolean
}

/** A boundary in the past: every row before the session has been multiplied. */
export type PastStepOutcome = {
  readonly before: IsoDate
  readonly priceFactor: number
  readonly adjFactor: number
  /** Of a split, as it is announced: `4:1`. */
  readonly ratio: string | undefined
  readonly dividend: number | undefined
}

/** A session that looks wrong for the whole market, and why. */
export type HeldSession = { readonly date: IsoDate; readonly reason: string }

/** `4:1 before 2020-08-31`, `dividend 0.83 before 2026-11-19`. */
export function stepText({ before, ratio, priceFactor, adjFactor, dividend }: PastStepOutcome): string {
  const parts = [
    priceFactor === 1 ? undefined : (ratio ?? `prices × ${priceFactor.toFixed(6)}`),
    dividend === undefined ? undefined : `dividend ${Number(dividend.toPrecision(3))}`,
  ].filter((part) => part !== undefined)
  return `${parts.length === 0 ? `adjusted close × ${adjFactor.toFixed(6)}` : parts.join(' and ')} before ${before}`
}

export type SymbolOutcome = {
  readonly symbol: string
  readonly dataset: DatasetName
  /** False if the run stopped before all files of this symbol were written or had failed. */
  readonly isFinished: boolean
  /** API calls of the plan, retries aside. */
  readonly plannedCalls: number
  /** API calls made, retries included. */
  readonly calls: number
  readonly filesWritten: number
  readonly rowsWritten: number
  readonly errors: readonly IngestError[]
  readonly warnings: readonly string[]
  /** Warns that this symbol lacks the newest session of the range. Printed only if other symbols have that session. */
  readonly lateWarning: string | undefined
  readonly counts: Counts
  /** Sessions without a bar between two bars, oldest first. */
  readonly missing: readonly IsoDate[]
  /** The part of `counts` that the survey decided, without an API call. */
  readonly surveyedCounts: Counts
  readonly rejects: readonly Reject[]
  readonly suspects: number
  readonly incomplete: number
  readonly closedDayBars: number
  readonly wouldShrink: number
  /** Files that another run wrote meanwhile, with other rows than this run fetched. */
  readonly differing: number
  /** The newest bar that was not stored because it is incomplete. */
  readonly withheldThrough: IsoDate | undefined
  /** The newest session whose bar came and was rejected. */
  readonly rejectedThrough: IsoDate | undefined
  /** The oldest bar or document that this run knows to be stored. */
  readonly first: IsoDate | undefined
  /** The newest one. */
  readonly through: IsoDate | undefined
  readonly unknownFields: readonly string[]
  /** Undefined where nothing stored was compared. */
  readonly past: PastOutcome | undefined
  /** Stored documents that were replaced because the vendor changed them. */
  readonly restated: number
}

/** The outcome of a symbol before anything is known of it. */
export function blankOutcome(symbol: string, dataset: DatasetName, plannedCalls: number): SymbolOutcome {
  return {
    symbol,
    dataset,
    isFinished: true,
    plannedCalls,
    calls: 0,
    filesWritten: 0,
    rowsWritten: 0,
    errors: [],
    warnings: [],
    lateWarning: undefined,
    counts: ZERO_COUNTS,
    missing: [],
    surveyedCounts: ZERO_COUNTS,
    rejects: [],
    suspects: 0,
    incomplete: 0,
    closedDayBars: 0,
    wouldShrink: 0,
    differing: 0,
    withheldThrough: undefined,
    rejectedThrough: undefined,
    first: undefined,
    through: undefined,
    unknownFields: [],
    past: undefined,
    restated: 0,
  }
}

/** The outcome without its no-data error and its late warning, for when something else explains the missing data. */
export function withoutNoDataError(outcome: SymbolOutcome): SymbolOutcome {
  const own = outcome.errors.filter(({ kind }) => kind !== 'no-data')
  if (own.length === outcome.errors.length) return { ...outcome, lateWarning: undefined }
  // Other errors keep their sessions: those of a foreign file were counted as failed by the survey.
  const { surveyedCounts, counts } = outcome
  return {
    ...outcome,
    errors: own,
    lateWarning: undefined,
    counts: {
      ...counts,
      no_data: counts.no_data + counts.failed - surveyedCounts.failed,
      failed: surveyedCounts.failed,
    },
  }
}

/** The calls to the vendor so far. */
export type VendorStats = {
  /** Attempts sent, retries included: the vendor counts these. */
  readonly calls: number
  /** Attempts that repeated an earlier one, after a failure or after a refusal because of the rate limit. */
  readonly retries: number
  /** Attempts that the vendor refused because of its rate limit. */
  readonly limited: number
  /** Milliseconds that attempts waited at the rate gate, summed over all attempts. */
  readonly gateWaitMs: number
}
