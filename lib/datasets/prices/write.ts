// One file into the store: created, refreshed, or left because another run was there first or because it would become
// shorter. Never guesses: what stands in the store is read before it is judged.

import type { Calendar } from '../../core/calendar.ts'
import type { Row } from '../../core/dataset.ts'
import type { DateRange, IsoDate } from '../../core/dates.ts'
import { foreignFileError, IngestError } from '../../core/errors.ts'
import type { EncodedFile } from '../../parquet/parquet.ts'
import type { PlannedFile } from './plan.ts'
import type { Store } from '../../store/store.ts'
import { readYear } from './survey.ts'
import { isFinished, shrinkage, replaceableOf, type Replaceable } from './year-files.ts'
import type { SessionDataset } from './schema.ts'
import { metadataOf, changedTwice } from '../stored-file.ts'

export type WriteContext = {
  readonly store: Store
  readonly dataset: SessionDataset
  readonly calendar: Calendar
  readonly today: IsoDate
}

/** Rows for one planned file: newest first, at least one. */
export type FileRows = {
  readonly file: PlannedFile
  readonly key: string
  readonly symbol: string
  readonly rows: readonly Row[]
  /** For year files: what their footer will claim, and the run's range. */
  readonly asked: DateRange | undefined
  readonly range: DateRange
}

export type WriteResult =
  | { readonly kind: 'written' }
  /** Another run's file stands there; `differs` when its rows are not ours. */
  | { readonly kind: 'already'; readonly differs: boolean }
  /** The stored file has what the fresh one lacks and stays. */
  | { readonly kind: 'shrink'; readonly message: string; readonly isOnlyOldestEnd: boolean }

type Context = WriteContext & { readonly encoded: EncodedFile }

/**
 * Stores the `encoded` rows that are wanted. Throws an IngestError: of the run when the store fails, of the symbol when
 * other runs keep changing the file.
 */
export async function writeFile(
  wanted: FileRows,
  encoded: EncodedFile,
  writeContext: WriteContext,
): Promise<WriteResult> {
  const { stored } = wanted.file
  const context = { ...writeContext, encoded }
  if (stored === undefined) return await createFile(wanted, context)
  return (await refresh(stored, wanted, context)) ?? (await settleConflict(wanted, context))
}

async function createFile(wanted: FileRows, context: Context): Promise<WriteResult> {
  const { file, key } = wanted
  const { store, encoded } = context
  if ((await store.create(key, encoded.bytes, metadataOf(encoded))) === 'created') return { kind: 'written' }
  if (file.action !== 'overwrite') return await yieldToOther(wanted, context)
  if (file.partition.kind === 'year') return await settleConflict(wanted, context)
  await store.replace(key, encoded.bytes, metadataOf(encoded))
  return { kind: 'written' }
}

/** Another run created the file since the survey: it stays, and its rows are compared with ours. */
async function yieldToOther(wanted: FileRows, context: Context): Promise<WriteResult> {
  const theirs = await lookUp(wanted, context)
  if (theirs === undefined) throw takenUp(wanted)
  return { kind: 'already', differs: theirs.footer?.rowsSha256 !== context.encoded.sha }
}

function takenUp({ key }: FileRows): IngestError {
  return new IngestError(`${key} is taken by something that is no regular file, or went away meanwhile`, {
    kind: 'store',
    scope: 'symbol',
    hint: 'Look at it, remove it, and run again.',
  })
}

/** Replaces a file if nobody has touched it, and if it would not become shorter; undefined when somebody has. */
async function refresh(
  stored: Replaceable,
  { key, rows }: FileRows,
  context: Context,
): Promise<WriteResult | undefined> {
  const { store, calendar, encoded } = context
  const [newest, oldest] = [rows[0]?.date, rows.at(-1)?.date]
  if (stored.footer !== undefined && newest !== undefined && oldest !== undefined) {
    const shorter = shrinkage(stored.footer, { span: { from: oldest, to: newest }, rows: rows.length }, calendar)
    if (shorter !== undefined) return { kind: 'shrink', ...shorter }
  }
  const result = await store.replace(key, encoded.bytes, metadataOf(encoded), stored.tag)
  return result === 'replaced' ? { kind: 'written' } : undefined
}

/** The year file changed under our hands: what stands there now is judged afresh, and replaced at most once more. */
async function settleConflict(wanted: FileRows, context: Context): Promise<WriteResult> {
  const { file, key, range } = wanted
  const { store, encoded } = context
  const isForced = file.action === 'overwrite'
  const stored = await lookUp(wanted, context)
  if (stored === undefined) {
    if ((await store.create(key, encoded.bytes, metadataOf(encoded))) === 'created') return { kind: 'written' }
  } else {
    const { footer } = stored
    if (footer === undefined && !isForced)
      throw foreignFileError(`${key} was replaced meanwhile by a file of another program`)
    const isEnough = footer !== undefined && file.partition.kind === 'year' && !isForced
    if (isEnough && isFinished(file.partition.year, footer, { ...context, range })) {
      return { kind: 'already', differs: footer.rowsSha256 !== encoded.sha }
    }
    const refreshed = await refresh(stored, wanted, context)
    if (refreshed !== undefined) return refreshed
  }
  throw changedTwice(key)
}

/** What stands at the file's key now, or undefined where nothing does. */
async function lookUp({ key, symbol }: FileRows, { store, dataset }: WriteContext): Promise<Replaceable | undefined> {
  // `after` is exclusive, so the key without its last character stands right before it.
  const [listed] = await store.list(dataset.folder(symbol), key.slice(0, -1), key)
  const stored = listed && (await readYear(listed, store))
  return stored && replaceableOf(stored)
}
