// What `ingest status` tells: the document of `--json` and the text.

import { XNYS } from '../core/calendar.ts'
import type { IsoDate } from '../core/dates.ts'
import { counted, grouped, listed, oneLine } from '../core/text.ts'
import { count, date, flag, instant, list, object, orNull, RUN_ID, text, type TypeOf } from './json-schema.ts'
import { RUN_STATUS, runLines } from './run-status.ts'
import { sparkline } from './sparkline.ts'

/** Incremented when a field changes its meaning or is removed. */
export const STATUS_VERSION = 1

const HOLE = object(
  { symbol: text('The symbol'), sessions: list(date('A session'), 'The sessions, oldest first') },
  'Sessions of a symbol that are not stored though older and newer ones are',
)

const LATE = object(
  {
    symbol: text('The symbol'),
    newest_session: orNull(date('Its newest stored session; null if there is none')),
    sessions_behind: orNull(count('Finished sessions after it; null likewise')),
  },
  'A symbol behind the newest session of the lake',
)

const MONTH = object(
  {
    month: text('The month, YYYY-MM', String.raw`\d{4}-\d{2}`),
    sessions: count('Its finished sessions'),
    stored: count('Stored sessions of all symbols together: sessions times symbols where none is lacking'),
  },
  'A calendar month',
)

const HELD_SESSION = object(
  { date: date('The session'), reason: orNull(text('What is wrong with it; null where the run does not say so')) },
  'A session that was stored for no symbol, because it looks wrong for the whole market',
)

export const STATUS = object(
  {
    schema_version: count('Incremented when a field changes its meaning or is removed'),
    run_id: RUN_ID,
    target: text('The folder, or s3://bucket'),
    as_of: date('The last finished session'),
    ok: flag('Whether the lake is fresh: at most max_behind sessions behind'),
    symbols: count('Symbols of the ticker list; without one, symbols of the lake'),
    symbols_stored: count('Symbols with a stored session up to as_of'),
    newest_session: orNull(date('The newest stored session up to as_of, of any symbol; null if there is none')),
    symbols_with_newest: count('Symbols that have that session'),
    sessions_behind: orNull(count('Finished sessions after it; null if nothing is stored')),
    max_behind: count('--max-behind'),
    next_session: orNull(
      date('The first session that is not stored yet: after newest_session, or as_of if nothing is stored'),
    ),
    next_session_finished: orNull(instant('When that session is finished, and a run may store it')),
    reach_sessions: count('How many sessions a nightly run looks back'),
    holes: list(
      HOLE,
      'By symbol, within the reach; a symbol of another exchange has none, because its calendar is not known',
    ),
    stale: list(LATE, 'Symbols behind the newest session of the lake'),
    held_symbols: list(text('A symbol'), 'Symbols whose new sessions wait, by the last runs'),
    held_sessions: list(HELD_SESSION, 'Sessions that wait for every symbol, by the last runs'),
    months: list(MONTH, 'The last twelve months, oldest first'),
    calls_today: count('API calls of the runs that began on the UTC date of run_id'),
    runs: list(RUN_STATUS, 'The last runs, newest first'),
  },
  'How fresh a lake is',
)

export type Status = TypeOf<typeof STATUS>

/** The command of this program over the same lake that has these words, to be copied. */
type CommandFor = (words: readonly string[]) => string

/** The text for people, one screen. Each finding has the command that cures or explains it. */
export function statusText(status: Status, commandFor: CommandFor): string {
  const { symbols, symbols_stored: stored, newest_session: newest, months } = status
  const without = stored === symbols ? '' : `, ${grouped(symbols - stored)} of them without a stored session`
  const having = `, ${grouped(status.symbols_with_newest)} of ${grouped(symbols)} symbols have it`
  const lines = [
    `Lake: ${oneLine(status.target)}`,
    `As of: ${status.as_of}, the last finished session`,
    `Symbols: ${grouped(symbols)}${without}`,
    `Newest session: ${newest === null ? 'none' : `${newest}${having}`}`,
    ...nextLine(status),
    `Sessions a month: ${sparkline(months, symbols)} ${months[0]?.month} to ${months.at(-1)?.month}`,
    ...holesLine(status, commandFor),
    ...staleLine(status, commandFor),
    ...heldLines(status, commandFor),
    `Calls today: ${grouped(status.calls_today)} (UTC)`,
    ...runLines(status.runs),
    verdictText(status, commandFor([])),
  ]
  return `${lines.join('\n')}\n`
}

/** So many symbols are named; `--json` has all of them. */
const MAX_NAMED = 5

function nextLine({ as_of: asOf, next_session: next, next_session_finished: at }: Status): readonly string[] {
  if (next === null || at === null) return []
  return [`Next session: ${next}, ${next <= asOf ? 'due: it was' : 'will be'} finished at ${at}`]
}

function holesLine({ holes, reach_sessions: reach }: Status, commandFor: CommandFor): readonly string[] {
  const [first] = holes
  if (first === undefined) return [`Holes: none in the last ${grouped(reach)} sessions`]
  const sessions = holes.reduce((sum, hole) => sum + hole.sessions.length, 0)
  const named = holes.map((hole) => `${oneLine(hole.symbol)} ${spanText(hole.sessions)}`)
  const what = `${counted(sessions, 'session')} of ${counted(holes.length, 'symbol')} (${listed(named, MAX_NAMED)})`
  // One hole a command: a run with dates also fetches what only a year file holds.
  const hole = firstHole(first.sessions)
  const dates = ['--from-date', hole[0] ?? '', '--to-date', hole.at(-1) ?? '']
  const which = hole.length === sessions ? 'it' : 'the first'
  return [`Holes: ${what}. To ask FMP for ${which}: ${commandFor([...dates, ...tickersOf([first])])}`]
}

/** The sessions up to the first that does not follow the one before it. */
function firstHole(sessions: readonly IsoDate[]): readonly IsoDate[] {
  const end = sessions.findIndex(
    (session, index) => index > 0 && XNYS.nthSessionAfter(sessions[index - 1] ?? session, 1) !== session,
  )
  return end === -1 ? sessions : sessions.slice(0, end)
}

function spanText(sessions: readonly string[]): string {
  const [first, last] = [sessions[0], sessions.at(-1)]
  return first === last ? `${first}` : `${first} to ${last}`
}

function staleLine({ stale }: Status, commandFor: CommandFor): readonly string[] {
  if (stale.length === 0) return []
  const named = stale.map(({ symbol, newest_session: newest, sessions_behind: behind }) =>
    newest === null
      ? `${oneLine(symbol)} without a session`
      : `${oneLine(symbol)} since ${newest}, ${counted(behind ?? 0, 'session')}`,
  )
  const cure = commandFor(tickersOf(stale))
  return [`Behind the others: ${counted(stale.length, 'symbol')} (${listed(named, MAX_NAMED)}). To catch up: ${cure}`]
}

function heldLines(
  { held_symbols: symbols, held_sessions: sessions, next_session: next }: Status,
  commandFor: CommandFor,
) {
  const [first] = symbols
  const why = (symbol: string) => commandFor(['why', symbol, next ?? ''])
  return [
    ...(first === undefined
      ? []
      : [
          `Held back: ${listed(
            symbols.map((symbol) => oneLine(symbol)),
            MAX_NAMED,
          )}. To learn why: ${why(oneLine(first))}`,
        ]),
    ...sessions.map(
      ({ date: session, reason }) => `Session held: ${session}${reason === null ? '' : `, ${oneLine(reason)}`}`,
    ),
  ]
}

/** None where so many are meant that the line would be too long to be read: then the whole list is. */
function tickersOf(found: readonly { readonly symbol: string }[]): readonly string[] {
  return found.length > MAX_NAMED ? [] : ['--tickers', found.map(({ symbol }) => oneLine(symbol)).join(',')]
}

function verdictText({ ok, sessions_behind: behind, max_behind: most }: Status, cure: string): string {
  if (behind === null) return `❌ Nothing is stored. To fill the lake: ${cure}`
  if (behind === 0) return '✅ Fresh: the last finished session is stored'
  const lag = `${counted(behind, 'session')} behind`
  return ok ? `✅ Fresh: ${lag}` : `❌ Stale: ${lag}, at most ${grouped(most)} allowed. To catch up: ${cure}`
}
