// Files of many row groups, each with the rows of a few symbols: how they are read group by group, and written anew with the
// bytes of those groups that did not change.

import { parquetMetadata, type FileMetaData, type RowGroup } from 'hyparquet'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import type { Column } from '../core/dataset.ts'
import type { StampedRow } from './parquet.ts'
import { readGroupRows } from './reader.ts'
import { schemaOf } from './facts.ts'
import { columnValues } from './writer.ts'

/** All rows of one symbol in a file, in the file's order. */
export type SymbolRows = { readonly symbol: string; readonly rows: readonly StampedRow[] }

/** A file with its groups in their order. */
export type GroupedFile = {
  readonly bytes: Uint8Array
  readonly metadata: FileMetaData
  readonly groups: readonly Group[]
}

/** A row group by its first symbol; no symbol stands in two groups. */
export type Group = { readonly first: string; readonly rows: number; readonly chunk: RowGroup }

/** A group is closed after the symbol with which it has so many rows: 25 years of one symbol, a month of 250. */
const GROUP_ROWS = 5_000

/** The groups of a whole file. Throws if the bytes are no such file. */
export function openGroups(bytes: Uint8Array): GroupedFile {
  const metadata = parquetMetadata(bytes)
  const groups = metadata.row_groups.map((chunk) => ({
    first: firstSymbol(chunk),
    rows: Number(chunk.num_rows),
    chunk,
  }))
  return { bytes, metadata, groups }
}

function firstSymbol({ columns }: RowGroup): string {
  const column = columns.find(({ meta_data: data }) => data?.path_in_schema.join('.') === 'symbol')
  const first = column?.meta_data?.statistics?.min_value
  if (typeof first !== 'string') throw new RangeError('A row group has no statistics of its symbols')
  return first
}

/** The rows of one group, symbol by symbol. Rejects if they cannot be decoded. */
export async function readGroup(
  { bytes, metadata, groups }: GroupedFile,
  index: number,
  columns: readonly Column[],
): Promise<readonly SymbolRows[]> {
  const rowStart = groups.slice(0, index).reduce((sum, { rows }) => sum + rows, 0)
  const rowEnd = rowStart + (groups[index]?.rows ?? 0)
  const bySymbol: { symbol: string; rows: StampedRow[] }[] = []
  for (const stamped of await readGroupRows(bytes, metadata, { rowStart, rowEnd }, columns)) {
    const symbol = String(stamped.row['symbol'])
    const last = bySymbol.at(-1)
    if (last?.symbol === symbol) last.rows.push(stamped)
    else bySymbol.push({ symbol, rows: [stamped] })
  }
  return bySymbol
}

export type GroupWriter = {
  /** Adds the rows of a symbol, which is greater than those before it. Throws if a value does not fit its column. */
  add(symbol: SymbolRows): void
  /** Adds a group of another file with the same columns as it is. */
  copy(file: GroupedFile, group: Group): void
  /** Ends the file. It may have no row. */
  finish(keyValues: Readonly<Record<string, string>>): Uint8Array
}

/** Level 6 gives 1 % less and takes a fifth longer, level 3 gives no less. */
const ZSTD_LEVEL = 1

/**
 * Writes a file group by group: ZSTD, which takes a third less than SNAPPY and is compressed by the runtime itself; statistics
 * on.
 */
export function createGroupWriter(columns: readonly Column[], createdBy: string): GroupWriter {
  const bytes = new ByteWriter()
  const file = new ParquetWriter({
    writer: bytes,
    schema: schemaOf(columns),
    codec: 'ZSTD',
    compressors: { ZSTD: (page) => Bun.zstdCompressSync(page, { level: ZSTD_LEVEL }) },
    createdBy,
  })
  let pending: StampedRow[] = []

  function flush(): void {
    if (pending.length === 0) return
    const rows = pending
    pending = []
    const plain = rows.map(({ row }) => row)
    const columnData = columns.map((column) => ({
      name: column.name,
      data: columnValues(column, plain, (index) => rows[index]?.ingestMs ?? Number.NaN),
      // One page a column: an index of pages would name that alone.
      offsetIndex: false,
    }))
    void file.write({ columnData, rowGroupSize: rows.length })
  }

  return {
    add({ rows }) {
      pending.push(...rows)
      if (pending.length >= GROUP_ROWS) flush()
    },
    copy(from, { chunk, rows }) {
      flush()
      const { start, end } = extentOf(chunk)
      const moved = bytes.offset - start
      bytes.appendBytes(from.bytes.subarray(start, end))
      file.row_groups.push(movedBy(chunk, BigInt(moved)))
      file.num_rows += BigInt(rows)
    },
    finish(keyValues) {
      flush()
      file.kvMetadata = Object.entries(keyValues).map(([key, value]) => ({ key, value }))
      void file.finish()
      return bytes.getBytes()
    },
  }
}

/** Where the pages of a group stand in its file. */
function extentOf({ columns }: RowGroup): { readonly start: number; readonly end: number } {
  const pages = columns.map(({ meta_data: data }) => {
    if (data === undefined) throw new RangeError('A column of a row group has no metadata')
    const start = Number(data.dictionary_page_offset ?? data.data_page_offset)
    return { start, end: start + Number(data.total_compressed_size) }
  })
  return { start: Math.min(...pages.map(({ start }) => start)), end: Math.max(...pages.map(({ end }) => end)) }
}

function movedBy(group: RowGroup, bytes: bigint): RowGroup {
  const columns = group.columns.map((column) => {
    const { meta_data: data } = column
    if (data === undefined) return column
    return {
      ...column,
      file_offset: column.file_offset + bytes,
      meta_data: {
        ...data,
        data_page_offset: data.data_page_offset + bytes,
        ...(data.dictionary_page_offset !== undefined && {
          dictionary_page_offset: data.dictionary_page_offset + bytes,
        }),
      },
    }
  })
  return { ...group, columns }
}
