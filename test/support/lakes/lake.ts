// A lake as a reader of it sees it, in a folder or in the fake S3 server: keys, bytes, rows, footers. Rows are read by
// DuckDB, because the library that wrote them would not see a mistake of its own.

import { mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { DuckDBInstance } from '@duckdb/node-api'
import { parquetMetadata } from 'hyparquet'
import type { FakeS3 } from '../servers/fake-s3.ts'
import { makeTempFolder } from './temp-folder.ts'
import { STATEMENTS } from '../../../lib/datasets/datasets.ts'
import { LOCK_NAME } from '../../../lib/store/folder/temp-files.ts'
import type { Bar } from '../bars.ts'

/** Where a run stores, seen from outside. Keys are relative, as in the design's layout. */
export type Lake = {
  /** For --out. */
  readonly out: string
  /** All of them, sorted, temporary files included. */
  keys(): Promise<string[]>
  bytes(key: string): Promise<Uint8Array>
  put(key: string, bytes: Uint8Array): Promise<void>
  remove(key: string): Promise<void>
}

/** A row of a price file; `ingestTs` is in milliseconds. */
export type StoredRow = Omit<Bar, 'date'> & {
  readonly key: string
  readonly symbol: string
  readonly date: string
  readonly ingestTs: number
}

export function folderLake(folder: string): Lake {
  return {
    out: folder,
    async keys() {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
      // The lock of all processes stays for the next one.
      const files = entries.filter((entry) => entry.isFile() && entry.name !== LOCK_NAME)
      return files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1)).toSorted()
    },
    bytes: async (key) => await Bun.file(join(folder, key)).bytes(),
    put: async (key, bytes) => void (await Bun.write(join(folder, key), bytes)),
    remove: async (key) => await rm(join(folder, key)),
  }
}

export function s3Lake(s3: FakeS3): Lake {
  return {
    out: `s3://${s3.bucket}`,
    keys: async () => [...s3.objects.keys()].toSorted(),
    async bytes(key) {
      const object = s3.objects.get(key)
      if (object === undefined) throw new Error(`There is no ${key} in the bucket.`)
      return object.bytes
    },
    put: async (key, bytes) => s3.put(key, bytes),
    remove: async (key) => void s3.objects.delete(key),
  }
}

/** A row of a statement's file. */
export type StoredReport = {
  readonly key: string
  readonly symbol: string
  readonly date: string
  readonly period: string
  /** In the order of the statement's columns. */
  readonly amounts: readonly (number | null)[]
}

/** Whether a key is one of prices or statements, not of what a run says of itself. */
export function isDataKey(key: string): boolean {
  return key.includes('/symbol=')
}

/** The keys of price files. */
export async function priceKeys(lake: Lake): Promise<string[]> {
  return (await lake.keys()).filter((key) => key.includes('prices/symbol='))
}

/** Every price file's bytes by key, as text, to compare two states of a lake. */
export async function priceFiles(lake: Lake): Promise<Record<string, string>> {
  const keys = await priceKeys(lake)
  return Object.fromEntries(
    await Promise.all(keys.map(async (key) => [key, Buffer.from(await lake.bytes(key)).toString('base64')] as const)),
  )
}

const ROWS_SQL = `
  SELECT symbol, date::VARCHAR AS date, open, high, low, close, adjClose, volume,
    epoch_ms(ingest_ts) AS ingest_ms, filename, file_row_number
  FROM read_parquet($files, hive_partitioning = false, filename = true, file_row_number = true)
  ORDER BY filename, file_row_number`

/** The rows of all price files whose key holds `part`, file by file, in file order. */
export async function readRows(lake: Lake, part = ''): Promise<StoredRow[]> {
  const keys = (await priceKeys(lake)).filter((key) => key.includes(part))
  if (keys.length === 0) return []
  return await withLocalCopy(lake, keys, async (folder) => {
    const rows = await query(ROWS_SQL.replace('$files', sqlList(keys.map((key) => join(folder, key)))))
    return rows.map((row) => toStoredRow(row, folder))
  })
}

/** The rows of all files of statements, with all their amounts. */
export async function readReports(lake: Lake): Promise<StoredReport[]> {
  const all = await lake.keys()
  const reports = STATEMENTS.map(async ({ name, amounts }) => {
    const keys = all.filter((key) => key.includes(`/type=${name}/symbol=`))
    if (keys.length === 0) return []
    return await withLocalCopy(lake, keys, async (folder) => {
      const rows = await query(`
        SELECT filename, symbol, date::VARCHAR AS date, period, [${amounts.join(', ')}] AS amounts
        FROM read_parquet(${sqlList(keys.map((key) => join(folder, key)))}, hive_partitioning = false, filename = true)`)
      return rows.map(({ filename, ...row }) => ({ ...row, key: String(filename).slice(folder.length + 1) }))
    })
  })
  return (await Promise.all(reports)).flat() as unknown as StoredReport[]
}

/** The columns of a price file as DuckDB and the footer tell them: name, DuckDB's type, nullable. */
export async function describeFile(lake: Lake, key: string): Promise<string[]> {
  const { schema } = await readFooter(lake, key)
  return await withLocalCopy(lake, [key], async (folder) => {
    const rows = await query(
      `DESCRIBE SELECT * FROM read_parquet(${sqlList([join(folder, key)])}, hive_partitioning = false)`,
    )
    return rows.map(({ column_name: name, column_type: type }) => {
      const element = schema.find((candidate) => candidate.name === name)
      return `${String(name)} ${String(type)}${element?.repetition_type === 'REQUIRED' ? ' NOT NULL' : ''}`
    })
  })
}

/** What a file's footer says. */
export async function readFooter(lake: Lake, key: string) {
  const bytes = await lake.bytes(key)
  const metadata = parquetMetadata(bytes.slice().buffer)
  const facts = new Map(metadata.key_value_metadata?.map((fact) => [fact.key, fact.value]))
  return {
    createdBy: metadata.created_by ?? '',
    rows: Number(metadata.num_rows),
    rowGroups: metadata.row_groups.length,
    codecs: new Set(metadata.row_groups.flatMap(({ columns }) => columns.map((chunk) => chunk.meta_data?.codec))),
    schema: metadata.schema,
    asked: facts.get('asked'),
    rowsSha256: facts.get('rows-sha256'),
  }
}

/** `asked` of every year file, by `SYMBOL YEAR`. */
export async function askedOf(lake: Lake): Promise<Record<string, string | undefined>> {
  const keys = (await priceKeys(lake)).filter((key) => /-\d{4}\.parquet$/.test(key))
  const entries = keys.map(async (key) => {
    const [, symbol, year] = /symbol=([^/]+)\/year=(\d{4})\//.exec(key) ?? []
    return [`${symbol} ${year}`, (await readFooter(lake, key)).asked] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}

/** A Parquet file that this program did not write. */
export async function foreignParquet(): Promise<Uint8Array> {
  await using temp = await disposableFolder()
  const path = join(temp.path, 'foreign.parquet')
  await query(
    `COPY (SELECT 'AAPL' AS symbol, DATE '2022-01-03' AS date, now() AS ingest_ts) TO '${path}' (FORMAT parquet)`,
  )
  return await Bun.file(path).bytes()
}

/** A temporary folder that goes away with its scope. */
export async function disposableFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const { path, remove } = await makeTempFolder()
  return { path, [Symbol.asyncDispose]: remove }
}

async function withLocalCopy<T>(lake: Lake, keys: readonly string[], read: (folder: string) => Promise<T>): Promise<T> {
  if (!lake.out.startsWith('s3://')) return await read(lake.out)
  await using temp = await disposableFolder()
  for (const key of keys) {
    await mkdir(dirname(join(temp.path, key)), { recursive: true })
    await Bun.write(join(temp.path, key), await lake.bytes(key))
  }
  return await read(temp.path)
}

let database: Promise<DuckDBInstance> | undefined

async function query(sql: string): Promise<Record<string, unknown>[]> {
  // Loaded when used: it takes longer than many a test.
  database ??= import('@duckdb/node-api').then(({ DuckDBInstance: duckdb }) => duckdb.create())
  const connection = await (await database).connect()
  try {
    const reader = await connection.runAndReadAll(sql)
    return reader.getRowObjectsJS()
  } finally {
    connection.closeSync()
  }
}

function sqlList(paths: readonly string[]): string {
  return `[${paths.map((path) => `'${path.replaceAll("'", "''")}'`).join(', ')}]`
}

function toStoredRow(row: Record<string, unknown>, folder: string): StoredRow {
  const number = (name: string) => (row[name] === null ? null : Number(row[name]))
  return {
    key: String(row['filename']).slice(folder.length + 1),
    symbol: String(row['symbol']),
    date: String(row['date']),
    open: number('open'),
    high: number('high'),
    low: number('low'),
    close: number('close'),
    adjClose: number('adjClose'),
    volume: number('volume'),
    ingestTs: Number(row['ingest_ms']),
  }
}
