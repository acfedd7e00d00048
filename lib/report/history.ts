// What the metrics of the last runs tell of each symbol: when it was compared and mended, whether its new sessions wait, and
// which of its rows were refused or look wrong.

import { stepText } from '../core/outcome.ts'
import { utcDate, type IsoDate } from '../core/dates.ts'
import { oneLine } from '../core/text.ts'
import { count, flag, list, object, RUN_ID, runIdOf, text, type TypeOf } from './json-schema.ts'
import type { RunRecord, StoredRun } from './runs.ts'
import { runStatus, type RunStatus } from './status.ts'

/** What a run found or changed in the past of a symbol. */
export const PAST_CHANGE = object(
  {
    run_id: RUN_ID,
    symbol: text('The symbol'),
    verdict: text('As in the metrics'),
    steps: list(text('A split, a dividend or a factor, and the first session that it does not change'), 'Newest first'),
    mended_files: count('Year files that were written anew'),
    corrected_sessions: count('Sessions whose day file was written anew'),
    carried_rows: count('Rows that the vendor has no more'),
    held: flag('Whether new sessions waited'),
  },
  'A change of the past of a symbol',
)

/** Rows of a symbol that a run doubted. */
export const DOUBTED_ROWS = object(
  {
    run_id: RUN_ID,
    symbol: text('The symbol'),
    rejected_rows: count('Rows that broke a hard rule and were not stored'),
    suspect_rows: count('Stored rows that look wrong'),
  },
  'Doubted rows of a symbol in a run',
)

export type PastChange = TypeOf<typeof PAST_CHANGE>
export type DoubtedRows = TypeOf<typeof DOUBTED_ROWS>

/** What is known of one symbol. A field is undefined where no run tells. */
export type SymbolHistory = { lastCompared?: IsoDate; lastMended?: IsoDate; isHeld?: boolean }

export type RunHistory = {
  /** Newest first, as all lists here. */
  readonly runs: readonly RunStatus[]
  readonly symbols: ReadonlyMap<string, Readonly<SymbolHistory>>
  readonly changes: readonly PastChange[]
  readonly doubts: readonly DoubtedRows[]
  /** Whether the newest run stored no session for anybody because it looked wrong. */
  readonly isMarketHeld: boolean
  /** Entries of `changes` and `doubts` that were too many to keep. */
  readonly leftOut: number
}

/** So many entries of each list: far more than anybody reads, and few beside the symbols. */
const MAX_LISTED = 400

/** Goes through runs, newest first, as `readRuns` gives them: one document in memory at a time. Of prices only. */
export async function historyOf(stored: AsyncIterable<StoredRun>): Promise<RunHistory> {
  const runs: RunStatus[] = []
  const symbols = new Map<string, SymbolHistory>()
  const changes: PastChange[] = []
  const doubts: DoubtedRows[] = []
  let leftOut = 0
  let isMarketHeld: boolean | undefined
  const keep = <T>(entries: T[], found: readonly T[]) => {
    const kept = found.slice(0, MAX_LISTED - entries.length)
    entries.push(...kept)
    leftOut += found.length - kept.length
  }
  for await (const run of stored) {
    const { key, problem, ...facts } = runStatus(run)
    runs.push({ ...facts, key: oneLine(key), problem: problem === null ? null : oneLine(problem) })
    if (!('metrics' in run)) continue
    if (isOfPrices(run.metrics)) isMarketHeld ??= (run.metrics.held_sessions ?? []).length > 0
    const results = run.metrics.results.filter(isOfPrices)
    const runId = runIdOf(run.startMs)
    keep(
      changes,
      results.flatMap((result) => changeOf(result, runId, symbols)),
    )
    keep(
      doubts,
      results.flatMap((result) => doubtOf(result, runId)),
    )
    for (const result of results) learn(symbols, result, utcDate(run.startMs))
  }
  return { runs, symbols, changes, doubts, isMarketHeld: isMarketHeld ?? false, leftOut }
}

/** A document that does not name its datasets is of a version that had prices alone. */
function isOfPrices({ dataset = 'prices' }: Pick<RunRecord, 'dataset'>): boolean {
  return dataset.split(',').includes('prices')
}

type Result = RunRecord['results'][number]

/** Nothing where the past was equal; a symbol that is held night after night is listed once, with its newest run. */
function changeOf(
  { symbol, past }: Result,
  runId: string,
  known: ReadonlyMap<string, SymbolHistory>,
): readonly PastChange[] {
  if (past === null || past === undefined) return []
  const { mended_files: mended = 0, corrected_sessions: corrected = 0, carried_rows: carried = 0, held = false } = past
  const isNew = held && known.get(symbol)?.isHeld === undefined
  if (mended === 0 && corrected === 0 && !isNew) return []
  return [
    {
      run_id: runId,
      symbol: oneLine(symbol),
      verdict: oneLine(past.verdict ?? ''),
      steps: (past.steps ?? []).map((step) => oneLine(textOfStep(step))),
      mended_files: mended,
      corrected_sessions: corrected,
      carried_rows: carried,
      held,
    },
  ]
}

type Step = NonNullable<NonNullable<Result['past']>['steps']>[number]

function textOfStep({ before, price_factor: priceFactor, adj_factor: adjFactor, ratio, dividend }: Step): string {
  return stepText({ before, priceFactor, adjFactor, ratio: ratio ?? undefined, dividend: dividend ?? undefined })
}

function doubtOf(
  { symbol, rejected_rows: rejected = 0, suspect_rows: suspects = 0 }: Result,
  runId: string,
): readonly DoubtedRows[] {
  if (rejected === 0 && suspects === 0) return []
  return [{ run_id: runId, symbol: oneLine(symbol), rejected_rows: rejected, suspect_rows: suspects }]
}

/** Takes from a run what no newer one has told. */
function learn(symbols: Map<string, SymbolHistory>, { symbol, past }: Result, date: IsoDate): void {
  if (past === null || past === undefined) return
  const known = symbols.get(symbol) ?? {}
  if ((past.compared_sessions ?? 0) > 0) known.lastCompared ??= date
  if ((past.mended_files ?? 0) > 0 || (past.corrected_sessions ?? 0) > 0) known.lastMended ??= date
  known.isHeld ??= past.held ?? false
  symbols.set(symbol, known)
}
