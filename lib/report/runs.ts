// Reads back the metrics documents of earlier runs, newest first. Documents of other program versions may lack fields or have
// further ones; one that cannot be read is named and left.

import * as v from 'valibot'
import { mapAhead } from '../core/concurrency.ts'
import { isIsoDate, utcDate, type IsoDate } from '../core/dates.ts'
import { IngestError } from '../core/errors.ts'
import { oneLine } from '../core/text.ts'
import type { Store, StoredFile } from '../store/store.ts'
import type { Metrics, SymbolResult } from './contract.ts'
import { RUNS_PREFIX, runOfKey } from './metrics-file.ts'

const text = v.optional(v.string())
const number = v.optional(v.number())
const flag = v.optional(v.boolean())
const sessionDate = v.custom<IsoDate>((value) => typeof value === 'string' && isIsoDate(value), 'is no date')
const date = v.nullish(sessionDate)

const Past = v.object({
  verdict: text,
  compared_sessions: number,
  compared_from: date,
  wholly: flag,
  steps: v.optional(
    v.array(
      v.object({
        before: sessionDate,
        price_factor: v.number(),
        adj_factor: v.number(),
        ratio: v.nullish(v.string()),
        dividend: v.nullish(v.number()),
      }),
    ),
  ),
  corrected_sessions: number,
  mended_files: number,
  carried_rows: number,
  held: flag,
  bases_differ: flag,
} satisfies Partial<Record<keyof NonNullable<SymbolResult['past']>, unknown>>)

const Counts = v.object({
  stored: number,
  already_stored: number,
  no_data: number,
  missing: number,
  rejected: number,
  failed: number,
  not_reached: number,
} satisfies Partial<Record<keyof SymbolResult['counts'], unknown>>)

const Result = v.object({
  symbol: v.string(),
  dataset: text,
  errors: v.optional(v.array(v.string())),
  counts: v.optional(Counts),
  rejected_rows: number,
  suspect_rows: number,
  calls: number,
  files_written: number,
  first_date: date,
  through_date: date,
  past: v.nullish(Past),
} satisfies Partial<Record<keyof SymbolResult, unknown>>)

const Totals = v.object({
  dataset: text,
  unit: text,
  counts: v.optional(Counts),
} satisfies Partial<Record<keyof Metrics['datasets'][number], unknown>>)

const Shard = v.object({ index: v.number(), count: v.number() })

/** What is read of a document. Every field may be absent; one of another type makes the document a broken one. */
const Run = v.object({
  run_id: text,
  status: text,
  exit_code: number,
  mode: text,
  dataset: text,
  program_version: text,
  run_uuid: text,
  now_overridden: flag,
  symbols: number,
  symbols_processed: number,
  counts: v.optional(Counts),
  datasets: v.optional(v.array(Totals)),
  files_written: number,
  rows_written: number,
  table_files_written: number,
  errors: number,
  run_errors: v.optional(v.array(v.string())),
  rejected_rows: number,
  suspect_rows: number,
  calls: number,
  retries: number,
  refused_calls: number,
  duration_seconds: number,
  shard: v.nullish(Shard),
  run_group: v.nullish(v.string()),
  first_date: date,
  through_date: date,
  date_range: v.optional(v.object({ from: date, to: date })),
  stopped_by: v.nullish(v.string()),
  mended_symbols: number,
  held_symbols: number,
  held_sessions: v.optional(v.array(v.object({ date: sessionDate, reason: text }))),
  results: v.optional(v.array(Result), []),
} satisfies Partial<Record<keyof Metrics, unknown>>)

export type RunRecord = v.InferOutput<typeof Run>

/** A run by its metrics document. `startMs` is that of the key: milliseconds since 1970, whole seconds. */
export type StoredRun = { readonly key: string; readonly startMs: number } & (
  | { readonly metrics: RunRecord }
  /** Why the document cannot be read: a sentence's end, after its key. */
  | { readonly problem: string }
)

/** Far more than the document of a run with 100,000 symbols takes. */
const MAX_DOCUMENT_BYTES = 128 * 1_048_576

/** A document of 10,000 symbols takes 10 MB: so many at once. */
const MAX_DOCUMENTS_AHEAD = 4

/** A run by the keys of its files. */
export type ListedRun = Pick<StoredRun, 'key' | 'startMs'> & {
  /** Of its rejected rows; undefined where there are none. */
  readonly rejectsKey: string | undefined
}

/** Which runs to read, of all of them, newest first: so many of the newest, or those that a function chooses, in its order. */
type RunChoice = number | ((listed: readonly ListedRun[]) => readonly ListedRun[])

/**
 * The documents of runs, by one listing of `logs/ingest/`: to be taken one by one (`for await`), because those of many symbols
 * are large. A document that is gone meanwhile is left out. Throws an IngestError if the store fails.
 */
export async function* readRuns(store: Store, choice: RunChoice): AsyncGenerator<StoredRun, void> {
  const listed = newestRuns(await store.list(RUNS_PREFIX))
  const chosen = typeof choice === 'number' ? listed.slice(0, choice) : choice(listed)
  const read = async (run: ListedRun) => await readRun(store, run)
  for await (const run of mapAhead(chosen, MAX_DOCUMENTS_AHEAD, read)) if (run !== undefined) yield run
}

/** Of shards as many more are read, but no more than these. */
const MAX_DOCUMENTS = 400

type LastRuns = {
  /** So many of the newest or, where they are shards, as many of each shard. */
  readonly runs: number
  /** Runs that began later are none. In milliseconds since 1970. */
  readonly untilMs: number
  /** All that began since then are among them. */
  readonly sinceMs: number
}

/** The last runs, newest first, by one listing; taken one by one as by `readRuns`. Throws an IngestError if the store fails. */
export async function* readLastRuns(
  store: Store,
  { runs, untilMs, sinceMs }: LastRuns,
): AsyncGenerator<StoredRun, void> {
  const listed = newestRuns(await store.list(RUNS_PREFIX)).filter(({ startMs }) => startMs <= untilMs)
  let read = 0
  let wanted = Math.max(runs, listed.filter(({ startMs }) => startMs >= sinceMs).length)
  while (read < Math.min(wanted, listed.length)) {
    const chosen = listed.slice(read, wanted)
    read += chosen.length
    for await (const run of mapAhead(chosen, MAX_DOCUMENTS_AHEAD, async (one) => await readRun(store, one))) {
      if (run === undefined) continue
      const shards = 'metrics' in run ? (run.metrics.shard?.count ?? 1) : 1
      wanted = Math.max(wanted, Math.min(MAX_DOCUMENTS, runs * shards))
      yield run
    }
  }
}

/** The runs among listed files, newest first. */
export function newestRuns(files: readonly Pick<StoredFile, 'key'>[]): readonly ListedRun[] {
  const keys = new Set(files.map(({ key }) => key))
  const runs = files.flatMap(({ key }) => {
    const run = runOfKey(key)
    return run === undefined ? [] : [{ key, ...run }]
  })
  return runs
    .toSorted((a, b) => b.startMs - a.startMs || b.number - a.number)
    .map(({ key, startMs }) => {
      const rejectsKey = key.replace(/\.json$/, '.rejects.jsonl')
      return { key, startMs, rejectsKey: keys.has(rejectsKey) ? rejectsKey : undefined }
    })
}

/** One run, by one request; undefined if its document is gone meanwhile. Throws an IngestError if the store fails. */
export async function readRun(
  store: Store,
  { key, startMs }: Pick<StoredRun, 'key' | 'startMs'>,
): Promise<StoredRun | undefined> {
  const found = await readDocument(store, key)
  return found && { key, startMs, ...found }
}

/** The metrics of the runs that started in the same second, as far as they can be read. */
export async function readRunsAt(store: Store, startMs: number): Promise<readonly RunRecord[]> {
  const second = Math.floor(startMs / 1_000) * 1_000
  const files = await store.list(`${RUNS_PREFIX}date=${utcDate(startMs)}/`)
  const keys = files.map(({ key }) => key).filter((key) => runOfKey(key)?.startMs === second)
  const documents = await Promise.all(keys.map(async (key) => await readDocument(store, key)))
  return documents.flatMap((found) => (found !== undefined && 'metrics' in found ? [found.metrics] : []))
}

type Document = { readonly metrics: RunRecord } | { readonly problem: string }

async function readDocument(store: Store, key: string): Promise<Document | undefined> {
  const bytes = await store.read(key, undefined, MAX_DOCUMENT_BYTES).catch(problemOfFile)
  if (bytes === undefined || 'problem' in bytes) return bytes
  const document = jsonIn(bytes)
  if (document === undefined) return { problem: 'is no JSON' }
  const parsed = v.safeParse(Run, document)
  return parsed.success ? { metrics: parsed.output } : { problem: problemOf(parsed.issues[0]) }
}

/** A problem with this one document. An error of the store is thrown again. */
function problemOfFile(error: unknown): { readonly problem: string } {
  if (error instanceof IngestError && error.scope === 'symbol') return { problem: `cannot be read (${error.message})` }
  throw error
}

function jsonIn(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function problemOf(issue: v.BaseIssue<unknown>): string {
  const field = v.getDotPath(issue)
  return `is no metrics document: ${field === null ? '' : `${oneLine(field, 100)}: `}${oneLine(issue.message, 200)}`
}
