// Reads back the metrics documents of earlier runs, newest first. Documents of other program versions may lack fields or have
// further ones; one that cannot be read is named and left.

import * as v from 'valibot'
import { mapAhead } from '../core/concurrency.ts'
import { isIsoDate, type IsoDate } from '../core/dates.ts'
import { IngestError } from '../core/errors.ts'
import { oneLine } from '../core/text.ts'
import type { Store, StoredFile } from '../store/store.ts'
import type { Metrics, SymbolResult } from './contract.ts'
import { RUNS_PREFIX, runOfKey } from './metrics-file.ts'

const text = v.optional(v.string())
const number = v.optional(v.number())
const flag = v.optional(v.boolean())
const date = v.nullish(v.custom<IsoDate>((value) => typeof value === 'string' && isIsoDate(value), 'is no date'))

const Past = v.object({
  verdict: text,
  compared_sessions: number,
  compared_from: date,
  wholly: flag,
  steps: v.optional(
    v.array(
      v.object({
        before: v.custom<IsoDate>((value) => typeof value === 'string' && isIsoDate(value), 'is no date'),
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

const Result = v.object({
  symbol: v.string(),
  dataset: text,
  errors: v.optional(v.array(v.string())),
  rejected_rows: number,
  suspect_rows: number,
  calls: number,
  first_date: date,
  through_date: date,
  past: v.nullish(Past),
} satisfies Partial<Record<keyof SymbolResult, unknown>>)

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
  files_written: number,
  rows_written: number,
  errors: number,
  run_errors: v.optional(v.array(v.string())),
  rejected_rows: number,
  suspect_rows: number,
  calls: number,
  duration_seconds: number,
  through_date: date,
  stopped_by: v.nullish(v.string()),
  mended_symbols: number,
  held_symbols: number,
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

/**
 * The newest `count` runs, newest first, by one listing of `logs/ingest/`: to be taken one by one (`for await`), because the
 * documents of many symbols are large. A document that is gone meanwhile is left out. Throws an IngestError if the store
 * fails.
 */
export async function* readRuns(store: Store, count: number): AsyncGenerator<StoredRun, void> {
  const newest = newestRuns(await store.list(RUNS_PREFIX)).slice(0, count)
  const read = async (run: RunKey) => await readRun(store, run)
  for await (const run of mapAhead(newest, MAX_DOCUMENTS_AHEAD, read)) if (run !== undefined) yield run
}

type RunKey = Pick<StoredRun, 'key' | 'startMs'>

/** The metrics documents among listed files, newest run first. */
export function newestRuns(files: readonly Pick<StoredFile, 'key'>[]): readonly RunKey[] {
  const runs = files.flatMap(({ key }) => {
    const run = runOfKey(key)
    return run === undefined ? [] : [{ key, ...run }]
  })
  return runs.toSorted((a, b) => b.startMs - a.startMs || b.number - a.number)
}

/** One run, by one request; undefined if its document is gone meanwhile. Throws an IngestError if the store fails. */
export async function readRun(store: Store, { key, startMs }: RunKey): Promise<StoredRun | undefined> {
  const found = await readDocument(store, key)
  return found && { key, startMs, ...found }
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
