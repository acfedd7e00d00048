// Files of many row groups, written so that a reader of the file that one replaces is not disturbed.

import type { ColumnChunk, RowGroup } from 'hyparquet'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import type { Column } from '../core/dataset.ts'
import { schemaOf } from './facts.ts'
import { createFreeSpace, MAGIC_BYTES } from './free-space.ts'
import type { StampedRow } from './parquet.ts'
import { piecesOf, type GroupedFile, type Piece, type Placed, type SymbolRows } from './row-groups.ts'
import { columnValues } from './writer.ts'

export type GroupWriter = {
  /** Adds the rows of a symbol, which is greater than those before it. Throws if a value does not fit its column. */
  add(symbol: SymbolRows): void
  /** Adds a group of the replaced file as it is. */
  keep(index: number): void
  /** Ends the file. It may have no row. */
  finish(keyValues: Readonly<Record<string, string>>): Uint8Array
}

/** A group is closed after the symbol with which it has so many rows: 25 years of one symbol, a month of 250. */
const GROUP_ROWS = 5_000

/** Level 6 gives 1 % less and takes a fifth longer, level 3 gives no less. */
const ZSTD_LEVEL = 1

/** The key-value that says how many files this one has replaced, one after another. */
const GENERATION = 'generation'

/** A file with so many times the bytes of its groups and footer is made shorter. */
const MAX_GROWTH = 6

/**
 * Writes a file group by group: ZSTD, which takes a third less than SNAPPY and is compressed by the runtime itself; statistics
 * on. What a reader of the replaced file still looks for stays where it is: see free-space.ts.
 */
export function createGroupWriter(columns: readonly Column[], createdBy: string, replaced?: GroupedFile): GroupWriter {
  const generation = replaced === undefined ? 0 : generationOf(replaced) + 1
  const placed: Placed[] = replaced === undefined ? [] : staying(replaced)
  const space = createFreeSpace(placed, generation)
  const groups: RowGroup[] = []
  let pending: StampedRow[] = []

  /** False if there is no room before `limit`. */
  function place(group: RowGroup, pieces: readonly Piece[], limit?: number): boolean {
    const starts = space.take(
      pieces.map(({ bytes }) => bytes.byteLength),
      limit,
    )
    if (starts === undefined) return false
    const moved = pieces.map((piece, index) => movedTo(piece, starts[index] ?? Number.NaN))
    placed.push(...moved)
    groups.push({ ...group, columns: moved.map(({ chunk }) => chunk) })
    return true
  }

  function flush(): void {
    if (pending.length === 0) return
    const { group, bytes } = encodeGroup(columns, pending)
    pending = []
    place(group, piecesOf(group, bytes))
  }

  return {
    add({ rows }) {
      pending.push(...rows)
      if (pending.length >= GROUP_ROWS) flush()
    },
    keep(index) {
      flush()
      const [group, pieces] = [replaced?.metadata.row_groups[index], replaced?.groups[index]]
      if (group === undefined || pieces === undefined) throw new RangeError(`There is no row group ${index}`)
      // Nearer to the front where there is room, so that the file ends no later than it must.
      if (!place(group, pieces, pieces[0]?.start)) groups.push(group)
    },
    finish(keyValues) {
      flush()
      const footer = encodeFooter(columns, createdBy, groups, { ...keyValues, [GENERATION]: String(generation) })
      const file = new Uint8Array(space.end() + footer.byteLength)
      file.set(MAGIC)
      for (const { start, bytes } of placed) file.set(bytes, start)
      file.set(footer, space.end())
      return file
    },
  }
}

const MAGIC = Buffer.from('PAR1')

/**
 * What readers of a file may still look for after it was replaced: its groups, and for those that keep its length its footer.
 * Because of it each file is longer than the one before, by a footer at least. Where that has become much, the footer does not
 * stay: a reader that keeps the length fails that once.
 */
function staying({ bytes, groups, end }: GroupedFile): Placed[] {
  const pieces = groups.flat()
  const inUse = [...pieces, end].reduce((sum, piece) => sum + piece.bytes.byteLength, 0)
  return bytes.byteLength > MAX_GROWTH * inUse ? pieces : [...pieces, end]
}

function generationOf({ metadata }: GroupedFile): number {
  const value = Number(metadata.key_value_metadata?.find(({ key }) => key === GENERATION)?.value)
  return Number.isSafeInteger(value) && value >= 0 ? value : 0
}

function createFile(columns: readonly Column[], createdBy?: string): { bytes: ByteWriter; file: ParquetWriter } {
  const bytes = new ByteWriter()
  const file = new ParquetWriter({
    writer: bytes,
    schema: schemaOf(columns),
    codec: 'ZSTD',
    compressors: { ZSTD: (page) => Bun.zstdCompressSync(page, { level: ZSTD_LEVEL }) },
    ...(createdBy !== undefined && { createdBy }),
  })
  return { bytes, file }
}

/** A group, in the bytes of a file of its own. */
function encodeGroup(columns: readonly Column[], rows: readonly StampedRow[]): { group: RowGroup; bytes: Uint8Array } {
  const { bytes, file } = createFile(columns)
  const plain = rows.map(({ row }) => row)
  const columnData = columns.map((column) => ({
    name: column.name,
    data: columnValues(column, plain, (index) => rows[index]?.ingestMs ?? Number.NaN),
    // One page a column: an index of pages would name that alone.
    offsetIndex: false,
  }))
  void file.write({ columnData, rowGroupSize: rows.length })
  const [group] = file.row_groups
  if (group === undefined) throw new RangeError('A row group needs at least one row')
  // A copy, because the writer's own buffer has room for twice as much.
  return { group, bytes: bytes.getBytes().slice() }
}

/** The end of a file: its footer with all that comes behind it. */
function encodeFooter(
  columns: readonly Column[],
  createdBy: string,
  groups: RowGroup[],
  keyValues: Readonly<Record<string, string>>,
): Uint8Array {
  const { bytes, file } = createFile(columns, createdBy)
  file.row_groups = groups
  file.num_rows = groups.reduce((sum, { num_rows: rows }) => sum + rows, 0n)
  file.kvMetadata = Object.entries(keyValues).map(([key, value]) => ({ key, value }))
  void file.finish()
  return bytes.getBytes().subarray(MAGIC_BYTES)
}

function movedTo({ start: from, bytes, chunk }: Piece, start: number): Piece {
  return { start, bytes, chunk: movedBy(chunk, BigInt(start - from)) }
}

function movedBy(chunk: ColumnChunk, bytes: bigint): ColumnChunk {
  const { meta_data: data, file_offset: place } = chunk
  if (data === undefined) return chunk
  const { data_page_offset: page, dictionary_page_offset: dictionary } = data
  const moved = { ...data, data_page_offset: page + bytes }
  if (dictionary !== undefined) moved.dictionary_page_offset = dictionary + bytes
  return { ...chunk, file_offset: place + bytes, meta_data: moved }
}
