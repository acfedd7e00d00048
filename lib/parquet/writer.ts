// Rows to Parquet bytes. The same rows at the same instant give the same bytes.

import { parquetWriteBuffer } from 'hyparquet-writer'
import { CREATOR } from '../core/config.ts'
import { INGEST_TS, type Column, type Row } from '../core/dataset.ts'
import { dayNumber, type IsoDate } from '../core/dates.ts'
import { schemaOf } from './facts.ts'
import { rowsSha256, type EncodedFile, type FileContent, type FileDraft, type FileSettings } from './parquet.ts'

/** Hashes and encodes the rows of one file. Throws if a value does not fit its column. */
export function encodeFile(draft: FileDraft, { columns, ...settings }: FileSettings): EncodedFile {
  const sha = rowsSha256(columns, draft.rows)
  return { sha, bytes: encodeParquet({ ...settings, ...draft, columns, rowsSha256: sha }) }
}

/**
 * One row group, SNAPPY, statistics on. Columns are in the order of the schema, because readers go by position. Throws if a
 * value does not fit its column, and if there are no rows, because some readers cannot open an empty file.
 */
export function encodeParquet(content: FileContent): Uint8Array {
  const { columns, rows, asked } = content
  if (rows.length === 0) throw new RangeError('A Parquet file needs at least one row')
  const kvMetadata = [{ key: 'rows-sha256', value: content.rowsSha256 }]
  if (asked !== undefined) kvMetadata.push({ key: 'asked', value: `${asked.from}..${asked.to}` })
  const carried = content.carried ?? []
  if (carried.length > 0) {
    kvMetadata.push({ key: 'carried', value: carried.map(({ from, to }) => `${from}..${to}`).join(',') })
  }
  if (content.carriedBy !== undefined) kvMetadata.push({ key: 'carried-by', value: content.carriedBy })
  if (content.note !== undefined) kvMetadata.push({ key: 'note', value: content.note })
  const buffer = parquetWriteBuffer({
    schema: schemaOf(columns),
    columnData: columns.map((column) => ({
      name: column.name,
      data: columnValues(column, rows, () => content.ingestMs),
    })),
    codec: 'SNAPPY',
    statistics: true,
    rowGroupSize: rows.length,
    kvMetadata,
    createdBy: `${content.creator ?? CREATOR} version ${content.version}`,
  })
  return new Uint8Array(buffer)
}

/** The values of a column as the library takes them. `ingestMs` gives the instant of a row by its position. */
export function columnValues(column: Column, rows: readonly Row[], ingestMs: (index: number) => number): unknown[] {
  const { name, type } = column
  if (name === INGEST_TS.name) return rows.map((_row, index) => microsOf(ingestMs(index)))
  switch (type) {
    case 'instant':
      return rows.map((row) => (typeof row[name] === 'string' ? microsOf(Date.parse(row[name])) : null))
    case 'date':
      return rows.map((row) => (typeof row[name] === 'string' ? dayNumber(row[name] as IsoDate) : null))
    case 'int64':
      return rows.map((row) => (typeof row[name] === 'number' ? BigInt(row[name]) : null))
    default:
      return rows.map((row) => row[name])
  }
}

function microsOf(ms: number): bigint {
  return BigInt(ms) * 1000n
}
