// The runs of one group as one: the documents of all shards added up. Plain data, no I/O.

import { addCounts, ZERO_COUNTS, type Counts } from '../core/outcome.ts'
import { oneLine } from '../core/text.ts'
import { countsOf } from './counts.ts'
import { count, date, flag, instant, list, object, orNull, RUN_ID, runIdOf, text, type TypeOf } from './json-schema.ts'
import type { RunRecord } from './runs.ts'

/** Incremented when a field changes its meaning or is removed. */
const RUN_GROUP_VERSION = 2

const UNFINISHED = object(
  {
    shard: count('Which shard, counted from 1'),
    key: text('The key of its newest metrics document'),
    status: text('How that run ended, as in the metrics'),
    exit_code: orNull(count('Its exit code; null where the document does not say so')),
  },
  'A shard whose newest run failed, stopped or was interrupted',
)

const UNREADABLE = object(
  {
    key: text('The key of the document'),
    problem: text("Why it cannot be read: a sentence's end, after the key"),
  },
  'A metrics document that cannot be read',
)

const DATASET = object(
  {
    dataset: text('The dataset'),
    unit: text('What counts are of: sessions or documents'),
    counts: countsOf('sessions (of statements: documents)'),
    present: count('counts.stored and counts.already_stored together'),
  },
  'The totals of one dataset',
)

export const RUN_GROUP = object(
  {
    schema_version: count('Incremented when a field changes its meaning or is removed'),
    run_id: RUN_ID,
    target: text('The folder, or s3://bucket'),
    run_group: text('The name of the group'),
    ok: flag(
      'Whether every shard has a document, the newest of each says that nothing failed and nothing was left, and no document is unreadable',
    ),
    shards: count('The number of shards; 1 for runs that are no shard, 0 where there is no document'),
    missing: list(count('Which shard, counted from 1'), 'Shards without a document: still running, or killed'),
    unfinished: list(UNFINISHED, 'By shard'),
    documents: count('Metrics documents of the group'),
    other_documents: count('Those of them with another number of shards than the newest one has; ok is then false'),
    unreadable: list(
      UNREADABLE,
      'Metrics documents of the same days that cannot be read: they may be of the group, so ok is then false',
    ),
    started: orNull(instant('When the first run began; null where there is no document')),
    ended: orNull(instant('When the last one ended, in whole seconds; null likewise')),
    symbols: count('Symbols of the list'),
    symbols_processed: count('Symbols that were stored, skipped or failed'),
    sessions: count('The sum of counts'),
    counts: countsOf('sessions of prices'),
    present: count(
      'counts.stored and counts.already_stored together. A killed run leaves no document: what it stored counts as stored already',
    ),
    datasets: list(DATASET, 'The totals of each dataset'),
    errors: count('Errors of the symbols and of the runs'),
    first_date: orNull(date('The oldest bar of prices that is known to be stored')),
    through_date: orNull(date('The newest one')),
    files_written: count('Files written, by all runs'),
    rows_written: count('Rows in these files'),
    table_files_written: count('Files of the tables that were written, by all runs'),
    calls: count('API calls made, retries included, by all runs'),
    retries: count('Calls that repeated an earlier one, by all runs'),
    refused_calls: count('Calls that the vendor refused because of its rate limit, by all runs'),
  },
  'The runs of one group added up. What is said of symbols, sessions, documents, errors and dates is that of the newest finished run of each shard; what runs did is summed over all',
)

export type RunGroup = TypeOf<typeof RUN_GROUP>

/** A run of the group, without its results: those of many symbols are large. */
export type GroupRun = {
  readonly key: string
  /** Milliseconds since 1970. */
  readonly startMs: number
  readonly metrics: Omit<RunRecord, 'results'>
}

type About = Pick<RunGroup, 'run_id' | 'target' | 'run_group' | 'unreadable'>

/** The number of shards, by the newest run; 1 for runs that are no shard. */
export function shardsIn([newest]: readonly GroupRun[]): number {
  return newest === undefined ? 0 : (newest.metrics.shard?.count ?? 1)
}

/** Those of the shards that no run is of. `runs` are newest first. */
export function missingIn(runs: readonly GroupRun[]): readonly number[] {
  const found = new Set(ofNewestCount(runs).map(indexOf))
  return Array.from({ length: shardsIn(runs) }, (_, index) => index + 1).filter((index) => !found.has(index))
}

/** Without the runs of another number of shards: their parts are other parts. */
function ofNewestCount(runs: readonly GroupRun[]): readonly GroupRun[] {
  const shards = shardsIn(runs)
  return runs.filter(({ metrics }) => (metrics.shard?.count ?? 1) === shards)
}

function indexOf({ metrics }: GroupRun): number {
  return metrics.shard?.index ?? 1
}

/** Adds up the runs of a group, given newest first. */
export function addUp(runs: readonly GroupRun[], about: About): RunGroup {
  const ofCount = ofNewestCount(runs)
  const byShard = [...Map.groupBy(ofCount, indexOf)].toSorted(([a], [b]) => a - b).map(([, ofShard]) => ofShard)
  const states = byShard.flatMap((ofShard) => stateOf(ofShard) ?? [])
  const missing = missingIn(runs)
  const unfinished = byShard.flatMap(([newest]) => (newest === undefined ? [] : unfinishedIn(newest)))
  const counts = states.reduce((sum, state) => addCounts(sum, state.counts), ZERO_COUNTS)
  const state = (of: (metrics: GroupRun['metrics']) => number | undefined) =>
    sumOf(states, ({ metrics }) => of(metrics))
  const done = (of: (metrics: GroupRun['metrics']) => number | undefined) => sumOf(runs, ({ metrics }) => of(metrics))
  return {
    schema_version: RUN_GROUP_VERSION,
    ...about,
    ok: runs.length > 0 && runs.length === ofCount.length && [missing, unfinished, about.unreadable].every(isEmpty),
    shards: shardsIn(runs),
    missing,
    unfinished,
    documents: runs.length,
    other_documents: runs.length - ofCount.length,
    ...timesOf(runs),
    symbols: state(({ symbols }) => symbols),
    symbols_processed: state(({ symbols_processed: processed }) => processed),
    sessions: Object.values(counts).reduce((sum, number) => sum + number, 0),
    counts,
    present: counts.stored + counts.already_stored,
    datasets: datasetsIn(states),
    errors: state(({ errors }) => errors),
    first_date: states.flatMap(({ metrics }) => metrics.first_date ?? []).toSorted()[0] ?? null,
    through_date:
      states
        .flatMap(({ metrics }) => metrics.through_date ?? [])
        .toSorted()
        .at(-1) ?? null,
    files_written: done((metrics) => metrics.files_written),
    rows_written: done((metrics) => metrics.rows_written),
    table_files_written: done((metrics) => metrics.table_files_written),
    calls: done(({ calls }) => calls),
    retries: done(({ retries }) => retries),
    refused_calls: done((metrics) => metrics.refused_calls),
  }
}

function isEmpty({ length }: readonly unknown[]): boolean {
  return length === 0
}

function sumOf<T>(items: readonly T[], of: (item: T) => number | undefined): number {
  return items.reduce((sum, item) => sum + (of(item) ?? 0), 0)
}

function timesOf(runs: readonly GroupRun[]): Pick<RunGroup, 'started' | 'ended'> {
  if (runs.length === 0) return { started: null, ended: null }
  const ends = runs.map(({ startMs, metrics }) => startMs + (metrics.duration_seconds ?? 0) * 1_000)
  return {
    started: runIdOf(Math.min(...runs.map(({ startMs }) => startMs))),
    ended: runIdOf(Math.ceil(Math.max(...ends) / 1_000) * 1_000),
  }
}

function unfinishedIn({ key, metrics }: GroupRun): RunGroup['unfinished'] {
  const { status = 'unknown', exit_code: code } = metrics
  return status === 'ok'
    ? []
    : [{ shard: metrics.shard?.index ?? 1, key, status: oneLine(status), exit_code: code ?? null }]
}

/** Counts as a document has them: one of another version may lack some. */
type ToldCounts = NonNullable<RunRecord['counts']>

/** What holds of a shard in the end. */
type ShardState = {
  readonly metrics: GroupRun['metrics']
  readonly counts: Counts
  readonly datasets: RunGroup['datasets']
}

/** By the newest run that came to its end, and by what the runs before it have stored. */
function stateOf(runs: readonly GroupRun[]): ShardState | undefined {
  const { metrics } = runs.find(({ metrics: { status } }) => status === 'ok' || status === 'failed') ?? runs[0] ?? {}
  if (metrics === undefined) return undefined
  const storedIn = (of: (one: GroupRun['metrics']) => ToldCounts | undefined) =>
    sumOf(runs, (run) => of(run.metrics)?.stored)
  const datasets = (metrics.datasets ?? []).map(({ dataset = 'prices', unit = 'sessions', counts }) => {
    const stored = storedIn(({ datasets: all }) => all?.find((one) => one.dataset === dataset)?.counts)
    const own = withStored(counts, stored)
    return { dataset, unit, counts: own, present: own.stored + own.already_stored }
  })
  return {
    metrics,
    counts: withStored(
      metrics.counts,
      storedIn(({ counts }) => counts),
    ),
    datasets,
  }
}

/** What an earlier run of the group stored is there already for the next one. */
function withStored(counts: ToldCounts = {}, storedByAll: number): Counts {
  const told = Object.entries(counts).filter(([, number]) => number !== undefined)
  const all: Counts = { ...ZERO_COUNTS, ...Object.fromEntries(told) }
  const present = all.stored + all.already_stored
  const stored = Math.min(present, storedByAll)
  return { ...all, stored, already_stored: present - stored }
}

function datasetsIn(states: readonly ShardState[]): RunGroup['datasets'] {
  const totals = new Map<string, RunGroup['datasets'][number]>()
  for (const one of states.flatMap(({ datasets }) => datasets)) {
    const before = totals.get(one.dataset)
    const counts = addCounts(before?.counts ?? ZERO_COUNTS, one.counts)
    totals.set(one.dataset, { ...one, counts, present: counts.stored + counts.already_stored })
  }
  return [...totals.values()]
}
