// What `ingest coverage` tells: the document that the page shows and `--json` prints, and the line for people.

import { counted, grouped } from '../core/text.ts'
import { DOUBTED_ROWS, PAST_CHANGE } from './run-log.ts'
import { count, date, list, object, oneOf, orNull, RUN_ID, text, type TypeOf } from './json-schema.ts'
import { RUN_STATUS } from './run-status.ts'

/** Incremented when a field changes its meaning or is removed. */
export const COVERAGE_VERSION = 1

/** From the worst to the best. */
export const SYMBOL_STATES = ['unreadable', 'held', 'empty', 'gaps', 'behind', 'complete'] as const

export type SymbolState = (typeof SYMBOL_STATES)[number]

const UNUSABLE = object(
  { key: text('The key of the file'), problem: text('Why it counts for nothing: a sentence that begins with the key') },
  'A file of another writer, or one that cannot be read',
)

const SYMBOL = object(
  {
    symbol: text('The symbol'),
    state: oneOf(
      SYMBOL_STATES,
      'unreadable: a file of another writer, or one that cannot be read, stands where sessions should. held: new sessions wait because the past is in doubt. empty: nothing is stored. gaps: sessions between stored ones are missing. behind: only the newest ones are. complete: none is missing',
    ),
    first_date: orNull(date('The oldest stored date')),
    through_date: orNull(date('The newest stored date')),
    sessions: count('Stored dates'),
    missing: count(
      'Sessions from the first stored one to the last one due that are neither stored nor known to be empty',
    ),
    carried_rows: count('Stored dates in rows that a mend carried over'),
    last_compared: orNull(date('When all of its rows were last compared with those of FMP, as far as the runs tell')),
    last_mended: orNull(date('When year files of it were last mended, likewise')),
    months: text(
      'A letter for each month, oldest first, up to the month of as_of, and how many months follow each other with it, if it is more than one. s: stored. c: stored, some rows carried over. p: stored in part. m: missing. u: unreadable. h: held. e: known to be empty. n: nothing known or due',
      '(?:[scpmuhen](?:[2-9]|[1-9]\\d+)?)*',
    ),
    gaps: list(
      text('A session, or the first and the last of several that follow each other: FROM..TO'),
      'Missing and held sessions of the months that are stored in part, oldest first; the oldest are left out where there are too many',
    ),
    unusable: list(UNUSABLE, 'At most three'),
  },
  'A symbol',
)

export const COVERAGE = object(
  {
    schema_version: count('Incremented when a field changes its meaning or is removed'),
    run_id: RUN_ID,
    target: text('The folder, or s3://bucket'),
    command: text('The command that fills the lake, to which a cure adds its options'),
    as_of: date('The last finished session'),
    due: date('The last session that a run would have stored: the last one before today'),
    first_month: orNull(text('The month of the oldest stored date of all symbols', String.raw`\d{4}-\d{2}`)),
    sessions: count('The sum over the symbols'),
    missing: count('The sum over the symbols'),
    held: count('Symbols whose new sessions wait'),
    days_since_last_run: orNull(count('Whole days from the start of the last run; null if there is none')),
    symbols: list(SYMBOL, 'The worst first'),
    closed_weekdays: list(date('A date'), 'Weekdays on which the market was closed, from first_month on'),
    runs: list(RUN_STATUS, 'The last runs, newest first'),
    changes: list(PAST_CHANGE, 'Mends, corrections and holds of these runs, newest first'),
    doubts: list(DOUBTED_ROWS, 'Rejected and suspect rows of these runs, newest first'),
    left_out: count('Entries of changes and doubts that were too many to list'),
  },
  'What a lake holds, month by month',
)

export type Coverage = TypeOf<typeof COVERAGE>
export type CoveredSymbol = TypeOf<typeof SYMBOL>

/** The line for people, without the path of the page. */
export function coverageText({ symbols, sessions, missing, held, as_of: asOf }: Coverage): string {
  const counts = [counted(symbols.length, 'symbol'), counted(sessions, 'session'), `${grouped(missing)} missing`]
  return `${counts.join(', ')}, ${grouped(held)} held, as of ${asOf}`
}
