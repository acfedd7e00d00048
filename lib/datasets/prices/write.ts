// Writes one file into the store. It is created or refreshed, or left because another run was first or because it would
// become shorter. The stored version is always read before it is decided.

import type { Calendar } from '../../core/calendar.ts'
import type { Row } from '../../core/dataset.ts'
import type { DateRange, IsoDate } from '../../core/dates.ts'
import { foreignFileError, IngestError } from '../../core/errors.ts'
import type { EncodedFile } from '../../parquet/parquet.ts'
import type { PlannedFile } from './plan.ts'
import type { Store } from '../../store/store.ts'
import { readYear } from './stored-years.ts'
import { isFinished, shrinkage, replaceableOf, type Replaceable } from './year-files.ts'
import type { SessionDataset } from './schema.ts'
import { metadataOf, changedTwiceError, findFile } from '../stored-file.ts'

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
  /** The `asked` range of the footer; undefined for day files. */
  readonly asked: DateRange | undefined
  /** The run's range. */
  readonly range: DateRange
  /** Stretches of rows that are carried over from stored files; undefined for none. */
  readonly carried?: readonly DateRange[]
  /** What they were multiplied by, where the file has no other rows. */
  readonly carriedBy?: string | undefined
}

export type WriteResult =
  | { readonly kind: 'written' }
  /** Another run's file stays; `differs` if its rows are not those of this run. */
  | { readonly kind: 'already'; readonly differs: boolean }
  /** The stored file stays, because the new one would be shorter. */
  | { readonly kind: 'shrink'; readonly message: string; readonly isOnlyOldestEnd: boolean }

type Context = WriteContext & { readonly encoded: EncodedFile }

/**
 * Stores the encoded rows of one planned file. Throws an IngestError: of the run if the store fails, of the symbol if other
 * runs keep changing the file.
 */
export async function writeFile(
  wanted: FileRows,
  encoded: EncodedFile,
  writeContext: WriteContext,
): Promise<WriteResult> {
  const { stored } = wanted.file
  const context = { ...writeContext, encoded }
  if (stored === undefined) return await createFile(wanted, context)
  return (await refresh(stored, wanted, context)) ?? (await resolveConflict(wanted, context))
}

async function createFile(wanted: FileRows, context: Context): Promise<WriteResult> {
  const { file, key } = wanted
  const { store, encoded } = context
  if ((await store.create(key, encoded.bytes, metadataOf(encoded))) === 'created') return { kind: 'written' }
  if (file.action === 'create') return await keepOtherRunsFile(wanted, context)
  if (file.action === 'refresh' || file.partition.kind === 'year') return await resolveConflict(wanted, context)
  await store.replace(key, encoded.bytes, metadataOf(encoded))
  return { kind: 'written' }
}

/** Keeps a file that another run created since the survey, and compares its rows with those of this run. */
async function keepOtherRunsFile(wanted: FileRows, context: Context): Promise<WriteResult> {
  const stored = await readStored(wanted, context)
  if (stored === undefined) throw blockedKeyError(wanted)
  return { kind: 'already', differs: stored.footer?.rowsSha256 !== context.encoded.sha }
}

function blockedKeyError({ key }: FileRows): IngestError {
  return new IngestError(`${key} is taken by something that is no regular file, or went away meanwhile`, {
    kind: 'store',
    scope: 'symbol',
    hint: 'Look at it, remove it, and run again.',
  })
}

/** Replaces a stored version unless it would become shorter. Undefined if another run has changed it meanwhile. */
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

/** Reads the version that another run has stored meanwhile, and keeps it or tries once more to replace it. */
async function resolveConflict(wanted: FileRows, context: Context): Promise<WriteResult> {
  const { file, key, range } = wanted
  const { store, encoded } = context
  const isForced = file.action === 'overwrite'
  const stored = await readStored(wanted, context)
  if (stored === undefined) {
    if ((await store.create(key, encoded.bytes, metadataOf(encoded))) === 'created') return { kind: 'written' }
  } else {
    const { footer } = stored
    if (footer === undefined && !isForced)
      throw foreignFileError(`${key} was replaced meanwhile by a file of another program`)
    const mayKeep = footer !== undefined && file.partition.kind === 'year' && !isForced
    if (mayKeep && isFinished(file.partition.year, footer, { ...context, range })) {
      return { kind: 'already', differs: footer.rowsSha256 !== encoded.sha }
    }
    const refreshed = await refresh(stored, wanted, context)
    if (refreshed !== undefined) return refreshed
  }
  throw changedTwiceError(key)
}

/** The stored version at the file's key now; undefined if there is none. */
async function readStored(
  { key, symbol }: FileRows,
  { store, dataset }: WriteContext,
): Promise<Replaceable | undefined> {
  const listed = await findFile(store, dataset.folder(symbol), key)
  const stored = listed && (await readYear(listed, { store, dataset }))
  return stored && replaceableOf(stored)
}
