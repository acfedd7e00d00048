import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../lib/core/calendar.ts'
import { addDays, type IsoDate } from '../../lib/core/dates.ts'
import { inShard } from '../../lib/core/shard.ts'
import type { CellWrite } from '../../lib/report/cell-events.ts'
import { lifeOf, type CellRun } from '../../lib/report/cell-life.ts'
import type { RunRecord } from '../../lib/report/runs.ts'
import { at, day } from '../support/values.ts'

const DATE = day('2024-09-10')
type Result = RunRecord['results'][number]

const MORNING = 'T13:00:00Z'

/** A run on a morning that has a result of AAPL up to a session. */
function runOn(
  today: string,
  through: string | null,
  changes: Partial<Result> = {},
  { rejects = [], ...metrics }: Partial<RunRecord> & { rejects?: readonly string[] } = {},
): CellRun {
  const result: Result = {
    symbol: 'AAPL',
    dataset: 'prices',
    counts: { stored: 1 },
    first_date: day('2024-09-03'),
    through_date: through === null ? null : day(through),
    ...changes,
  }
  const document: RunRecord = { mode: 'daily', results: [result], ...metrics }
  return { run: { key: `run-${today}`, startMs: at(`${today}${MORNING}`), metrics: document }, rejects }
}

const write = (today: string, kind: CellWrite['kind'] = 'day', isCarried = false): CellWrite => ({
  startMs: at(`${today}${MORNING}`),
  kind,
  isCarried,
})

const sessionsAfter = (date: IsoDate, upTo: IsoDate) => XNYS.sessions({ from: addDays(date, 1), to: upTo }).length

function lifeWith(runs: readonly CellRun[], writes: readonly CellWrite[], askedUntil: string | null = '2024-09-18') {
  const askedUntilMs = askedUntil === null ? undefined : at(`${askedUntil}T04:00:00Z`)
  const life = lifeOf(runs, { symbol: 'AAPL', dataset: 'prices', date: DATE, writes, askedUntilMs, sessionsAfter })
  return life.map(({ startMs, event, detail }) => `${new Date(startMs).toISOString().slice(5, 10)} ${event}: ${detail}`)
}

const STEP = { before: day('2024-09-12'), price_factor: 0.25, adj_factor: 0.25, ratio: '4:1', dividend: null }
const SPLIT = { verdict: 'rebased', compared_from: day('2024-09-03'), mended_files: 1, steps: [STEP] }
const SAME = { verdict: 'same', compared_from: day('2024-09-03') }
const FIRST = runOn('2024-09-11', '2024-09-10')

describe('the life of a stored cell', () => {
  test.each<[what: string, runs: readonly CellRun[], writes: readonly CellWrite[], life: readonly string[]]>([
    ['of a night', [FIRST], [write('2024-09-11')], ['09-11 stored: by a daily run']],
    [
      'of a backfill',
      [runOn('2024-09-11', '2024-09-10', {}, { mode: 'backfill' })],
      [write('2024-09-11', 'year')],
      ['09-11 stored: in a backfill'],
    ],
    [
      'of a run whose metrics are gone',
      [],
      [write('2024-09-11')],
      ['09-11 stored: by the ingest_ts of the object; the run has no metrics document that was read'],
    ],
    [
      'compared, of which the last time is told',
      [FIRST, runOn('2024-09-12', '2024-09-11', { past: SAME }), runOn('2024-09-13', '2024-09-12', { past: SAME })],
      [write('2024-09-11')],
      ['09-11 stored: by a daily run', "09-13 compared: equal to FMP's row"],
    ],
    [
      'not compared, where the comparison began later',
      [FIRST, runOn('2024-09-12', '2024-09-11', { past: { ...SAME, compared_from: day('2024-09-11') } })],
      [write('2024-09-11')],
      ['09-11 stored: by a daily run'],
    ],
    [
      'corrected, with a new session in the same night',
      [FIRST, runOn('2024-09-12', '2024-09-11', { past: { verdict: 'corrected', corrected_sessions: 1 } })],
      [write('2024-09-12')],
      ['09-11 stored: by a daily run, and written over since', "09-12 corrected: FMP's row had changed"],
    ],
    [
      'corrected, though the first run lacked another session',
      [
        runOn('2024-09-11', '2024-09-10', { counts: { stored: 1, missing: 1 } }),
        runOn('2024-09-12', '2024-09-11', { past: { corrected_sessions: 1 } }),
      ],
      [write('2024-09-12')],
      ["09-12 corrected: FMP's row had changed"],
    ],
    [
      'filled late, and said to be missing before',
      [
        runOn('2024-09-12', '2024-09-11', { counts: { stored: 1, missing: 1 } }),
        runOn('2024-09-13', '2024-09-12', { counts: { stored: 2 } }),
      ],
      [write('2024-09-13')],
      ['09-12 no_bar: 1 session of the symbol without a bar', '09-13 filled: after sessions that follow it'],
    ],
    [
      'filled by hand, after nights that no longer asked for it',
      [
        runOn('2024-09-12', '2024-09-11', { counts: { stored: 1, missing: 1 } }),
        runOn('2024-09-19', '2024-09-18', { counts: { stored: 5 } }),
        runOn('2024-09-20', '2024-09-18', { counts: { stored: 1 } }),
      ],
      [write('2024-09-20')],
      ['09-12 no_bar: 1 session of the symbol without a bar', '09-20 filled: after sessions that follow it'],
    ],
    [
      'mended, and written over by another mend',
      [FIRST, runOn('2024-09-13', '2024-09-12', { past: SPLIT }), runOn('2024-09-17', '2024-09-16', { past: SPLIT })],
      [write('2024-09-11'), write('2024-09-17', 'year')],
      ['09-11 stored: by a daily run', '09-13 mended: 4:1 before 2024-09-12', '09-17 mended: 4:1 before 2024-09-12'],
    ],
    [
      'untouched by a split before it',
      [FIRST, runOn('2024-09-13', '2024-09-12', { past: { ...SPLIT, steps: [{ ...STEP, before: DATE }] } })],
      [write('2024-09-13', 'year')],
      [
        '09-11 stored: by a daily run, and written over since',
        '09-13 rewritten: with its year, in which other rows have changed',
      ],
    ],
    [
      'carried over, and not compared since',
      [FIRST, runOn('2024-09-13', '2024-09-12', { past: SPLIT }), runOn('2024-09-17', '2024-09-16', { past: SAME })],
      [write('2024-09-13', 'year', true)],
      [
        '09-11 stored: by a daily run, and written over since',
        '09-13 carried: FMP has no row of it any more; 4:1 before 2024-09-12',
      ],
    ],
    [
      'doubted, and left on its base',
      [
        FIRST,
        runOn('2024-09-13', '2024-09-11', { past: { ...SAME, verdict: 'implausible', held: true } }),
        runOn('2024-09-17', '2024-09-16', { past: { ...SPLIT, mended_files: 0, bases_differ: true } }),
      ],
      [write('2024-09-11')],
      ['09-11 stored: by a daily run', '09-13 doubted: implausible', '09-17 left: 4:1 before 2024-09-12'],
    ],
    [
      'forced anew',
      [FIRST, runOn('2024-09-12', '2024-09-11')],
      [write('2024-09-12')],
      ['09-11 stored: by a daily run, and written over since', '09-12 rewritten: over the row before it'],
    ],
  ])('%s', (_what, runs, writes, life) => {
    expect(lifeWith(runs, writes)).toEqual([...life])
  })
})

describe('the life of a cell that is not stored', () => {
  test.each<[what: string, runs: readonly CellRun[], life: readonly string[]]>([
    [
      'rejected, with a reason that is one line',
      [runOn('2024-09-11', '2024-09-09', {}, { rejects: ['volume is\nnegative'] })],
      ['09-11 rejected: volume is negative'],
    ],
    [
      'held with its symbol, until its turn is over',
      [
        runOn('2024-09-11', '2024-09-09', { past: { ...SAME, verdict: 'unsettled', held: true } }),
        runOn('2024-09-19', '2024-09-18', { counts: { stored: 1, missing: 1 }, past: { ...SAME, held: true } }),
      ],
      ['09-11 held: unsettled'],
    ],
    [
      'held with the market, as later sessions are',
      [runOn('2024-09-12', '2024-09-06', {}, { held_sessions: [{ date: day('2024-09-09'), reason: 'no volume' }] })],
      ['09-12 session_held: 2024-09-09 and what follows: no volume'],
    ],
    [
      'failed, and asked for in vain',
      [
        runOn('2024-09-11', '2024-09-09', { errors: ['HTTP 500.'] }),
        runOn('2024-09-12', '2024-09-09', { counts: { no_data: 2 } }),
      ],
      ['09-11 failed: HTTP 500.', '09-12 no_bar: 2 sessions of the symbol without a bar'],
    ],
    [
      'stored once, of which the object is gone',
      [FIRST],
      ['09-11 stored: by a daily run, and its object is gone since'],
    ],
    ['of other symbols nothing', [runOn('2024-09-11', null, { symbol: 'MSFT', errors: ['x'] })], []],
    ['of other datasets nothing', [runOn('2024-09-11', null, { dataset: 'income', errors: ['x'] })], []],
    ['nor of what cannot be read', [{ run: { key: 'x', startMs: 0, problem: 'is no JSON' }, rejects: [] }], []],
  ])('%s', (_what, runs, life) => {
    expect(lifeWith(runs, [])).toEqual([...life])
  })

  test('a backfill asks for whatever it covers, and a day without a session none asks for', () => {
    const late = runOn('2024-10-11', '2024-10-10', { counts: { missing: 3 } }, { mode: 'backfill' })
    expect(lifeWith([late], [])).toEqual(['10-11 no_bar: 3 sessions of the symbol without a bar'])
    expect(lifeWith([runOn('2024-09-11', '2024-09-09', { errors: ['x'] })], [], null)).toEqual([])
  })
})

const placeOf = (index: number) => inShard('AAPL', { index, count: 2 })

test('of several shards only that of the symbol counts: another one saw another part of the market', () => {
  const [own = 0, other = 0] = placeOf(1) ? [1, 2] : [2, 1]
  const held = { held_sessions: [{ date: DATE, reason: 'strange' }] }
  const ofShard = (index: number, results: RunRecord['results'] = []) =>
    runOn('2024-09-11', '2024-09-10', {}, { ...held, results, shard: { index, count: 2 } })
  expect(lifeWith([ofShard(other)], [])).toEqual([])
  expect(lifeWith([ofShard(own)], [])).toEqual(['09-11 session_held: 2024-09-10 and what follows: strange'])
})
