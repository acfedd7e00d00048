import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../lib/core/calendar.ts'
import { runLogOf } from '../../lib/report/run-log.ts'
import type { StoredRun } from '../../lib/report/runs.ts'
import { pastOf, runAt } from '../support/coverage.ts'
import { day, outcomeOf } from '../support/values.ts'

async function logOf(runs: readonly StoredRun[]) {
  const newestFirst = async function* () {
    yield* runs
  }
  return await runLogOf(newestFirst(), XNYS)
}

const split = { before: day('2020-08-31'), priceFactor: 0.25, adjFactor: 0.25, ratio: '4:1', dividend: undefined }

/** The run as one that stored a session for nobody. */
function holding(run: StoredRun): StoredRun {
  const heldSessions = [{ date: day('2024-09-13'), reason: 'x' }]
  return 'metrics' in run ? { ...run, metrics: { ...run.metrics, held_sessions: heldSessions } } : run
}

describe('runLogOf()', () => {
  test('a symbol is held as the newest run tells that compared it', async () => {
    const log = await logOf([
      runAt('2024-09-16T23:00:00Z', [outcomeOf('A'), outcomeOf('B', { past: pastOf() })]),
      runAt('2024-09-13T23:00:00Z', [outcomeOf('A', { past: pastOf({ isHeld: true }) })]),
      runAt('2024-09-12T23:00:00Z', [outcomeOf('B', { past: pastOf({ isHeld: true }) })]),
    ])
    expect(['A', 'B', 'C'].filter((symbol) => log.isHeld(symbol))).toEqual(['A'])
    expect(log.of('B').comparedMs).toBe(Date.parse('2024-09-16T23:00:00Z'))
    expect(log.of('C').comparedMs).toBeUndefined()
  })

  test('lists mends and corrections of every run, and a hold once, with the newest run of it', async () => {
    const held = outcomeOf('H', { past: pastOf({ verdict: 'implausible', isHeld: true, steps: [split] }) })
    const { changes } = await logOf([
      runAt('2024-09-16T23:00:00Z', [held, outcomeOf('A', { past: pastOf() })]),
      runAt('2024-09-13T23:00:00Z', [
        held,
        outcomeOf('A', { past: pastOf({ verdict: 'rebased', mendedFiles: 5, carriedRows: 252, steps: [split] }) }),
      ]),
      runAt('2024-09-12T23:00:00Z', [outcomeOf('A', { past: pastOf({ verdict: 'corrected', correctedSessions: 1 }) })]),
    ])
    expect(changes).toEqual([
      {
        run_id: '2024-09-16T23:00:00+00:00',
        symbol: 'H',
        verdict: 'implausible',
        steps: ['4:1 before 2020-08-31'],
        mended_files: 0,
        corrected_sessions: 0,
        carried_rows: 0,
        held: true,
      },
      expect.objectContaining({ symbol: 'A', verdict: 'rebased', mended_files: 5, carried_rows: 252 }),
      expect.objectContaining({ symbol: 'A', verdict: 'corrected', corrected_sessions: 1 }),
    ])
  })

  test('lists rejected and suspect rows, and every run, also one that cannot be read', async () => {
    const reject = { symbol: 'R', dataset: 'prices', date: '2024-09-16', reason: 'x', row: {} }
    const { runs, doubts } = await logOf([
      runAt(
        '2024-09-16T23:00:00Z',
        [outcomeOf('R', { rejects: [reject] }), outcomeOf('S', { suspects: 2 }), outcomeOf('A')],
        6,
      ),
      { key: 'logs/ingest/date=2024-09-13/run-1726268400.json', startMs: 1_726_268_400_000, problem: 'is no JSON' },
    ])
    expect(doubts).toEqual([
      { run_id: '2024-09-16T23:00:00+00:00', symbol: 'R', rejected_rows: 1, suspect_rows: 0 },
      { run_id: '2024-09-16T23:00:00+00:00', symbol: 'S', rejected_rows: 0, suspect_rows: 2 },
    ])
    expect(runs).toMatchObject([
      { exit_code: 0, calls: 6, problem: null },
      { exit_code: null, calls: null, problem: 'is no JSON' },
    ])
  })

  test('a session held for the whole market counts until a newer run of prices holds none', async () => {
    const statements = runAt('2024-09-15T12:00:00Z', [])
    const ofStatements =
      'metrics' in statements ? { ...statements, metrics: { ...statements.metrics, dataset: 'income' } } : statements
    const held = holding(runAt('2024-09-13T23:00:00Z', []))
    expect((await logOf([ofStatements, held])).isHeld('ANY')).toBe(true)
    expect((await logOf([runAt('2024-09-16T23:00:00Z', []), held])).isHeld('ANY')).toBe(false)
    expect((await logOf([])).isHeld('ANY')).toBe(false)
  })

  test('a session that one of several shards holds is held of its symbols alone', async () => {
    const log = await logOf([
      runAt('2024-09-16T23:00:00Z', [outcomeOf('A')]),
      holding(runAt('2024-09-16T23:00:00Z', [outcomeOf('B')])),
      holding(runAt('2024-09-13T23:00:00Z', [outcomeOf('A')])),
      runAt('2024-09-13T23:00:00Z', [outcomeOf('B')]),
    ])
    expect(['A', 'B'].filter((symbol) => log.isHeld(symbol))).toEqual(['B'])
  })

  test('leaves out statements, and the oldest of very many entries', async () => {
    const many = Array.from({ length: 500 }, (_, index) =>
      outcomeOf(`S${index}`, { suspects: 1, past: pastOf({ mendedFiles: 1 }) }),
    )
    const { changes, doubts, leftOut, of } = await logOf([
      runAt('2024-09-16T23:00:00Z', [{ ...outcomeOf('X', { suspects: 1 }), dataset: 'income' }]),
      runAt('2024-09-13T23:00:00Z', many),
      runAt('2024-09-12T23:00:00Z', [outcomeOf('OLD', { past: pastOf({ mendedFiles: 1 }) })]),
    ])
    expect([changes.length, doubts.length, leftOut]).toEqual([400, 400, 100 + 100 + 1])
    // What is left out of the lists is still known of the symbol.
    expect(of('OLD').mendedMs).toBe(Date.parse('2024-09-12T23:00:00Z'))
  })

  test('reads documents that lack what newer versions write', async () => {
    const metrics = {
      results: [
        { symbol: 'A', past: { verdict: 'corrected', corrected_sessions: 1 } },
        { symbol: 'B', past: null },
      ],
    }
    const { changes, isHeld } = await logOf([{ key: 'k', startMs: Date.parse('2024-09-16T23:00:00Z'), metrics }])
    expect(changes).toMatchObject([{ symbol: 'A', steps: [], corrected_sessions: 1, held: false }])
    expect(isHeld('A')).toBe(false)
  })
})
