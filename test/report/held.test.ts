import { expect, test } from 'bun:test'
import { heldBack, heldIn } from '../../lib/report/held.ts'
import type { RunRecord, StoredRun } from '../../lib/report/runs.ts'
import { day } from '../support/values.ts'

const RUN = { key: 'logs/ingest/x.json', startMs: 0 }

/** A run that says of each symbol whether it waits; undefined where it was not compared. */
function runOf(symbols: Readonly<Record<string, boolean | undefined>>, changes: Partial<RunRecord> = {}): StoredRun {
  const results = Object.entries(symbols).map(([symbol, held]) => ({
    symbol,
    dataset: 'prices',
    past: held === undefined ? null : { held },
  }))
  return { ...RUN, metrics: { results, ...changes } }
}

const FRESHNESS = {
  symbols: ['A', 'B', 'C'],
  newestOf: new Map([
    ['A', day('2024-09-12')],
    ['B', day('2024-09-12')],
    ['C', day('2024-09-13')],
  ]),
  newest: day('2024-09-13'),
  asOf: day('2024-09-16'),
}

test.each<[what: string, runs: readonly StoredRun[], held: readonly string[]]>([
  ['of no run there are none', [], []],
  ['the newest word counts', [runOf({ A: false, B: true }), runOf({ A: true, B: false })], ['B']],
  ['a run that did not compare a symbol says nothing', [runOf({ A: undefined }), runOf({ A: true })], ['A']],
  ['nor does a document that cannot be read', [{ ...RUN, problem: 'is no JSON' }, runOf({ C: true })], ['C']],
  ['other symbols are not asked for', [runOf({ Z: true })], []],
  [
    'nor other datasets',
    [{ ...RUN, metrics: { results: [{ symbol: 'A', dataset: 'income', past: { held: true } }] } }],
    [],
  ],
])('%s', (_what, runs, held) => {
  expect(heldBack(runs.map(heldIn), FRESHNESS)).toEqual({ held_symbols: [...held], held_sessions: [] })
})

test('a symbol that has the last session waits no more', () => {
  const runs = [heldIn(runOf({ A: true, C: true }))]
  expect(heldBack(runs, { ...FRESHNESS, asOf: day('2024-09-13') }).held_symbols).toEqual(['A'])
})

const held = (date: string, reason?: string) => ({ held_sessions: [{ date: day(date), reason }] })

test('a session of the market waits until something of it, or after it, is stored', () => {
  const runs = [
    runOf({}, held('2024-09-16', 'new')),
    runOf({}, held('2024-09-16', 'old')),
    runOf({}, held('2024-09-13')),
  ]
  const later = [runOf({}, held('2024-09-17')), ...runs]
  expect(heldBack(later.map(heldIn), FRESHNESS).held_sessions as unknown[]).toEqual([
    { date: '2024-09-16', reason: 'new' },
  ])
  expect(heldBack(runs.map(heldIn), { ...FRESHNESS, newest: undefined }).held_sessions as unknown[]).toEqual([
    { date: '2024-09-13', reason: null },
    { date: '2024-09-16', reason: 'new' },
  ])
})
