import { describe, expect, test } from 'bun:test'
import { ZERO_COUNTS, type Counts } from '../../lib/core/outcome.ts'
import { addUp, missingIn, shardsIn, type GroupRun, type RunGroup } from '../../lib/report/run-group.ts'
import { runGroupText } from '../../lib/report/run-group-text.ts'
import { schemaErrors } from '../support/json-schema.ts'
import { START } from '../support/run-facts.ts'
import { day } from '../support/values.ts'

const ABOUT = { run_id: '2024-10-02T00:00:00+00:00', target: 's3://b', run_group: '4711', unreadable: [] }

type Changes = Partial<GroupRun['metrics']> & { readonly second?: number; readonly sessions?: Partial<Counts> }

/** A run of a shard, `second` seconds after `START`; its counts are those of sessions. */
function runOf(index: number, count: number, { second = 0, sessions = {}, ...changes }: Changes = {}): GroupRun {
  const counts = { ...ZERO_COUNTS, ...sessions }
  const metrics: GroupRun['metrics'] = {
    run_group: '4711',
    shard: { index, count },
    status: 'ok',
    exit_code: 0,
    counts,
    datasets: [{ dataset: 'prices', unit: 'sessions', counts }],
    duration_seconds: 10.25,
    ...changes,
  }
  return { key: `logs/ingest/run-${second}-${index}.json`, startMs: START + second * 1_000, metrics }
}

/** Runs are given in the order in which they began. */
function groupOf(...runs: readonly GroupRun[]): RunGroup {
  const group = addUp(runs.toReversed(), ABOUT)
  expect(schemaErrors('run-group', group)).toEqual([])
  return group
}

describe('a group', () => {
  test('of shards that have all ended is the sum of them', () => {
    const done = {
      symbols: 3,
      symbols_processed: 3,
      calls: 6,
      retries: 1,
      files_written: 2,
      rows_written: 9,
      errors: 0,
    }
    const group = groupOf(
      runOf(1, 2, {
        ...done,
        sessions: { stored: 9, missing: 1 },
        first_date: day('2020-01-02'),
        through_date: day('2024-09-27'),
      }),
      runOf(2, 2, {
        ...done,
        second: 3,
        sessions: { already_stored: 4 },
        first_date: day('2019-01-02'),
        through_date: day('2024-09-30'),
      }),
    )
    expect(group).toMatchObject({
      ok: true,
      shards: 2,
      missing: [],
      unfinished: [],
      documents: 2,
      started: '2024-10-01T00:00:00+00:00',
      ended: '2024-10-01T00:00:14+00:00',
      symbols: 6,
      symbols_processed: 6,
      sessions: 14,
      counts: { stored: 9, already_stored: 4, missing: 1 },
      present: 13,
      first_date: '2019-01-02',
      through_date: '2024-09-30',
      calls: 12,
      retries: 2,
      files_written: 4,
      rows_written: 18,
    })
    expect(runGroupText(group)).toEndWith('✅ All shards have ended, and nothing failed\n')
  })

  test('names the shards without a document, and is not done', () => {
    const group = groupOf(runOf(2, 4), runOf(4, 4))
    expect(group).toMatchObject({ ok: false, shards: 4, missing: [1, 3] })
    expect(runGroupText(group)).toContain('Missing: 1, 3: still running, or ended without a document\n')
    expect(runGroupText(group)).toContain('❌ Not done: 2 shards missing. Start all shards again')
  })

  test.each(['failed', 'stopped', 'interrupted'])('is not done while the newest run of a shard is %s', (status) => {
    const group = groupOf(runOf(1, 2), runOf(2, 2), runOf(2, 2, { status, exit_code: 3, second: 60 }))
    expect(group).toMatchObject({ ok: false, unfinished: [{ shard: 2, status, exit_code: 3 }] })
    expect(runGroupText(group)).toContain(`Unfinished: shard 2, ${status}, exit code 3, logs/ingest/run-60-2.json\n`)
  })

  test('of a shard that ran again has its last state, and what both runs did', () => {
    const group = groupOf(
      runOf(1, 1, { status: 'interrupted', symbols: 5, errors: 2, calls: 4, sessions: { stored: 2, not_reached: 8 } }),
      runOf(1, 1, { second: 60, symbols: 5, errors: 0, calls: 16, sessions: { stored: 7, already_stored: 3 } }),
    )
    // One of the three that were there is of an earlier night.
    const counts = { stored: 9, already_stored: 1, not_reached: 0 }
    expect(group).toMatchObject({ ok: true, symbols: 5, sessions: 10, counts, present: 10, errors: 0, calls: 20 })
    expect(group.datasets).toMatchObject([{ dataset: 'prices', unit: 'sessions', counts, present: 10 }])
  })

  test('keeps the state of a finished run that was started once more and interrupted', () => {
    const group = groupOf(
      runOf(1, 1, { symbols: 5, sessions: { stored: 10 } }),
      runOf(1, 1, { second: 60, status: 'interrupted', symbols: 5, sessions: { not_reached: 10 } }),
    )
    expect(group).toMatchObject({ ok: false, sessions: 10, counts: { stored: 10, not_reached: 0 } })
  })

  test('never counts more as stored than there is, as after --force', () => {
    const group = groupOf(
      runOf(1, 1, { sessions: { stored: 10 } }),
      runOf(1, 1, { second: 9, sessions: { stored: 10 } }),
    )
    expect(group).toMatchObject({ sessions: 10, counts: { stored: 10, already_stored: 0 }, present: 10 })
  })

  test('of two numbers of shards is of the newest one, and says so', () => {
    const group = groupOf(
      runOf(1, 8, { calls: 5, symbols: 9, sessions: { stored: 9 } }),
      runOf(1, 2, { second: 60, calls: 7, symbols: 20, sessions: { stored: 1 } }),
      runOf(2, 2, { second: 60, calls: 7, symbols: 20 }),
    )
    expect(group).toMatchObject({
      ok: false,
      shards: 2,
      missing: [],
      other_documents: 1,
      calls: 19,
      symbols: 40,
      sessions: 1,
    })
    expect(runGroupText(group)).toContain('Another number of shards: 1 document. Give each run a group of its own\n')
  })

  test('of runs that are no shard is one shard', () => {
    const group = groupOf(
      runOf(1, 1, { shard: null, calls: 2 }),
      runOf(1, 1, { shard: undefined, second: 9, calls: 3 }),
    )
    expect(group).toMatchObject({ ok: true, shards: 1, documents: 2, calls: 5 })
  })

  test.each([
    [
      [runOf(1, 1)],
      'Not done: 1 document unreadable, perhaps of this group. Move what is unreadable out of logs/ingest/',
    ],
    [[runOf(1, 2)], 'Not done: 1 shard missing, 1 document unreadable, perhaps of this group. Move what is'],
    [[], 'Not done: no document of this group found, 1 document unreadable, perhaps of this group. Move what is'],
  ] as const)('is not known to be done while a document is unreadable: %#', (runs, says) => {
    const unreadable = [{ key: 'logs/ingest/run-1-2.json', problem: 'is no JSON' }]
    const group = addUp(runs, { ...ABOUT, unreadable })
    expect(schemaErrors('run-group', group)).toEqual([])
    expect(group).toMatchObject({ ok: false, unreadable, documents: runs.length })
    const text = runGroupText(group)
    expect(text).toContain('Unreadable: logs/ingest/run-1-2.json is no JSON\n')
    expect(text).toContain(`❌ ${says}`)
    expect(text).toEndWith(', then start all shards again: what is stored is not fetched again\n')
  })

  test('without a document is not done', () => {
    const group = groupOf()
    expect(group).toMatchObject({ ok: false, shards: 0, documents: 0, started: null, ended: null, through_date: null })
    expect(runGroupText(group)).toContain('❌ No run of the last 30 days has this group\n')
  })

  test('of documents of another version has what they say', () => {
    const bare: GroupRun = {
      key: 'k',
      startMs: START,
      metrics: { run_group: '4711', status: 'ok', counts: { stored: 2 } },
    }
    expect(groupOf(bare)).toMatchObject({ ok: true, shards: 1, sessions: 2, calls: 0, datasets: [] })
    const silent: GroupRun = { key: 'k', startMs: START, metrics: { run_group: '4711' } }
    expect(groupOf(silent)).toMatchObject({ ok: false, unfinished: [{ shard: 1, status: 'unknown', exit_code: null }] })
  })

  test('has a line for each dataset of documents', () => {
    const counts = { ...ZERO_COUNTS, stored: 3, already_stored: 1, failed: 2 }
    const datasets = [{ dataset: 'income', unit: 'documents', counts }]
    const group = groupOf(runOf(1, 2, { datasets }), runOf(2, 2, { datasets }))
    expect(group.datasets).toMatchObject([{ dataset: 'income', counts: { stored: 6, failed: 4 }, present: 8 }])
    expect(runGroupText(group)).toContain('income: 8 present (6 new, 2 before), 4 failed\n')
  })
})

test('the shards of runs are those of the newest, whichever others there are', () => {
  expect([shardsIn([]), missingIn([])]).toEqual([0, []])
  const runs = [runOf(2, 3, { second: 9 }), runOf(1, 8)]
  expect([shardsIn(runs), missingIn(runs)]).toEqual([3, [1, 3]])
})
