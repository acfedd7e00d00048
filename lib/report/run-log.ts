// What the metrics of the last runs tell, as lists for people: the runs, what they changed in the past of symbols, which rows
// they doubted; and of each symbol whether its new sessions wait.

import type { Calendar } from '../core/calendar.ts'
import { stepText } from '../core/outcome.ts'
import { oneLine } from '../core/text.ts'
import { count, flag, list, object, RUN_ID, runIdOf, text, type TypeOf } from './json-schema.ts'
import type { RunRecord, StoredRun } from './runs.ts'
import { runStatus, type RunStatus } from './run-status.ts'
import { addRun, NOTHING, type SymbolHistory } from './symbol-history.ts'

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

export type RunLog = {
  /** Newest first, as all lists here. */
  readonly runs: readonly RunStatus[]
  readonly changes: readonly PastChange[]
  readonly doubts: readonly DoubtedRows[]
  /** Entries of `changes` and `doubts` that were too many to keep. */
  readonly leftOut: number
  of(symbol: string): SymbolHistory
  /** Whether the new sessions of a symbol wait: as the newest run tells that compared it, or that stored a session for nobody. */
  isHeld(symbol: string): boolean
}

/** So many entries of each list: far more than anybody reads, and few beside the symbols. */
const MAX_LISTED = 400

/** Goes through runs, newest first, as `readRuns` gives them: one document in memory at a time. Of prices only. */
export async function runLogOf(stored: AsyncIterable<StoredRun>, calendar: Calendar): Promise<RunLog> {
  const runs: RunStatus[] = []
  const symbols = new Map<string, SymbolHistory>()
  const held = new Map<string, boolean>()
  const changes: PastChange[] = []
  const doubts: DoubtedRows[] = []
  let leftOut = 0
  // By the newest run that names the symbol: of several shards one may hold a session and another not.
  const marketHeld = new Map<string, boolean>()
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
    const results = run.metrics.results.filter(isOfPrices)
    if (isOfPrices(run.metrics)) {
      const holds = (run.metrics.held_sessions ?? []).length > 0
      isMarketHeld ??= holds
      for (const { symbol } of results) marketHeld.set(symbol, marketHeld.get(symbol) ?? holds)
    }
    const runId = runIdOf(run.startMs)
    keep(
      changes,
      results.flatMap((result) => changeOf(result, runId, held)),
    )
    keep(
      doubts,
      results.flatMap((result) => doubtOf(result, runId)),
    )
    addRun(symbols, run.metrics, { startMs: run.startMs, calendar })
    for (const { symbol, past } of results) if (past && !held.has(symbol)) held.set(symbol, past.held ?? false)
  }
  return {
    runs,
    changes,
    doubts,
    leftOut,
    of: (symbol) => symbols.get(symbol) ?? NOTHING,
    isHeld: (symbol) => (marketHeld.get(symbol) ?? isMarketHeld) === true || held.get(symbol) === true,
  }
}

/** A document that does not name its datasets is of a version that had prices alone. */
function isOfPrices({ dataset = 'prices' }: Pick<RunRecord, 'dataset'>): boolean {
  return dataset.split(',').includes('prices')
}

type Result = RunRecord['results'][number]

/** Nothing where the past was equal; a symbol that is held night after night is listed once, with its newest run. */
function changeOf({ symbol, past }: Result, runId: string, known: ReadonlyMap<string, boolean>): readonly PastChange[] {
  if (past === null || past === undefined) return []
  const { mended_files: mended = 0, corrected_sessions: corrected = 0, carried_rows: carried = 0, held = false } = past
  const isNew = held && !known.has(symbol)
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
