import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { join } from 'node:path'
import { INGEST_TS, type Column, type Row } from '../../lib/core/dataset.ts'
import { readKeyValues, type StampedRow } from '../../lib/parquet/parquet.ts'
import { createGroupWriter, openGroups, readGroup } from '../../lib/parquet/row-groups.ts'
import { makeTempFolder } from '../support/lakes/temp-folder.ts'
import { at, day, priceRow, prices } from '../support/values.ts'

const { columns } = prices()
const CREATOR = 'fmp-ingest version 1.2.3'

/** Symbols that readers have taken for something else, and long ones with equal beginnings; in their order. */
const ODD = ['BRK-B', 'M&M.NS', 'NA', 'OPTION250117C00150000', 'OPTION250117C00160000', 'TRUE', '^GSPC']

function rowsOf(symbol: string, count: number, changes: Partial<Row> = {}): readonly StampedRow[] {
  return Array.from({ length: count }, (_, index) => {
    const date = new Date(Date.UTC(1999, 0, 4 + index)).toISOString().slice(0, 10)
    const row = priceRow(date, { symbol, close: index / 7, ...changes })
    return { row, ingestMs: at('2024-09-16T12:00:00.123Z') + index }
  })
}

type Content = readonly (readonly [symbol: string, rows: readonly StampedRow[]])[]

function written(content: Content, own: readonly Column[] = columns): Uint8Array {
  const writer = createGroupWriter(own, CREATOR)
  for (const [symbol, rows] of content) writer.add({ symbol, rows })
  return writer.finish({ table: 'a', sources: 'b' })
}

/** The file with the bytes of all its groups copied, behind one more group. */
function moved(bytes: Uint8Array, own: readonly Column[] = columns): Uint8Array {
  const file = openGroups(bytes, own)
  const writer = createGroupWriter(own, CREATOR)
  writer.add({ symbol: '0', rows: rowsOf('0', 3) })
  for (const group of file.metadata.row_groups) writer.copy(file, group)
  return writer.finish({ table: 'a', sources: 'b' })
}

const CONTENT: Content = [
  ['BRK-B', rowsOf('BRK-B', 3)],
  ['M&M.NS', rowsOf('M&M.NS', 5_000, { adjClose: null, volume: null })],
  ['NA', rowsOf('NA', 2, { volume: 2 ** 53 - 1, close: -0 })],
  ['OPTION250117C00150000', rowsOf('OPTION250117C00150000', 4_999)],
  ['OPTION250117C00160000', rowsOf('OPTION250117C00160000', 1, { open: null })],
  ['TRUE', rowsOf('TRUE', 1)],
  ['^GSPC', rowsOf('^GSPC', 2, { close: 1e-300 })],
]

describe('a file of row groups', () => {
  test('gives back every row of every symbol, cut into groups at symbols only', async () => {
    const file = openGroups(written(CONTENT), columns)
    const read = await Promise.all(
      file.metadata.row_groups.map(async (_group, index) => await readGroup(file, index, columns)),
    )
    expect(read.map((group) => group.map(({ symbol }) => symbol))).toEqual([
      ODD.slice(0, 2),
      ODD.slice(2, 4),
      ODD.slice(4),
    ])
    expect(read.flat().map(({ symbol, rows }) => [symbol, rows])).toEqual(
      CONTENT.map(([symbol, rows]) => [symbol, rows]),
    )
    expect(file.metadata.row_groups.map(({ num_rows: rows }) => Number(rows))).toEqual([5_003, 5_001, 4])
  })

  test('keeps its key-values', () => {
    const entries = [
      ['table', 'a'],
      ['sources', 'b'],
    ]
    const facts = readKeyValues(written(CONTENT))
    expect({ ...facts, keyValues: [...(facts?.keyValues ?? [])] }).toMatchObject({
      createdBy: CREATOR,
      keyValues: entries,
    })
  })

  test('may have no row, and is one all the same', () => {
    const bytes = written([])
    expect(openGroups(bytes, columns).metadata.row_groups).toEqual([])
    expect(readKeyValues(bytes)?.createdBy).toBe(CREATOR)
  })

  test('copied is the bytes of its groups, and their metadata but for their place', () => {
    const bytes = written(CONTENT)
    const [from, to] = [openGroups(bytes, columns), openGroups(moved(bytes), columns)]
    const bare = (groups: typeof from.metadata.row_groups) =>
      groups.map((group) => ({
        ...group,
        columns: group.columns.map(({ meta_data: data, file_offset: _place, ...column }) => {
          const { data_page_offset: _data, dictionary_page_offset: dictionary, ...rest } = data ?? {}
          return { ...column, hasDictionary: dictionary !== undefined, rest }
        }),
      }))
    expect(bare(to.metadata.row_groups.slice(1))).toEqual(bare(from.metadata.row_groups))
    const pagesOf = ({ bytes: all, metadata }: typeof from) =>
      metadata.row_groups.flatMap(({ columns: chunks }) =>
        chunks.map(({ meta_data: data }) => {
          const start = Number(data?.dictionary_page_offset ?? data?.data_page_offset)
          return Bun.hash(all.subarray(start, start + Number(data?.total_compressed_size)))
        }),
      )
    expect(pagesOf(to).slice(columns.length)).toEqual(pagesOf(from))
  })

  test('that is none, has other columns or says more than it has is refused', () => {
    const bytes = written(CONTENT)
    expect(() => openGroups(bytes.subarray(0, -1), columns)).toThrow()
    const others = [...columns.slice(0, -1), { name: 'vwap', type: 'double', isNullable: true } as const, INGEST_TS]
    expect(() => openGroups(bytes, others)).toThrow('column 0 is root 9 and must be root 10')
    const file = openGroups(bytes, columns)
    const [group] = file.metadata.row_groups
    if (group === undefined) throw new Error('It has groups')
    const short = { ...file, bytes: file.bytes.subarray(0, 100) }
    expect(() => createGroupWriter(columns, CREATOR).copy(short, group)).toThrow('do not fill its place')
    expect(() => readGroup(short, 0, columns)).toThrow()
    expect(() => readGroup(file, 3, columns)).toThrow('no row group 3')
  })

  test('with a value that does not fit its column is not written', () => {
    expect(() => written([['A', rowsOf('A', 1, { volume: 0.5 })]])).toThrow()
  })
})

const rows = (path: string) => `SELECT * FROM '${path}' WHERE symbol <> '0'`

describe('DuckDB', () => {
  let duckdb: DuckDBConnection
  let temp: Awaited<ReturnType<typeof makeTempFolder>>
  beforeAll(async () => {
    duckdb = await (await DuckDBInstance.create()).connect()
    await duckdb.run("SET TimeZone = 'UTC'")
    temp = await makeTempFolder()
  })
  afterAll(async () => {
    duckdb.closeSync()
    await temp.remove()
  })

  async function put(name: string, bytes: Uint8Array): Promise<string> {
    const path = join(temp.path, name)
    await Bun.write(path, bytes)
    return path
  }
  const query = async (sql: string) => (await duckdb.runAndReadAll(sql)).getRowObjectsJson()

  test('reads the same rows and the same statistics of groups that were encoded and that were copied', async () => {
    const bytes = written(CONTENT)
    const [first, second] = [await put('first.parquet', bytes), await put('second.parquet', moved(bytes))]
    const [total] = await query(`SELECT count(*) AS n FROM '${first}'`)
    expect(total).toEqual({ n: '10008' })
    expect(
      await query(`(${rows(first)} EXCEPT ALL ${rows(second)}) UNION ALL (${rows(second)} EXCEPT ALL ${rows(first)})`),
    ).toEqual([])
    const statistics = (path: string, skipped: number) =>
      query(
        `SELECT row_group_id - ${skipped} AS id, path_in_schema, num_values, stats_min_value, stats_max_value, stats_null_count,
           compression, encodings, total_compressed_size
         FROM parquet_metadata('${path}') WHERE row_group_id >= ${skipped} ORDER BY 1, column_id`,
      )
    expect(await statistics(second, 1)).toEqual(await statistics(first, 0))
    expect(
      await query(`SELECT symbol, count(*) AS n, count(volume) AS volumes FROM '${first}' GROUP BY 1 ORDER BY 1`),
    ).toEqual(
      CONTENT.map(([symbol, ofSymbol]) => ({
        symbol,
        n: String(ofSymbol.length),
        volumes: String(symbol === 'M&M.NS' ? 0 : ofSymbol.length),
      })),
    )
  })

  test('reads one of several symbols with an equal beginning, by statistics that are cut short', async () => {
    const path = await put('long.parquet', moved(written(CONTENT)))
    const [found] = await query(`SELECT count(*) AS n FROM '${path}' WHERE symbol = 'OPTION250117C00160000'`)
    expect(found).toEqual({ n: '1' })
  })

  test('reads a table of which one file has no row', async () => {
    await put('none/a.parquet', written([]))
    await put(
      'none/b.parquet',
      written([['A', [{ row: priceRow('2024-01-02', { symbol: 'A' }), ingestMs: at('2024-01-03T12:00:00Z') }]]]),
    )
    expect(await query(`SELECT symbol, date, ingest_ts FROM '${join(temp.path, 'none')}/*.parquet'`)).toEqual([
      { symbol: 'A', date: day('2024-01-02'), ingest_ts: '2024-01-03 12:00:00+00' },
    ])
  })
})
