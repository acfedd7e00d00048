import { expect, test } from 'bun:test'
import { runStatus, statusText, type Status } from '../../lib/report/status.ts'
import { schemaErrors } from '../support/json-schema.ts'
import { at, day } from '../support/values.ts'

function statusOf(changes: Partial<Status> = {}): Status {
  return {
    schema_version: 1,
    run_id: '2024-09-17T13:00:00+00:00',
    target: './lake',
    as_of: day('2024-09-16'),
    ok: true,
    symbols: 500,
    symbols_stored: 500,
    newest_session: day('2024-09-16'),
    symbols_with_newest: 498,
    sessions_behind: 0,
    max_behind: 1,
    runs: [],
    ...changes,
  }
}

const NOTHING = { ok: false, symbols_stored: 0, newest_session: null, symbols_with_newest: 0, sessions_behind: null }

test('the text says what the document says, line by line', () => {
  expect(statusText(statusOf({ symbols: 1_500, symbols_stored: 1_499 }), 'ingest')).toBe(
    [
      'Lake: ./lake',
      'As of: 2024-09-16, the last finished session',
      'Symbols: 1,500, 1 of them without a stored session',
      'Newest session: 2024-09-16, 498 of 1,500 symbols have it',
      '✅ Fresh: the last finished session is stored',
      '',
    ].join('\n'),
  )
})

test('each run is one line with what its document says', () => {
  const run = { key: 'logs/ingest/x.json', startMs: at('2024-09-16T23:15:00Z') }
  const runs = [
    { ...run, metrics: { exit_code: 0, calls: 1_000, duration_seconds: 45.25, results: [] } },
    { ...run, metrics: { exit_code: 130, results: [] } },
    { ...run, metrics: { results: [] } },
    { ...run, problem: 'is no JSON' },
  ].map(runStatus)
  const status = statusOf({ runs })
  expect(schemaErrors('status', status)).toEqual([])
  expect(
    statusText(status, 'ingest')
      .split('\n')
      .filter((line) => line.startsWith('Run: ')),
  ).toEqual([
    'Run: 2024-09-16T23:15:00+00:00, exit code 0, 1,000 calls, 45.3 s',
    'Run: 2024-09-16T23:15:00+00:00, exit code 130',
    'Run: 2024-09-16T23:15:00+00:00',
    'Run: 2024-09-16T23:15:00+00:00, logs/ingest/x.json is no JSON',
  ])
})

test.each([
  [{ sessions_behind: 1 }, '✅ Fresh: 1 session behind'],
  [
    { sessions_behind: 2, ok: false },
    '❌ Stale: 2 sessions behind, at most 1 allowed. To catch up: ingest --out ./lake',
  ],
  [NOTHING, '❌ Nothing is stored. To fill the lake: ingest --out ./lake'],
])('of %j the verdict is %s', (changes, verdict) => {
  const status = statusOf(changes)
  expect(statusText(status, 'ingest --out ./lake').trimEnd().split('\n').at(-1)).toBe(verdict)
  expect(schemaErrors('status', status)).toEqual([])
})
