// What a run tells of the vendor's past: the fields of the metrics and the lines of the summary.

import { PAST_VERDICTS, stepText, type PastOutcome, type SymbolOutcome } from '../core/outcome.ts'
import { counted, grouped, listed } from '../core/text.ts'
import { amount, count, date, flag, list, object, oneOf, orNull, text, type TypeOf } from './json-schema.ts'

const PAST_STEP = object(
  {
    before: date('The first session that is not multiplied: an ex date'),
    price_factor: amount('What all older prices were multiplied by; 1 if nothing'),
    adj_factor: amount('What all older adjusted closes were multiplied by; 1 if nothing'),
    ratio: orNull(text('Of a split, as it is announced: 4:1', String.raw`\d+:\d+`)),
    dividend: orNull(amount('Of a dividend, its amount in the currency of the prices as they are now')),
  },
  'A change of every older row',
)

/** The comparison of one symbol; null where nothing stored was compared. */
export const SYMBOL_PAST = orNull(
  object(
    {
      verdict: oneOf(
        PAST_VERDICTS,
        'same: every value is equal. corrected: single rows differ. revolumed: all volumes by one ratio. rebased: a split. readjusted: a dividend. restated: all prices by about one ratio. implausible: the change puts a jump in. unsettled: prices and adjusted closes are on different bases. other: no factor explains it',
      ),
      compared_sessions: count('Stored sessions that were compared'),
      compared_from: orNull(date('The oldest of them; null if none could be compared')),
      wholly: flag('Whether all that is stored was compared'),
      steps: list(PAST_STEP, 'The changes that explain the verdict, newest first'),
      corrected_sessions: count('Sessions whose day file was written anew'),
      mended_files: count('Year files that were written anew'),
      carried_rows: count('Rows in these files that the vendor has no more, multiplied as the rows beside them were'),
      held: flag('Whether new sessions wait because the change is in doubt'),
      bases_differ: flag('Whether new sessions were stored although older ones are on another base'),
    },
    "What became of the symbol's stored rows in the vendor's past; null if none was compared",
  ),
)

/** The sums of a run. */
export const PAST_TOTALS = {
  compared_symbols: count("Symbols whose stored rows were compared with the vendor's"),
  compared_wholly: count('Symbols of which all that is stored was compared'),
  compared_sessions: count('Stored sessions that were compared'),
  looks: count('Symbols whose whole past was asked for by further calls'),
  corrected_sessions: count("Sessions whose day file was written anew; outside counts, as all of a past's files are"),
  mended_symbols: count('Symbols with mended files'),
  mended_files: count('Year files that were written anew because the past has changed'),
  carried_rows: count('Rows in these files that the vendor has no more'),
  held_symbols: count('Symbols whose new sessions wait'),
  bases_differ: count('Symbols whose new sessions were stored although older ones are on another base'),
}

/** The sessions that a run stored for no symbol. */
export const HELD_SESSIONS = list(
  object(
    { date: date('The session'), reason: text('What is wrong with it, with the figures') },
    'A session that looks wrong for the whole market',
  ),
  'Sessions of which nothing was stored, nor of those after them, oldest first',
)

type SymbolPast = TypeOf<typeof SYMBOL_PAST>
type PastTotals = { readonly [K in keyof typeof PAST_TOTALS]: TypeOf<(typeof PAST_TOTALS)[K]> }

/** The comparison of one symbol by the document's field names. */
export function symbolPast(past: PastOutcome | undefined): SymbolPast {
  if (past === undefined) return null
  return {
    verdict: past.verdict,
    compared_sessions: past.comparedSessions,
    compared_from: past.comparedFrom ?? null,
    wholly: past.isWhole,
    steps: past.steps.map(({ before, priceFactor, adjFactor, ratio, dividend }) => ({
      before,
      price_factor: priceFactor,
      adj_factor: adjFactor,
      ratio: ratio ?? null,
      dividend: dividend ?? null,
    })),
    corrected_sessions: past.correctedSessions,
    mended_files: past.mendedFiles,
    carried_rows: past.carriedRows,
    held: past.isHeld,
    bases_differ: past.basesDiffer,
  }
}

/** The sums over all symbols of a run. */
export function pastTotals(outcomes: readonly Pick<SymbolOutcome, 'past'>[]): PastTotals {
  const pasts = outcomes.flatMap(({ past }) => past ?? [])
  const total = (valueOf: (past: PastOutcome) => number) => pasts.reduce((sum, past) => sum + valueOf(past), 0)
  const symbols = (is: (past: PastOutcome) => boolean) => pasts.filter(is).length
  return {
    compared_symbols: pasts.length,
    compared_wholly: symbols(({ isWhole }) => isWhole),
    compared_sessions: total(({ comparedSessions }) => comparedSessions),
    looks: symbols(({ isLook }) => isLook),
    corrected_sessions: total(({ correctedSessions }) => correctedSessions),
    mended_symbols: symbols(({ mendedFiles }) => mendedFiles > 0),
    mended_files: total(({ mendedFiles }) => mendedFiles),
    carried_rows: total(({ carriedRows }) => carriedRows),
    held_symbols: symbols(({ isHeld }) => isHeld),
    bases_differ: symbols(({ basesDiffer }) => basesDiffer),
  }
}

/** `500 symbols, 26 of them wholly`, or nothing. */
export function comparedText(symbols: number, wholly: number): string {
  if (symbols === 0) return ''
  return `${counted(symbols, 'symbol')}${wholly === 0 ? '' : `, ${grouped(wholly)} of them wholly`}`
}

type ReportedPast = PastTotals & {
  readonly held_sessions: readonly { readonly date: string }[]
  readonly results: readonly { readonly symbol: string; readonly past: SymbolPast }[]
}

/** The lines of the summary; those that are empty or zero are left out by the caller. */
export function pastEntries(metrics: ReportedPast): readonly (readonly [label: string, value: number | string])[] {
  const { held_symbols: held } = metrics
  return [
    ['🔎 Compared', comparedText(metrics.compared_symbols, metrics.compared_wholly)],
    ['✏️  Corrected sessions', metrics.corrected_sessions],
    ['🩹 Mended', mendedText(metrics)],
    ['📦 Carried over', metrics.carried_rows === 0 ? '' : counted(metrics.carried_rows, 'row')],
    ['✋ Held back', held === 0 ? '' : counted(held, 'symbol')],
    ['✋ Session held', metrics.held_sessions.map(({ date: session }) => session).join(', ')],
  ]
}

/** So many mended symbols are named: with their steps they fit into a cell of the step summary. */
const MAX_MENDED_NAMED = 6

/** `2 symbols, 12 files (AAPL 4:1 before 2020-08-31, MSFT dividend 0.83 before 2026-11-19)`. */
function mendedText({ results, mended_symbols: symbols, mended_files: files }: ReportedPast): string {
  if (symbols === 0) return ''
  const mended = results.flatMap(({ symbol, past }) =>
    past !== null && past.mended_files > 0 ? [`${symbol}${newestStepText(past.steps)}`] : [],
  )
  return `${counted(symbols, 'symbol')}, ${counted(files, 'file')} (${listed(mended, MAX_MENDED_NAMED)})`
}

/** The newest step, and how many there are before it. */
function newestStepText([newest, ...earlier]: NonNullable<SymbolPast>['steps']): string {
  if (newest === undefined) return ''
  const step = stepText({
    before: newest.before,
    priceFactor: newest.price_factor,
    adjFactor: newest.adj_factor,
    ratio: newest.ratio ?? undefined,
    dividend: newest.dividend ?? undefined,
  })
  return ` ${step}${earlier.length === 0 ? '' : ` and ${grouped(earlier.length)} earlier`}`
}
