// Files of a table in the versions that follow one another, as the program writes them in place of each other, and as one
// would write them who knows nothing of the file before.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readTableFooter } from '../../lib/datasets/table/footer.ts'
import { rewriteFile, type Change, type OldFile } from '../../lib/datasets/table/rewrite.ts'
import type { StampedRow } from '../../lib/parquet/parquet.ts'
import { openGroups } from '../../lib/parquet/row-groups.ts'
import { columns, CREATED_BY } from '../support/grouped-file.ts'
import { seededRandom, type Random } from '../support/random.ts'
import { at, priceRow } from '../support/values.ts'

/** `kept`: what readers of the replaced file look for stays. `naive`: nothing of it stays. */
const WAYS = ['kept', 'naive'] as const
export type Way = (typeof WAYS)[number]

export type VersionedFile = {
  /** The file's name in a table. The rows of each begin with another letter of `symbol`, which Python goes by. */
  readonly name: string
  readonly versions: Readonly<Record<Way, readonly Uint8Array[]>>
}

const VERSIONS = 16

/** Makes all versions of three files. The same seed gives the same files. */
export async function makeVersionedFiles(seed: number): Promise<readonly VersionedFile[]> {
  const random = seededRandom(seed)
  return [
    await versionsOf('closed-2026-00-of-16.parquet', closed('A', random), (version) => mended('A', version, random)),
    await versionsOf('closed-2026-01-of-16.parquet', closed('B', random), () => closed('B', random)),
    await versionsOf('month-2026-01.parquet', month(1, random), (version) => month(version + 1, random)),
  ]
}

/** Writes every version into `folder`, which is emptied before. */
export async function storeVersions(folder: string, files: readonly VersionedFile[]): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  for (const { name, versions } of files) {
    for (const way of WAYS) {
      for (const [version, bytes] of versions[way].entries()) {
        await Bun.write(versionPath(folder, way, name, version), bytes)
      }
    }
  }
}

/** Where `storeVersions` writes a version. */
export function versionPath(folder: string, way: Way, name: string, version: number): string {
  return join(folder, way, `${version}-${name}`)
}

/** By symbol the rows that are added to it, or that it has from now on. */
type Step = { readonly isAdded: boolean; readonly rows: ReadonlyMap<string, readonly StampedRow[]> }

/** Eight symbols of equal length: three row groups. All values are new, so that no file has another size than the others. */
function closed(letter: string, random: Random): Step {
  const symbols = Array.from({ length: 8 }, (_, index) => `${letter}${index}`)
  return { isAdded: false, rows: new Map(symbols.map((symbol) => [symbol, drawRows({ symbol, days: 1_700, random })])) }
}

/** A symbol of the first row group and one of the second have other values; the third group is as it was. */
function mended(letter: string, version: number, random: Random): Step {
  const symbols = [`${letter}${version % 3}`, `${letter}${3 + (version % 3)}`]
  return { isAdded: false, rows: new Map(symbols.map((symbol) => [symbol, drawRows({ symbol, days: 1_700, random })])) }
}

/** One more day of 600 symbols. In the last versions they are two row groups. */
function month(day: number, random: Random): Step {
  const symbols = Array.from({ length: 600 }, (_, index) => `M${String(index).padStart(3, '0')}`)
  const first = `2026-01-${String(day).padStart(2, '0')}`
  return {
    isAdded: true,
    rows: new Map(symbols.map((symbol) => [symbol, drawRows({ symbol, days: 1, random, first })])),
  }
}

type Drawn = { readonly symbol: string; readonly days: number; readonly random: Random; readonly first?: string }

/** Rows with values that ZSTD cannot compress, so that equally many rows take equally many bytes. */
function drawRows({ symbol, days, random, first = '2020-01-01' }: Drawn): readonly StampedRow[] {
  const ingestMs = at('2026-02-01T12:00:00Z') + Math.floor(random() * 1e9)
  return Array.from({ length: days }, (_, index) => {
    const date = new Date(at(`${first}T00:00:00Z`) + index * 86_400_000).toISOString().slice(0, 10)
    const [open, high, low, close, adjClose] = Array.from({ length: 5 }, () => drawDouble(random))
    const volume = Math.floor(random() * Number.MAX_SAFE_INTEGER)
    return { row: priceRow(date, { symbol, open, high, low, close, adjClose, volume }), ingestMs }
  })
}

/** A positive number of which almost every bit is drawn. */
function drawDouble(random: Random): number {
  const view = new DataView(new ArrayBuffer(8))
  view.setUint32(0, Math.floor(random() * 0x7fe0_0000))
  view.setUint32(4, Math.floor(random() * 2 ** 32))
  return view.getFloat64(0)
}

async function versionsOf(name: string, first: Step, nextStep: (version: number) => Step): Promise<VersionedFile> {
  const content = new Map<string, readonly StampedRow[]>()
  const [kept, naive]: [Uint8Array[], Uint8Array[]] = [[], []]
  for (let version = 0; version < VERSIONS; version += 1) {
    const step = version === 0 ? first : nextStep(version)
    const changed = new Map(
      [...step.rows].map(([symbol, rows]) => [symbol, step.isAdded ? [...(content.get(symbol) ?? []), ...rows] : rows]),
    )
    for (const [symbol, rows] of changed) content.set(symbol, rows)
    const last = kept.at(-1)
    kept.push(await rewritten(last && opened(last), changed))
    naive.push(await rewritten(undefined, content))
  }
  return { name, versions: { kept, naive } }
}

function opened(bytes: Uint8Array): OldFile {
  const footer = readTableFooter(bytes)
  if (footer === undefined) throw new Error('It has no footer')
  return { file: openGroups(bytes, columns), entries: footer.entries, location: 'a file of a table' }
}

async function rewritten(
  old: OldFile | undefined,
  content: ReadonlyMap<string, readonly StampedRow[]>,
): Promise<Uint8Array> {
  const changes = [...content].map(([symbol, rows]): Change => ({
    symbol,
    rows: () => rows,
    days: () => 0,
    listing: '',
    yearFile: '',
  }))
  const about = { columns, layout: { baseYear: 2026, buckets: 16 }, listedMs: 1, rebuiltMs: 2, createdBy: CREATED_BY }
  return (await rewriteFile(old, changes, about)).bytes
}
