import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { join } from 'node:path'
import { createGroupWriter } from '../../lib/parquet/group-writer.ts'
import { readKeyValues, type GroupedFile } from '../../lib/parquet/parquet.ts'
import { openGroups } from '../../lib/parquet/row-groups.ts'
import { columns, CONTENT, CREATED_BY, rowsOf, written } from '../support/grouped-file.ts'
import { makeTempFolder } from '../support/lakes/temp-folder.ts'
import { at, day, priceRow } from '../support/values.ts'

/** The file that replaces another with all its groups, behind one more. */
function withOneMore(bytes: Uint8Array): Uint8Array {
  const replaced = openGroups(bytes, columns)
  const writer = createGroupWriter(columns, CREATED_BY, replaced)
  writer.add({ symbol: '0', rows: rowsOf('0', 3) })
  for (const index of replaced.groups.keys()) writer.keep(index)
  return writer.finish({ table: 'a', sources: 'b' })
}

const generationIn = (bytes: Uint8Array) => readKeyValues(bytes)?.keyValues.get('generation')

/** The metadata of the groups but for where they are. */
const withoutPlaces = ({ metadata }: GroupedFile) =>
  metadata.row_groups.map((group) => ({
    ...group,
    columns: group.columns.map(({ meta_data: data, file_offset: _place, ...column }) => {
      const { data_page_offset: _data, dictionary_page_offset: dictionary, ...rest } = data ?? {}
      return { ...column, hasDictionary: dictionary !== undefined, rest }
    }),
  }))

const pagesOf = ({ groups }: GroupedFile) => groups.map((pieces) => pieces.map(({ bytes }) => Bun.hash(bytes)))

describe('a file of row groups', () => {
  test('keeps its key-values, with the number of files that it has replaced', () => {
    const bytes = written(CONTENT)
    const facts = readKeyValues(bytes)
    expect({ ...facts, keyValues: [...(facts?.keyValues ?? [])] }).toMatchObject({
      createdBy: CREATED_BY,
      keyValues: [
        ['table', 'a'],
        ['sources', 'b'],
        ['generation', '0'],
        ['floor', '393216'],
      ],
    })
    expect(generationIn(withOneMore(withOneMore(bytes)))).toBe('2')
  })

  test('may have no row, and is one all the same', () => {
    const bytes = written([])
    expect(openGroups(bytes, columns).metadata.row_groups).toEqual([])
    expect(readKeyValues(bytes)?.createdBy).toBe(CREATED_BY)
  })

  test('with a value that does not fit its column is not written', () => {
    expect(() => written([['A', rowsOf('A', 1, { volume: 0.5 })]])).toThrow()
  })

  test('keeps only groups that there are', () => {
    expect(() => createGroupWriter(columns, CREATED_BY).keep(0)).toThrow('no row group 0')
    const replaced = openGroups(written(CONTENT), columns)
    expect(() => createGroupWriter(columns, CREATED_BY, replaced).keep(3)).toThrow('no row group 3')
  })

  test('keeps the bytes of a group, and its metadata but for its place', () => {
    const [from, to] = [openGroups(written(CONTENT), columns), openGroups(withOneMore(written(CONTENT)), columns)]
    expect(withoutPlaces(to).slice(1)).toEqual(withoutPlaces(from))
    expect(pagesOf(to).slice(1)).toEqual(pagesOf(from))
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

  test('reads the same rows and the same statistics of groups that were encoded and that were kept', async () => {
    const bytes = written(CONTENT)
    const [first, second] = [await put('first.parquet', bytes), await put('second.parquet', withOneMore(bytes))]
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
    const path = await put('long.parquet', withOneMore(written(CONTENT)))
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
