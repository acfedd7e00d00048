// What the page computes from its data: months, sessions, and what to do about them. It touches no document.

export const WORDS = {
  s: 'stored',
  p: 'stored in part',
  m: 'missing',
  e: 'known to be empty',
  c: 'stored, some rows carried over',
  h: 'held back',
  u: 'unreadable file',
  n: 'nothing due',
}

/** Nothing for zero. */
const counted = (count, noun) => (count === 0 ? '' : `${count} ${noun}${count === 1 ? '' : 's'}`)

const MONTHS = 'January February March April May June July August September October November December'.split(' ')

/** Months are counted from the year 0. */
const monthOf = (date) => Number(date.slice(0, 4)) * 12 + Number(date.slice(5, 7)) - 1

/** The data with its months laid out: from a January, so that the years are whole, to the month of `as_of`. */
export function viewOf(data) {
  const last = monthOf(data.as_of)
  const first = data.first_month === null ? last : monthOf(data.first_month)
  const start = first - (first % 12)
  const count = last - start + 1
  const symbols = data.symbols.map((symbol, at) => {
    const letters = symbol.months.replaceAll(/(\D)(\d+)/g, (_, letter, times) => letter.repeat(Number(times)))
    return { ...symbol, at, letters: letters.slice(-count).padStart(count, 'n') }
  })
  return { ...data, symbols, start, last, count, closed: new Set(data.closed_weekdays) }
}

export function nameOfMonth({ start }, index) {
  return `${MONTHS[(start + index) % 12]} ${Math.floor((start + index) / 12)}`
}

/** The weekdays of a month. A session is one that is finished. */
export function weekdaysOf(view, index) {
  const [year, month] = [Math.floor((view.start + index) / 12), (view.start + index) % 12]
  const length = new Date(Date.UTC(year, month + 1, 0)).getUTCDate()
  const days = Array.from({ length }, (_, day) => new Date(Date.UTC(year, month, day + 1)))
  return days
    .map((day) => ({ date: day.toISOString().slice(0, 10), weekday: day.getUTCDay() }))
    .filter(({ weekday }) => weekday > 0 && weekday < 6)
    .map((day) => ({ ...day, isSession: !view.closed.has(day.date) && day.date <= view.as_of }))
}

function isInGap({ gaps }, date) {
  return gaps.some((gap) => {
    const [from, to = from] = gap.split('..')
    return from <= date && date <= to
  })
}

/** The state of one session, as a letter; undefined where the page does not know it. */
export function stateOfDay(view, symbol, index, date) {
  const { first_date: first, through_date: through } = symbol
  const state = symbol.letters[index]
  const isAfter = through !== null && date > through
  if (isAfter && date > view.due) return 'n'
  if ((state === 's' || state === 'c') && (date < first || isAfter)) return 'n'
  if (state === 'h') return isAfter ? 'h' : isInGap(symbol, date) ? 'm' : 's'
  if (state === 'u') return undefined
  if (state !== 'p') return state
  if (isInGap(symbol, date)) return 'm'
  // The oldest gaps of a symbol with very many are left out.
  const areGapsKnown = weekdaysOf(view, index).some((day) => isInGap(symbol, day.date))
  return areGapsKnown ? (date < first ? 'n' : 's') : undefined
}

/** The due sessions of a month that are missing. */
function missingIn(view, symbol, index) {
  const sessions = weekdaysOf(view, index).filter(({ isSession }) => isSession)
  return sessions.map(({ date }) => date).filter((date) => stateOfDay(view, symbol, index, date) === 'm')
}

export function textOfMonth(view, symbol, index) {
  const state = symbol.letters[index]
  const text = `${symbol.symbol}, ${nameOfMonth(view, index)}: ${WORDS[state]}`
  const missing = state === 'p' || state === 'm' ? missingIn(view, symbol, index).length : 0
  return missing === 0 ? text : `${text}, ${counted(missing, 'session')}${state === 'p' ? ' missing' : ''}`
}

/** A word for a POSIX shell: quoted if it contains anything that a shell interprets. */
export function shellWord(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}

const between = (from, to) => `--from-date ${from} --to-date ${to}`

/** What to do about a month: a sentence, and the command that does it if there is one. */
export function cureOf(view, symbol, index) {
  const state = symbol.letters[index]
  const command = (...options) => [view.command, '--tickers', shellWord(symbol.symbol), ...options].join(' ')
  const sessions = weekdaysOf(view, index).filter(({ isSession, date }) => isSession && date <= view.due)
  const dates = sessions.map(({ date }) => date)
  if (state === 'h') {
    const sentence = 'New sessions wait until FMP has put its past right. To take its rows as they are:'
    return { sentence, command: command('--accept', shellWord(symbol.symbol)) }
  }
  if (state === 'u') {
    const year = nameOfMonth(view, index).slice(-4)
    const isYear = symbol.unusable.some(({ key }) => key.includes(`/year=${year}/`) && !key.includes('/month='))
    const range = isYear ? `--backfill ${between(`${year}-01-01`, `${year}-12-31`)}` : between(dates[0], dates.at(-1))
    return { sentence: 'Move the file away, or replace it:', command: command(range, '--force') }
  }
  if (state !== 'p' && state !== 'm') return { sentence: 'Nothing: no session of it is missing.' }
  const missing = missingIn(view, symbol, index)
  const meant = missing.length > 0 ? missing : dates
  return { sentence: 'To fetch what is missing:', command: command(between(meant[0], meant.at(-1))) }
}

/** What a run did to the past of a symbol, as a sentence. */
export function textOfChange(change) {
  const parts = [
    change.steps.join(', '),
    counted(change.mended_files, 'mended year file'),
    counted(change.corrected_sessions, 'corrected session'),
    counted(change.carried_rows, 'carried row'),
    change.held ? 'new sessions held back' : '',
  ]
  return `${change.run_id.slice(0, 10)}: ${[change.verdict, ...parts.filter((part) => part !== '')].join(', ')}`
}
