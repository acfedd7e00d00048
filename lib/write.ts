// One file into the store: created, refreshed, or left because another run was there first or because it would become
// shorter. Never guesses: what stands in the store is read before it is judged.

import type { Calendar } from './calendar.ts'
import type { Dataset, Row } from './datasets/dataset.ts'
import type { DateRange, IsoDate } from './dates.ts'
import { IngestError } from './errors.ts'
import { encodeParquet, rowsSha256, type Footer } from './parquet.ts'
import type { PlannedFile } from './plan.ts'
import type { Store } from './store.ts'
import { readYear, type StoredYear } from './survey.ts'
import { isFinished, shrinkage } from './years.ts'

export type WriteContext = {
  readonly store: Store
  readonly dataset: Dataset
  readonly calendar: Calendar
  readonly today: IsoDate
  readonly isForced: boolean
  /** Milliseconds since 1970 of the run's start. */
  readonly ingestMs: number
  readonly version: string
}

/** Rows for one planned file: newest first, at least one. */
export type FileRows = {
  readonly file: PlannedFile
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

type Encoded = { readonly bytes: Uint8Array; readonly metadata: Readonly<Record<string, string>>; readonly sha: string }

/** Throws an IngestError: of the run when the store fails, of the symbol when other runs keep changing the file. */
export async function writeFile(wanted: FileRows, context: WriteContext): Promise<WriteResult> {
  const { file } = wanted
  const encoded = encode(wanted, context)
  if (file.stored === undefined) return await createFile(wanted, encoded, context)
  if (file.partition.kind === 'day') {
    await context.store.replace(file.key, encoded.bytes, encoded.metadata)
    return { kind: 'written' }
  }
  const { footer } = file.stored
  const stored: StoredYear =
    footer === undefined ? { file: file.stored.file, problem: 'is not ours' } : { file: file.stored.file, footer }
  return (
    (await refresh(stored, wanted, { ...context, encoded })) ?? (await settleConflict(wanted, { ...context, encoded }))
  )
}

function encode({ rows, asked }: FileRows, { dataset, ingestMs, version }: WriteContext): Encoded {
  const sha = rowsSha256(dataset.columns, rows)
  const bytes = encodeParquet({ columns: dataset.columns, rows, ingestMs, rowsSha256: sha, asked, version })
  return { bytes, sha, metadata: { 'rows-sha256': sha } }
}

async function createFile(wanted: FileRows, encoded: Encoded, context: WriteContext): Promise<WriteResult> {
  const { file } = wanted
  if ((await context.store.create(file.key, encoded.bytes, encoded.metadata)) === 'created') return { kind: 'written' }
  if (!context.isForced) return await yieldTo(file.key, encoded, wanted, context)
  if (file.partition.kind === 'year') return await settleConflict(wanted, { ...context, encoded })
  await context.store.replace(file.key, encoded.bytes, encoded.metadata)
  return { kind: 'written' }
}

/** Another run created the file since the survey: it stays, and its rows are compared with ours. */
async function yieldTo(key: string, encoded: Encoded, wanted: FileRows, context: WriteContext): Promise<WriteResult> {
  const stored = await lookUp(key, wanted.symbol, context)
  const theirs = stored !== undefined && 'footer' in stored ? stored.footer.rowsSha256 : undefined
  return { kind: 'already', differs: theirs !== encoded.sha }
}

/** Replaces a year file if nobody has touched it; undefined when somebody has. */
async function refresh(
  stored: StoredYear,
  { file, rows }: FileRows,
  { store, calendar, encoded }: WriteContext & { readonly encoded: Encoded },
): Promise<WriteResult | undefined> {
  const [newest, oldest] = [rows[0]?.date, rows.at(-1)?.date]
  if ('footer' in stored && newest !== undefined && oldest !== undefined) {
    const shorter = shrinkage(stored.footer, { span: { from: oldest, to: newest }, rows: rows.length }, calendar)
    if (shorter !== undefined) return { kind: 'shrink', ...shorter }
  }
  const result = await store.replace(file.key, encoded.bytes, encoded.metadata, stored.file.tag)
  return result === 'replaced' ? { kind: 'written' } : undefined
}

/** The year file changed under our hands: what stands there now is judged afresh, and replaced at most once more. */
async function settleConflict(
  wanted: FileRows,
  context: WriteContext & { readonly encoded: Encoded },
): Promise<WriteResult> {
  const { file, range } = wanted
  const stored = await lookUp(file.key, wanted.symbol, context)
  if (stored === undefined) {
    const created = await context.store.create(file.key, context.encoded.bytes, context.encoded.metadata)
    if (created === 'created') return { kind: 'written' }
  } else {
    const footer = 'footer' in stored ? stored.footer : undefined
    if (footer !== undefined && !context.isForced && isGoodEnough(footer, file, { ...context, range })) {
      return { kind: 'already', differs: footer.rowsSha256 !== context.encoded.sha }
    }
    const refreshed = await refresh(stored, wanted, context)
    if (refreshed !== undefined) return refreshed
  }
  throw new IngestError(`${file.key} was changed by another run twice while this one was refreshing it`, {
    kind: 'store',
    scope: 'symbol',
    hint: 'Let one run finish before the next begins.',
  })
}

function isGoodEnough(
  footer: Footer,
  { partition }: PlannedFile,
  context: WriteContext & { range: DateRange },
): boolean {
  return partition.kind === 'year' && isFinished(partition.year, footer, context)
}

async function lookUp(key: string, symbol: string, { store, dataset }: WriteContext): Promise<StoredYear | undefined> {
  // `after` is exclusive, so the key without its last character stands right before it.
  const [file] = await store.list(dataset.folder(symbol), key.slice(0, -1), key)
  return file && (await readYear(file, store))
}
