// Stores the metrics document of a run, and the rejected rows beside it.

import type { Reject } from '../core/outcome.ts'
import { utcDate } from '../core/dates.ts'
import { IngestError } from '../core/errors.ts'
import type { Config } from '../core/config.ts'
import type { Store } from '../store/store.ts'
import type { Metrics } from './contract.ts'
import type { RunFacts } from './metrics.ts'

/** The most documents with one start second: far more runs than can start in one, and as many as there may be shards. */
const MAX_RUNS = 1_000

/** The keys of what was stored, and the error if the rejects file could not be. */
type StoredMetrics = {
  readonly key: string
  readonly rejectsKey: string | undefined
  readonly rejectsError: IngestError | undefined
}

/**
 * Stores the document at the first free key, and the rejected rows, if there are any, in a file with the same stem. Both
 * are redacted. Returns the keys of both, and the error if only the rejects file could not be stored. Throws an IngestError
 * if the document cannot be stored.
 */
export async function storeMetrics(
  store: Store,
  metrics: Metrics,
  { outcomes, startMs, config }: RunFacts,
  redact: (text: string) => string,
): Promise<StoredMetrics> {
  const stem = await createFirstFree(store, { startMs, shard: config.shard }, encodeDocument(metrics, redact))
  const key = `${stem}.json`
  const rejects = outcomes.flatMap((outcome) => outcome.rejects)
  if (rejects.length === 0) return { key, rejectsKey: undefined, rejectsError: undefined }
  const lines = rejects.map((reject) => `${toJson(withRedactedNames(reject, redact), redact)}\n`).join('')
  const rejectsKey = `${stem}.rejects.jsonl`
  try {
    if ((await store.create(rejectsKey, encoder.encode(lines), {})) === 'created') {
      return { key, rejectsKey, rejectsError: undefined }
    }
    throw keyTakenError(`${store.locate(rejectsKey)} is there already`)
  } catch (error) {
    return { key, rejectsKey: undefined, rejectsError: asIngestError(error) }
  }
}

/** Replaces the run's own document, whose end differs from what it said. Throws an IngestError if the store fails. */
export async function replaceMetrics(
  store: Store,
  key: string,
  metrics: Metrics,
  redact: (text: string) => string,
): Promise<void> {
  await store.replace(key, encodeDocument(metrics, redact), {})
}

const encoder = new TextEncoder()

function encodeDocument(metrics: Metrics, redact: (text: string) => string): Uint8Array {
  return encoder.encode(`${toJson(metrics, redact, 2)}\n`)
}

/**
 * JSON in which every text value is redacted on its own: redacting the whole document would break it if a secret were a
 * word of JSON, such as `null`. Without `indent` it is one line.
 */
export function toJson(value: unknown, redact: (text: string) => string, indent?: number): string {
  return JSON.stringify(value, (_name, part: unknown) => (typeof part === 'string' ? redact(part) : part), indent)
}

/** Redacts the field names of a rejected row too: they come from the vendor, who may send any text back. */
function withRedactedNames(reject: Reject, redact: (text: string) => string): Reject {
  const row = Object.fromEntries(Object.entries(reject.row).map(([name, value]) => [redact(name), value]))
  return { ...reject, row }
}

function asIngestError(error: unknown): IngestError {
  if (error instanceof IngestError) return error
  throw error
}

function keyTakenError(message: string): IngestError {
  return new IngestError(message, { kind: 'store', scope: 'run', hint: 'Move it away, or run again a second later.' })
}

/** The key prefix of all runs' files. */
export const RUNS_PREFIX = 'logs/ingest/'

/** The key of a run's files without extension; `number` tells the runs apart that begin in one second, from 1. */
function numberedStem(startMs: number, number: number): string {
  const stem = `${RUNS_PREFIX}date=${utcDate(startMs)}/run-${Math.floor(startMs / 1_000)}`
  return number === 1 ? stem : `${stem}-${number}`
}

/**
 * The start of the run whose metrics document has this key, in milliseconds since 1970, and which of the runs that began in
 * that second it is, from 1. Undefined for a key of anything else.
 */
export function runOfKey(key: string): { readonly startMs: number; readonly number: number } | undefined {
  const [, seconds, number = '1'] = /\/run-(\d{1,11})(?:-(\d{1,4}))?\.json$/.exec(key) ?? []
  if (seconds === undefined) return undefined
  const run = { startMs: Number(seconds) * 1_000, number: Number(number) }
  return key === `${numberedStem(run.startMs, run.number)}.json` ? run : undefined
}

/**
 * Creates the document at the first free key, and returns its stem. Shards start in the same second: each begins at its own
 * number, else the last of 64 would be refused 63 times, which takes longer than an interrupt leaves.
 */
async function createFirstFree(
  store: Store,
  { startMs, shard }: Pick<RunFacts, 'startMs'> & Pick<Config, 'shard'>,
  bytes: Uint8Array,
): Promise<string> {
  const { index, count } = shard ?? { index: 1, count: 1 }
  for (let number = index; number <= MAX_RUNS; number += count) {
    const stem = numberedStem(startMs, number)
    if ((await store.create(`${stem}.json`, bytes, {})) === 'created') return stem
  }
  throw keyTakenError(`${MAX_RUNS} metrics documents begin with ${store.locate(numberedStem(startMs, 1))}`)
}
