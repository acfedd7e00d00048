// The runs that have begun to change stored rows and have not brought the table up to date yet, in a small file beside the
// table. A run that was ended is found there by the next one, which then compares the table with all raw files.

import { IngestError } from '../../core/errors.ts'
import { parseInstant } from '../../core/dates.ts'
import { findFile } from '../stored-file.ts'
import { MAX_ATTEMPTS, type TableContext } from './units.ts'

/** An open run by its id, and when it began, in milliseconds since 1970. */
export type OpenRun = { readonly id: string; readonly sinceMs: number }

/** A run that is open for so long was ended. One that goes on for longer and is ended then is not found. */
const ENDED_MS = 12 * 3_600_000

const MAX_BYTES = 1_048_576

/** Notes a run as open. Throws an IngestError if the store fails. */
export async function noteRun(run: OpenRun, context: TableContext): Promise<void> {
  await changeRuns((runs) => [...runs.filter(({ id }) => id !== run.id), run], context)
}

/** The open runs. Throws an IngestError if the store fails. */
export async function listOpenRuns(context: TableContext): Promise<readonly OpenRun[]> {
  return (await readRuns(context)).runs
}

/** The list as it is stored. A user who may not list the whole bucket may not read a file that is not there, so it is listed first. */
async function readRuns(context: TableContext) {
  const { store } = context
  const key = keyOf(context)
  const stored = await findFile(store, folderOf(context), key)
  const bytes = stored && (await store.read(key, undefined, MAX_BYTES))
  return { stored, runs: bytes === undefined ? [] : parseRuns(bytes) }
}

/** Takes runs off the list. Throws an IngestError if the store fails. */
export async function forgetRuns(ids: ReadonlySet<string>, context: TableContext): Promise<void> {
  if (ids.size > 0) await changeRuns((runs) => runs.filter(({ id }) => !ids.has(id)), context)
}

/** Those of the runs that have been ended. The clock may have been set back since they began. */
export function endedRuns(runs: readonly OpenRun[], nowMs: number): ReadonlySet<string> {
  const ended = runs.filter(({ sinceMs }) => sinceMs > nowMs || nowMs - sinceMs >= ENDED_MS)
  return new Set(ended.map(({ id }) => id))
}

function folderOf({ tablePrefix }: Pick<TableContext, 'tablePrefix'>): string {
  return `${tablePrefix === '' ? '' : `${tablePrefix}/`}runs/`
}

function keyOf(context: Pick<TableContext, 'tablePrefix' | 'dataset'>): string {
  return `${folderOf(context)}${context.dataset.name}.json`
}

async function changeRuns(
  change: (runs: readonly OpenRun[]) => readonly OpenRun[],
  context: TableContext,
): Promise<void> {
  const { store } = context
  const key = keyOf(context)
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const { stored, runs } = await readRuns(context)
    const changed = change(runs)
    if (Bun.deepEquals(runs, changed)) return
    const text = Buffer.from(`${JSON.stringify({ open: changed.map(runText) })}\n`)
    const result =
      stored === undefined ? await store.create(key, text, {}) : await store.replace(key, text, {}, stored.tag)
    if (result === 'created' || result === 'replaced') return
  }
  throw new IngestError(`${store.locate(key)} was replaced by other runs each of ${MAX_ATTEMPTS} times`, {
    kind: 'store',
    scope: 'run',
    hint: 'Let the other runs finish, then run `ingest table`.',
  })
}

function runText({ id, sinceMs }: OpenRun) {
  return { id, since: new Date(sinceMs).toISOString() }
}

/** A list that cannot be read counts as a run that was ended. */
function parseRuns(bytes: Uint8Array): readonly OpenRun[] {
  try {
    const { open } = JSON.parse(Buffer.from(bytes).toString()) as { readonly open: readonly Record<string, unknown>[] }
    return open.map(({ id, since }) => ({ id: String(id), sinceMs: parseInstant(String(since)) ?? 0 }))
  } catch {
    return [{ id: '', sinceMs: 0 }]
  }
}
