import { expect, test } from 'bun:test'
import type { Why } from '../../lib/report/why.ts'
import { whyText } from '../../lib/report/why-text.ts'
import { schemaErrors } from '../support/json-schema.ts'
import { day } from '../support/values.ts'

const event = (date: string, detail: string): Why['history'][number] => ({
  run_id: `${date}T13:00:00+00:00`,
  run: null,
  event: 'held',
  detail,
})

function whyOf(changes: Partial<Why> = {}): Why {
  return {
    schema_version: 1,
    run_id: '2024-09-17T13:00:00+00:00',
    target: './lake',
    dataset: 'prices',
    symbol: 'A',
    date: day('2024-09-10'),
    as_of: day('2024-09-16'),
    day: 'session',
    finished: '2024-09-10T22:30:00+00:00',
    state: 'held',
    reason: 'It waits.',
    objects: [],
    winner: null,
    winner_reason: null,
    history: [],
    runs_read: 5,
    runs_unreadable: 0,
    runs_left_out: 0,
    next: { on: null, action: 'none', detail: 'nothing' },
    fmp: null,
    ...changes,
  }
}

function linesOf(changes: Partial<Why>): readonly string[] {
  const why = whyOf(changes)
  expect(schemaErrors('why', why)).toEqual([])
  return whyText(why, 'ingest why A 2024-09-10 --json').trimEnd().split('\n')
}

test('of many events the first and the last are told, and the command for all', () => {
  const days = ['11', '12', '13', '14', '17', '18']
  expect(linesOf({ history: days.map((date) => event(`2024-09-${date}`, `night ${date}`)) }).slice(3)).toEqual([
    'History: 2024-09-11T13:00:00+00:00 held: night 11',
    '         2024-09-14T13:00:00+00:00 held: night 14',
    '         2024-09-17T13:00:00+00:00 held: night 17',
    '         2024-09-18T13:00:00+00:00 held: night 18',
    '  and 2 between them: ingest why A 2024-09-10 --json',
    'Next run: nothing',
  ])
})

test('what comes from outside cannot leave its line', () => {
  const evil = 'x\u001B[2J\n##[error]y'
  const object: Why['objects'][number] = {
    key: `raw/${evil}`,
    kind: 'day',
    size_bytes: 9,
    problem: evil,
    rows: [],
    is_carried: false,
    ingest_ts: null,
    run: null,
    rows_in_file: null,
    asked: null,
    rows_hash: 'absent',
    bytes_hash: 'absent',
  }
  const row = { symbol: 'A', date: '2024-09-10', period: evil }
  const fmp = { rows: [row], problem: null, differs: null, verdict: null, detail: evil, calls: 2 }
  const lines = linesOf({ symbol: evil, objects: [object], history: [event('2024-09-11', evil)], fmp })
  expect(lines).toHaveLength(7)
  // oxlint-disable-next-line no-control-regex -- finds control characters, which no output may hold
  expect(lines.join('')).not.toMatch(/[\u0000-\u001F]|##\[/)
})
