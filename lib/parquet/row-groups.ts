// Files of many row groups, each with the rows of a few symbols, read group by group. Writing them is in group-writer.ts.

import { parquetMetadata, type ColumnChunk, type ColumnMetaData, type FileMetaData, type RowGroup } from 'hyparquet'
import type { Column } from '../core/dataset.ts'
import type { StampedRow } from './parquet.ts'
import { readColumns, type NamedChunk } from './columns.ts'
import { schemaProblemOf } from './facts.ts'
import { gapsBetween, type Placed } from './free-space.ts'
import { stampedRows } from './reader.ts'

/** All rows of one symbol in a file, in the file's order. */
export type SymbolRows = { readonly symbol: string; readonly rows: readonly StampedRow[] }

/** A file with its row groups. No symbol stands in two of them. */
export type GroupedFile = {
  readonly bytes: Uint8Array
  readonly metadata: FileMetaData
  /** The columns of each group. */
  readonly groups: readonly (readonly Piece[])[]
  /** The footer with all that comes behind it. */
  readonly end: Placed
}

/** The pages of a column in a group. */
export type Piece = Placed & { readonly chunk: ColumnChunk }

/** The magic number and the length of the footer, behind it. */
const TRAILER_BYTES = 8

/**
 * The groups of a whole file. Throws if the bytes are no such file, if it has other columns than these, or if its groups are
 * not one beside the other before its footer.
 */
export function openGroups(bytes: Uint8Array, columns: readonly Column[]): GroupedFile {
  const metadata = parquetMetadata(bytes)
  const problem = schemaProblemOf(metadata, columns)
  if (problem !== undefined) throw new RangeError(problem)
  const start = bytes.byteLength - metadata.metadata_length - TRAILER_BYTES
  const groups = metadata.row_groups.map((group) => piecesOf(group, bytes.subarray(0, start)))
  gapsBetween(groups.flat())
  return { bytes, metadata, groups, end: { start, bytes: bytes.subarray(start) } }
}

/** The columns of a group. Throws a RangeError if the bytes end before them. */
export function piecesOf({ columns }: RowGroup, bytes: Uint8Array): readonly Piece[] {
  return columns.map((chunk) => {
    const { meta_data: data } = chunk
    if (data === undefined) throw new RangeError('A column of a row group has no metadata')
    const start = startOf(data)
    const end = start + Number(data.total_compressed_size)
    if (!(start > 0 && end >= start && end <= bytes.byteLength)) {
      throw new RangeError('A column of a row group is not in its place in the file')
    }
    return { start, bytes: bytes.subarray(start, end), chunk }
  })
}

function startOf(data: ColumnMetaData): number {
  return Number(data.dictionary_page_offset ?? data.data_page_offset)
}

/** The rows of one group, symbol by symbol. Throws an Error if they cannot be decoded. */
export function readGroup(
  { bytes, metadata }: GroupedFile,
  index: number,
  columns: readonly Column[],
): readonly SymbolRows[] {
  const group = metadata.row_groups[index]
  if (group === undefined) throw new RangeError(`There is no row group ${index}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [rows, chunks] = [Number(group.num_rows), group.columns.map(chunkOf)]
  const bySymbol: { symbol: string; rows: StampedRow[] }[] = []
  for (const stamped of stampedRows(readColumns(view, { rows, chunks }), columns)) {
    const symbol = String(stamped.row['symbol'])
    const last = bySymbol.at(-1)
    if (last?.symbol === symbol) last.rows.push(stamped)
    else bySymbol.push({ symbol, rows: [stamped] })
  }
  return bySymbol
}

/** By their place in Type of apache/parquet-format. */
const TYPES = ['BOOLEAN', 'INT32', 'INT64', 'INT96', 'FLOAT', 'DOUBLE', 'BYTE_ARRAY']

function chunkOf({ meta_data: data }: RowGroup['columns'][number]): NamedChunk {
  if (data?.codec !== 'ZSTD') throw new RangeError('A column of a row group has another compression')
  return {
    name: data.path_in_schema.join('.'),
    type: TYPES.indexOf(data.type),
    codec: data.codec,
    start: startOf(data),
    bytes: Number(data.total_compressed_size),
  }
}
