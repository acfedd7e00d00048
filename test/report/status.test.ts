import { expect, test } from 'bun:test'
import { runStatus } from '../../lib/report/run-status.ts'
import { statusText, type Status } from '../../lib/report/status.ts'
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
    next_session: day('2024-09-17'),
    next_session_finished: '2024-09-17T22:30:00+00:00',
    reach_sessions: 250,
    holes: [],
    stale: [],
    held_symbols: [],
    held_sessions: [],
    months: [
      { month: '2024-07', sessions: 22, stored: 0 },
      { month: '2024-08', sessions: 22, stored: 5 },
      { month: '2024-09', sessions: 10, stored: 5_000 },
    ],
    calls_today: 1_000,
    runs: [],
    ...changes,
  }
}

const commandFor = (words: readonly string[]) => ['ingest', ...words, '--out', './lake'].join(' ')

const NOTHING = { ok: false, symbols_stored: 0, newest_session: null, symbols_with_newest: 0, sessions_behind: null }

test('the text says what the document says, line by line', () => {
  expect(statusText(statusOf({ symbols: 1_500, symbols_stored: 1_499 }), commandFor)).toBe(
    [
      'Lake: ./lake',
      'As of: 2024-09-16, the last finished session',
      'Symbols: 1,500, 1 of them without a stored session',
      'Newest session: 2024-09-16, 498 of 1,500 symbols have it',
      'Next session: 2024-09-17, will be finished at 2024-09-17T22:30:00+00:00',
      'Sessions a month: ·▁▃ 2024-07 to 2024-09',
      'Holes: none in the last 250 sessions',
      'Calls today: 1,000 (UTC)',
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
    statusText(status, commandFor)
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
  expect(statusText(status, commandFor).trimEnd().split('\n').at(-1)).toBe(verdict)
  expect(schemaErrors('status', status)).toEqual([])
})

test('each finding is one line with the command that cures or explains it', () => {
  const symbols = ['A', 'B', 'C', 'D', 'E', 'F']
  const sessions = [day('2024-09-03'), day('2024-09-05')]
  const status = statusOf({
    ok: false,
    newest_session: day('2024-09-13'),
    next_session: day('2024-09-16'),
    next_session_finished: '2024-09-16T22:30:00+00:00',
    sessions_behind: 1,
    holes: [
      { symbol: 'A\u001B[2J', sessions },
      { symbol: 'B', sessions: [day('2024-09-04')] },
    ],
    stale: [
      { symbol: 'OLD', newest_session: day('2024-09-12'), sessions_behind: 2 },
      { symbol: 'NEW', newest_session: null, sessions_behind: null },
    ],
    held_symbols: symbols,
    held_sessions: [{ date: day('2024-09-16'), reason: '40 of 40 symbols repeat the bar before it' }],
  })
  expect(schemaErrors('status', status)).toEqual([])
  expect(statusText(status, commandFor).split('\n').slice(4, 10)).toEqual([
    'Next session: 2024-09-16, due: it was finished at 2024-09-16T22:30:00+00:00',
    'Sessions a month: ·▁█ 2024-07 to 2024-09',
    'Holes: 3 sessions of 2 symbols (A [2J 2024-09-03 to 2024-09-05, B 2024-09-04). To ask FMP for the first: ingest --from-date 2024-09-03 --to-date 2024-09-03 --tickers A [2J --out ./lake',
    'Behind the others: 2 symbols (OLD since 2024-09-12, 2 sessions, NEW without a session). To catch up: ingest --tickers OLD,NEW --out ./lake',
    'Held back: A, B, C, D, E and 1 more. To learn why: ingest why A 2024-09-16 --out ./lake',
    'Session held: 2024-09-16, 40 of 40 symbols repeat the bar before it',
  ])
  const whole = { symbol: 'B', sessions: [day('2024-08-30'), day('2024-09-03')] }
  expect(statusText(statusOf({ holes: [whole] }), commandFor)).toContain(
    'To ask FMP for it: ingest --from-date 2024-08-30 --to-date 2024-09-03 --tickers B --out ./lake\n',
  )
  const many = statusOf({ stale: symbols.map((symbol) => ({ symbol, newest_session: null, sessions_behind: null })) })
  expect(statusText(many, commandFor)).toContain('E without a session and 1 more). To catch up: ingest --out ./lake\n')
})
