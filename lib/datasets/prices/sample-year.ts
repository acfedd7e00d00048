// Compares what is stored of one symbol's year with the vendor's rows now, by the rule of past.ts.

import type { Calendar } from '../../core/calendar.ts'
import type { RawRow, Row } from '../../core/dataset.ts'
import { addDays, earlierOf, isWithin, wholeYear, type DateRange, type IsoDate } from '../../core/dates.ts'
import type { PastVerdict } from '../../core/outcome.ts'
import { counted } from '../../core/text.ts'
import type { Call } from '../../pipeline/pipeline.ts'
import { checkRows } from '../check.ts'
import { comparePast } from './past.ts'
import { differenceText } from './past-text.ts'
import type { SessionDataset } from './schema.ts'
import { readStoredRows, type StoredRowsContext } from './stored-rows.ts'
import type { SymbolCoverage } from './symbol-coverage.ts'
import { fetchWindows, isRefusedByPlan } from './windows.ts'

/** A year of a symbol, and what is known of the symbol. */
export type YearToSample = Pick<SymbolCoverage, 'symbol' | 'tradesElsewhere' | 'first' | 'through'> & {
  readonly year: number
}

export type SampleVerdict = PastVerdict | 'not_stored' | 'refused' | 'failed'

export type SampledYear = {
  readonly verdict: SampleVerdict
  /** The first date that differs, and what differs: undefined where nothing does. */
  readonly difference: { readonly date: IsoDate; readonly text: string } | undefined
}

export type SampleContext = StoredRowsContext & {
  readonly dataset: SessionDataset
  readonly calendar: Calendar
  readonly asOf: IsoDate
}

/** The vendor's first bar after a year tells whether the whole year was multiplied. */
const DAYS_AFTER = 10

/**
 * Asks for one window, which reaches a few days into the next year. Throws an IngestError: of the run, or of the symbol where
 * FMP gave no answer.
 */
export async function sampleYear(wanted: YearToSample, context: SampleContext, call: Call): Promise<SampledYear> {
  const { symbol, year } = wanted
  const { dataset, asOf } = context
  const window = { from: wholeYear(year).from, to: earlierOf(addDays(wholeYear(year).to, DAYS_AFTER), asOf) }
  const raw = await fetchWindows(symbol, [window], { dataset, call }).catch(refusedByPlan)
  if (raw === undefined) return { verdict: 'refused', difference: undefined }
  const answer = rowsIn(raw, symbol, window, dataset)
  const range = { from: window.from, to: earlierOf(wholeYear(year).to, asOf) }
  const stored = await readStoredRows(symbol, range, answer, context)
  const past = comparePast(stored.pairs, rowAfter(stored.pairs[0]?.now.date, answer))
  const [date] = past.differing.toReversed()
  if (date !== undefined) {
    return { verdict: past.verdict, difference: { date, text: differenceText(past, stored.pairs) } }
  }
  const held = new Set(stored.pairs.map((pair) => pair.now.date))
  const [first, ...others] = notStored([...answer.keys()], held, wanted, { ...context, range })
  if (first === undefined) return { verdict: 'same', difference: undefined }
  const text = `FMP has ${counted(others.length + 1, 'session')} that no file holds`
  return { verdict: 'not_stored', difference: { date: first, text } }
}

/** The vendor's oldest row after the newest compared one. */
function rowAfter(newest: IsoDate | undefined, answer: ReadonlyMap<IsoDate, Row>): Row | undefined {
  const later = [...answer.values()].filter(({ date }) => newest !== undefined && date > newest)
  return later.toSorted((a, b) => (a.date < b.date ? -1 : 1))[0]
}

function refusedByPlan(error: unknown): undefined {
  if (!isRefusedByPlan(error)) throw error
}

function rowsIn(raw: readonly RawRow[], symbol: string, window: DateRange, dataset: SessionDataset) {
  const good = checkRows(dataset, raw, symbol).good.filter(({ row }) => isWithin(row.date, window))
  return new Map(good.map(({ row }): [IsoDate, Row] => [row.date, row]))
}

/** Sessions of the vendor between the first and the newest stored one that are not stored, oldest first. */
function notStored(
  dates: readonly IsoDate[],
  held: ReadonlySet<IsoDate>,
  { first, through, tradesElsewhere }: YearToSample,
  { calendar, range }: { readonly calendar: Calendar; readonly range: DateRange },
): readonly IsoDate[] {
  if (tradesElsewhere || first === undefined || through === undefined) return []
  const isMissing = (date: IsoDate) => !held.has(date) && calendar.isSession(date) && isWithin(date, range)
  return dates.filter((date) => isWithin(date, { from: first, to: through }) && isMissing(date)).toSorted()
}
