// A Parquet file as two readers see it, as JSON: DuckDB, which goes by the position of the columns, and hyparquet, which
// goes by their names. What the two agree on is what a file holds.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBDateValue, DuckDBInstance } from '@duckdb/node-api'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { dateOfDay } from '../../lib/core/dates.ts'
import { makeTempFolder } from '../support/lakes/temp-folder.ts'

/** A value as JSON can hold it exactly: 64-bit numbers and instants as texts, minus zero as one too. */
type Plain = string | number | boolean | null

export type Reading = {
  readonly schema: readonly Readonly<Record<string, Plain>>[]
  readonly rows: readonly Readonly<Record<string, Plain>>[]
  readonly keyValues: Readonly<Record<string, string>>
  readonly file: Readonly<Record<string, Plain>>
  readonly chunks: readonly Readonly<Record<string, Plain>>[]
}

/** What a golden says of a file: all that DuckDB reads, one value a line. */
export async function goldenText(bytes: Uint8Array): Promise<string> {
  const text = JSON.stringify(await readByDuckDb(bytes), undefined, 2)
  // As the formatter writes large numbers.
  return `${text.replaceAll(/(?<=\d)e\+(?=\d)/g, 'e')}\n`
}

/** The file by DuckDB: schema, rows, key-value metadata, the file's own facts, and each column's chunk. */
async function readByDuckDb(bytes: Uint8Array): Promise<Reading> {
  const folder = await makeTempFolder()
  const path = join(folder.path, 'golden.parquet')
  await Bun.write(path, bytes)
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  const query = async (sql: string) => {
    const reader = await connection.runAndReadAll(sql.replaceAll('FILE', `'${path}'`))
    return reader.getRowObjects().map((row) => plainRow(row))
  }
  try {
    await connection.run("SET TimeZone = 'UTC'")
    const schema = await query(
      `SELECT name, type, repetition_type, converted_type, logical_type, num_children FROM parquet_schema(FILE)`,
    )
    const keyValues = await query('SELECT decode(key) AS key, decode(value) AS value FROM parquet_kv_metadata(FILE)')
    const [file = {}] = await query('SELECT created_by, num_rows, num_row_groups FROM parquet_file_metadata(FILE)')
    return {
      schema,
      rows: await query('SELECT * REPLACE (epoch_us(ingest_ts) AS ingest_ts) FROM read_parquet(FILE)'),
      keyValues: Object.fromEntries(keyValues.map(({ key, value }) => [String(key), String(value)])),
      file,
      chunks: await query(
        `SELECT path_in_schema, type, compression, num_values, stats_null_count, stats_min_value, stats_max_value
         FROM parquet_metadata(FILE) ORDER BY row_group_id, column_id`,
      ),
    }
  } finally {
    connection.closeSync()
    instance.closeSync()
    await rm(folder.path, { recursive: true })
  }
}

/** Rows, key-value metadata and the file's own facts by hyparquet. */
export async function readByHyparquet(bytes: Uint8Array): Promise<Pick<Reading, 'rows' | 'keyValues' | 'file'>> {
  const buffer = Uint8Array.from(bytes).buffer
  const metadata = parquetMetadata(buffer)
  const parsers = {
    dateFromDays: (days: number) => dateOfDay(days),
    timestampFromMicroseconds: (micros: bigint) => micros,
  }
  const rows = await parquetReadObjects({ file: buffer, parsers })
  return {
    rows: rows.map((row) => plainRow(row)),
    keyValues: Object.fromEntries((metadata.key_value_metadata ?? []).map(({ key, value }) => [key, value ?? ''])),
    file: {
      created_by: metadata.created_by ?? null,
      num_rows: String(metadata.num_rows),
      num_row_groups: String(metadata.row_groups.length),
    },
  }
}

function plainRow(row: Readonly<Record<string, unknown>>): Record<string, Plain> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]))
}

function plain(value: unknown): Plain {
  if (value === null || value === undefined) return null
  if (Object.is(value, -0)) return '-0'
  if (typeof value === 'number' || typeof value === 'boolean') return value
  if (value instanceof DuckDBDateValue) return value.toString()
  if (typeof value === 'string' || typeof value === 'bigint') return String(value)
  throw new TypeError(`A value that no golden holds: ${Bun.inspect(value)}`)
}
