// `ingest why` for people: the life of one cell in about ten lines.

import { counted, grouped, oneLine } from '../core/text.ts'
import type { Why } from './why.ts'

const MARKS: Readonly<Record<Why['state'], string>> = {
  stored: '✅',
  carried: '📦',
  unreadable: '❌',
  rejected: '🚫',
  held: '✋',
  missing: '🕳️',
  no_data: '∅',
  not_stored: '∅',
  closed: '💤',
  future: '⏳',
}

/** The text. `more` is the command that prints everything. */
export function whyText(why: Why, more: string): string {
  const lines = [
    `${MARKS[why.state]} ${oneLine(why.symbol)} ${why.date}${datasetText(why)}: ${why.state.replace('_', ' ')}. ${why.reason}`,
    `Day: ${dayText(why)}`,
    ...objectLines(why),
    ...(why.winner === null ? [] : [`Counts: ${nameOf(why.winner)}, ${why.winner_reason ?? ''}`]),
    ...historyLines(why, more),
    `Next run: ${nextText(why)}`,
    ...fmpLines(why),
  ]
  return `${lines.join('\n')}\n`
}

function datasetText({ dataset }: Why): string {
  return dataset === 'prices' ? '' : ` (${dataset})`
}

const DAYS: Readonly<Record<Why['day'], string>> = {
  session: 'a session',
  weekend: 'a weekend, New York is closed',
  holiday: 'a holiday, New York is closed',
  period_end: 'the end of a fiscal period',
}

function dayText({ day, finished, date, as_of: asOf }: Why): string {
  if (finished === null) return DAYS[day]
  return `${DAYS[day]}, ${date <= asOf ? 'finished' : 'to be finished'} at ${finished}`
}

/** The name of the file alone: the key says no more than symbol and date do. */
function nameOf(key: string): string {
  return oneLine(key.slice(key.lastIndexOf('/') + 1))
}

function objectLines({ objects }: Why): readonly string[] {
  if (objects.length === 0) return ['Objects: none']
  return objects.flatMap((object) => {
    const { key, problem, ingest_ts: instant, run, size_bytes: size, rows } = object
    if (problem !== null) return [`Object: ${oneLine(key)}, ${grouped(size)} bytes, ${oneLine(problem)}`]
    const by = run === null ? 'a run without metrics' : oneLine(run)
    return [
      `Object: ${oneLine(key)}, ${grouped(size)} bytes, of ${instant} by ${by}; ${hashText(object)}`,
      ...(rows.length === 0 ? [`  no row of it${askedText(object)}`] : rows.map((row) => `  ${rowText(row)}`)),
    ]
  })
}

type WhyObject = Why['objects'][number]

function askedText({ asked }: WhyObject): string {
  return asked === null ? '' : `; FMP was asked for ${asked.from} to ${asked.to}`
}

function hashText({ rows_hash: rows, bytes_hash: bytes, is_carried: isCarried }: WhyObject): string {
  const states = { equal: 'as their hash says', differs: 'NOT as their hash says', absent: 'without a hash' } as const
  return `rows ${states[rows]}, bytes ${states[bytes]}${isCarried ? ', carried over' : ''}`
}

/** Columns that the line says already, and the most that fit into one. */
const SAID: ReadonlySet<string> = new Set(['symbol', 'date'])
const MAX_VALUES = 12

function rowText(row: Readonly<Record<string, unknown>>): string {
  const values = Object.entries(row).filter(([name]) => !SAID.has(name))
  const shown = values.slice(0, MAX_VALUES).map(([name, value]) => `${name} ${oneLine(String(value), 60)}`)
  const more = values.length - shown.length
  return `${shown.join('  ')}${more > 0 ? `  and ${grouped(more)} more` : ''}`
}

/** The first and the last of them are told. */
const MAX_EVENTS = 4

function historyLines({ history, ...why }: Why, more: string): readonly string[] {
  const { runs_read: read, runs_unreadable: unreadable, runs_left_out: left } = why
  const gaps = [
    ...(left === 0 ? [] : [`  ${counted(left, 'run')} not read, because there are so many`]),
    ...(unreadable === 0 ? [] : [`  ${counted(unreadable, 'run')} with metrics that cannot be read`]),
  ]
  if (history.length === 0) return [`History: nothing in the metrics of ${counted(read, 'run')} since`, ...gaps]
  const shown = history.length <= MAX_EVENTS ? history : [...history.slice(0, 1), ...history.slice(1 - MAX_EVENTS)]
  const hidden = history.length - shown.length
  const lines = shown.map(({ run_id: id, event, detail }) => `${id} ${event.replace('_', ' ')}: ${oneLine(detail)}`)
  return [
    `History: ${lines[0]}`,
    ...lines.slice(1).map((line) => `         ${line}`),
    ...(hidden === 0 ? [] : [`  and ${grouped(hidden)} between them: ${more}`]),
    ...gaps,
  ]
}

function nextText({ next: { on, detail } }: Why): string {
  return on === null ? detail : `on ${on} ${detail}`
}

function fmpLines({ fmp }: Why): readonly string[] {
  if (fmp === null) return []
  const { rows, problem, differs, verdict, detail } = fmp
  const same = differs === null ? '' : `, ${differs ? 'NOT what is stored' : 'as it is stored'}`
  const found =
    rows.length === 0 ? (problem ?? 'no row') : `${rows.length === 1 ? 'a row' : `${rows.length} rows`}${same}`
  const judged = verdict === null ? '' : `; verdict: ${verdict}`
  return [`FMP now: ${oneLine(found)}${judged} (${oneLine(detail)})`, ...rows.map((row) => `  ${rowText(row)}`)]
}
