import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { join } from 'node:path'
import { createGroupWriter } from '../../lib/parquet/group-writer.ts'
import { readKeyValues, type GroupedFile } from '../../lib/parquet/parquet.ts'
import { openGroups, readGroup } from '../../lib/parquet/row-groups.ts'
import { columns, CONTENT, CREATED_BY, rowsOf, written, type Content } from '../support/grouped-file.ts'
import { makeTempFolder } from '../support/lakes/temp-folder.ts'
import { forRandomRuns, oneOf, wholeBetween, type Random } from '../support/random.ts'
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

type Generation = { readonly bytes: Uint8Array; readonly file: GroupedFile; readonly content: Content }

function generationOf(content: Content): Generation {
  const bytes = written(content)
  return { bytes, file: openGroups(bytes, columns), content }
}

const begin = (random: Random) => generationOf(changed([], random, 0))

/** So many days of 300 symbols. */
function monthOf(days: number): Content {
  return Array.from({ length: 300 }, (_, index) => {
    const symbol = `S${String(index).padStart(3, '0')}`
    return [symbol, rowsOf(symbol, days, { close: index / 7 + days })]
  })
}

/** A content with some symbols changed, some gone and some new. */
function changed(content: Content, random: Random, step: number): Content {
  const next = new Map(content)
  for (let count = oneOf(random, [0, 1, 1, 3, 12]); count > 0; count -= 1) {
    const symbol = `S${String(wholeBetween(random, 0, 11)).padStart(2, '0')}`
    if (random() < 0.2) next.delete(symbol)
    // Often the same number of rows: equal sizes are what a reader with an old footer could take for its own.
    else next.set(symbol, rowsOf(symbol, oneOf(random, [40, 40, 40, 2_600]), { close: step, open: 1 / (step + 1) }))
  }
  return [...next].toSorted(bySymbol)
}

/** Replaces the file: groups of which nothing has changed are kept. */
function replace({ file, content: old }: Generation, content: Content): Generation {
  const groups = file.groups.map((_pieces, index) => readGroup(file, index, columns).map(({ symbol }) => symbol))
  const [before, after] = [new Map(old), new Map(content)]
  const isKept = (symbols: readonly string[]) => symbols.every((symbol) => before.get(symbol) === after.get(symbol))
  const writer = createGroupWriter(columns, CREATED_BY, file)
  const kept = new Map(groups.flatMap((symbols, index) => (isKept(symbols) ? [[symbols[0], index] as const] : [])))
  const ofKept = new Set([...kept.values()].flatMap((index) => groups[index] ?? []))
  for (const [symbol, rows] of content) {
    const group = kept.get(symbol)
    if (group !== undefined) writer.keep(group)
    else if (!ofKept.has(symbol)) writer.add({ symbol, rows })
  }
  const bytes = writer.finish({ table: 'a', sources: 'b' })
  return { bytes, file: openGroups(bytes, columns), content }
}

/** The rows that a reader finds who has the footer of one file and the bytes of another. */
function readBy(footerOf: GroupedFile, bytes: Uint8Array): Content {
  const file = { ...footerOf, bytes }
  return footerOf.metadata.row_groups
    .flatMap((_group, index) => readGroup(file, index, columns).map(({ symbol, rows }) => [symbol, rows] as const))
    .toSorted(bySymbol)
}

const bySymbol = ([a]: Content[number], [b]: Content[number]) => (a < b ? -1 : 1)

const startsOf = ({ groups }: GroupedFile) => groups.flat().map(({ start }) => start)

function isLong({ bytes, file: { groups, end } }: Generation): boolean {
  return bytes.byteLength > 6 * [...groups.flat(), end].reduce((sum, piece) => sum + piece.bytes.byteLength, 0)
}

describe('a file that replaces another', () => {
  test('gives a reader with the old footer the old rows, and one with the old length the old file', async () => {
    await forRandomRuns('generations of a file', 3, async (random) => {
      let last: Generation = begin(random)
      let [long, made] = [0, 0]
      for (let step = 1; step <= 30; step += 1) {
        const next = replace(last, changed(last.content, random, step))
        expect(readBy(next.file, next.bytes)).toEqual(next.content)
        expect(readBy(last.file, next.bytes)).toEqual(last.content)
        // Where the file has become six times as long as what is in it, its footer need not stay.
        if (isLong(last)) long += 1
        else {
          const front = next.bytes.subarray(0, last.bytes.byteLength)
          expect(readBy(openGroups(front, columns), front)).toEqual(last.content)
        }
        made += 1
        last = next
      }
      expect(long).toBeLessThan(made / 4)
    })
  })

  test('gives a reader with an older footer an error, or the rows of that footer', async () => {
    await forRandomRuns('older generations of a file', 3, async (random) => {
      const generations: Generation[] = [begin(random)]
      for (let step = 1; step <= 24; step += 1) {
        const last = generations.at(-1)
        if (last !== undefined) generations.push(replace(last, changed(last.content, random, step)))
      }
      const newest = generations.at(-1)
      let errors = 0
      for (const { file, content } of generations) {
        let found: Content | undefined
        try {
          found = newest && readBy(file, newest.bytes)
        } catch {
          errors += 1
          continue
        }
        expect(found).toEqual(content)
      }
      expect(errors).toBeGreaterThan(0)
    })
  })

  test('has no column where one of an older file was, unless it is that one', async () => {
    await forRandomRuns('columns of generations', 3, async (random) => {
      const found = new Map<number, number | bigint>()
      let last = begin(random)
      for (let step = 1; step <= 60; step += 1) {
        for (const { start, bytes } of last.file.groups.flat()) {
          const hash = Bun.hash(bytes)
          expect(found.get(start) ?? hash).toBe(hash)
          found.set(start, hash)
        }
        last = replace(last, changed(last.content, random, step))
      }
    })
  })

  test('keeps a group in its place where there is no room before it, and else moves it there', () => {
    const both = generationOf([
      ['A', rowsOf('A', 6_000)],
      ['B', rowsOf('B', 5_000)],
    ])
    const alone = both.content.slice(1)
    const first = replace(both, alone)
    expect(startsOf(first.file)).toEqual(startsOf(both.file).slice(columns.length))
    const second = replace(first, alone)
    expect(Math.max(...startsOf(second.file))).toBeLessThan(Math.min(...startsOf(first.file)))
    expect(startsOf(replace(second, alone).file)).toEqual(startsOf(second.file))
  })

  test('does not grow without end, and is made short again when little of it is in use', () => {
    let last = generationOf(monthOf(1))
    const ratios: number[] = []
    for (let session = 2; session <= 23; session += 1) {
      last = replace(last, monthOf(session))
      ratios.push(last.bytes.byteLength / written(monthOf(session)).byteLength)
    }
    expect(Math.max(...ratios)).toBeLessThan(7)
    const few = last.content.slice(0, 3)
    for (let step = 0; step < 4; step += 1) last = replace(last, few)
    expect(last.bytes.byteLength).toBeLessThan(7 * written(few).byteLength)
    expect(Math.max(...startsOf(last.file))).toBeLessThan(2 * written(few).byteLength)
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
