import { describe, expect, test } from 'bun:test'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import { schemaOf } from '../../lib/parquet/facts.ts'
import { createGroupWriter } from '../../lib/parquet/group-writer.ts'
import type { GroupedFile, StampedRow } from '../../lib/parquet/parquet.ts'
import { openGroups, readGroup } from '../../lib/parquet/row-groups.ts'
import { columnValues } from '../../lib/parquet/writer.ts'
import { columns, CREATED_BY, rowsOf, written, type Content } from '../support/grouped-file.ts'
import { forRandomRuns, oneOf, seededRandom, wholeBetween, type Random } from '../support/random.ts'

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

describe('a file that replaces another', () => {
  test('gives a reader with the old footer the old rows, and one with the old length the old file', async () => {
    await forRandomRuns('generations of a file', 3, async (random) => {
      let last: Generation = begin(random)
      for (let step = 1; step <= 30; step += 1) {
        const next = replace(last, changed(last.content, random, step))
        expect(readBy(next.file, next.bytes)).toEqual(next.content)
        expect(readBy(last.file, next.bytes)).toEqual(last.content)
        const front = next.bytes.subarray(0, last.bytes.byteLength)
        expect(readBy(openGroups(front, columns), front)).toEqual(last.content)
        last = next
      }
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

  test('has the middle of each group in the length of every file before it', async () => {
    await forRandomRuns('middles of groups', 3, async (random) => {
      let last = begin(random)
      let shortest = last.bytes.byteLength
      for (let step = 1; step <= 60; step += 1) {
        last = replace(last, changed(last.content, random, step))
        expect(Math.max(0, ...middlesOf(last.file))).toBeLessThan(shortest)
        shortest = Math.min(shortest, last.bytes.byteLength)
      }
    })
  })

  test('has it there over a month of many symbols too', () => {
    let last = generationOf(monthOf(1))
    let shortest = last.bytes.byteLength
    for (let session = 2; session <= 23; session += 1) {
      last = replace(last, monthOf(session))
      expect(Math.max(...middlesOf(last.file))).toBeLessThan(shortest)
      shortest = Math.min(shortest, last.bytes.byteLength)
    }
    expect(last.file.groups.length).toBeGreaterThan(1)
  })

  test('takes a file of packed groups for one without a floor, and puts them where they belong', () => {
    const content: Content = ['A', 'B', 'C', 'D'].map((symbol) => [symbol, noiseOf(symbol, 5_000)])
    const packed = openGroups(packedFile(content), columns)
    const next = replace({ bytes: packed.bytes, file: packed, content }, content)
    expect(readBy(packed, next.bytes)).toEqual(content)
    expect(readBy(next.file, next.bytes)).toEqual(content)
    expect(Math.max(...middlesOf(next.file))).toBeLessThan(floorOf(next.file))
  })

  test.each(['1e15', '9007199254740991', '1000000000', '396000', '-1', 'NaN', '', '1.5'])(
    'takes a floor of "%s", which its file cannot have, for none',
    (value) => {
      const { file, content } = withKeyValue('floor', value)
      const next = replace({ bytes: file.bytes, file, content }, content)
      expect(floorOf(next.file)).toBe(393_216)
      expect(next.bytes.byteLength).toBeLessThan(400_000)
    },
  )

  test.each(['1e300', 'NaN', '-1', '9007199254740991'])('is placed behind one of generation "%s" too', (value) => {
    const { file, content } = withKeyValue('generation', value)
    const next = replace({ bytes: file.bytes, file, content }, changed(content, seededRandom(1), 1))
    expect(readBy(file, next.bytes)).toEqual(content)
  })

  test('has a floor from the first file on, though that has no row', () => {
    expect(generationOf([]).bytes.byteLength).toBeGreaterThan(393_216)
    expect(floorOf(generationOf([]).file)).toBe(393_216)
  })

  test('raises its floor for a larger group, and never lowers it', () => {
    const small = generationOf([['A', rowsOf('A', 10)]])
    const large = replace(small, [['A', noiseOf('A', 12_000)]])
    const again = replace(large, small.content)
    expect([small, large, again].map(({ file }) => floorOf(file))).toEqual([393_216, 655_360, 655_360])
    expect(Math.max(...middlesOf(large.file))).toBeLessThan(655_360)
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
    const [symbols, ...others] = startsOf(second.file)
    expect(symbols).toBe(startsOf(first.file)[0])
    expect(Math.max(...others)).toBeLessThan(Math.min(...startsOf(first.file).slice(1)))
    expect(startsOf(replace(second, alone).file)).toEqual(startsOf(second.file))
  })

  test('is made short again when little of it is in use', () => {
    const symbols = Array.from('ABCDEFGHIJKLMN')
    let last = generationOf(symbols.map((symbol) => [symbol, noiseOf(symbol, 5_000)]))
    const long = last.bytes.byteLength
    expect(long).toBeGreaterThan(6 * floorOf(last.file))
    const lengths: number[] = []
    for (let step = 0; step < 3; step += 1) {
      last = replace(last, [['A', rowsOf('A', 10)]])
      lengths.push(last.bytes.byteLength)
    }
    expect(lengths[0]).toBeGreaterThan(long)
    // The rows of the file before stand behind all others still.
    expect(lengths[1]).toBeGreaterThan(long)
    expect(lengths[2]).toBeLessThan(floorOf(last.file) + 5_000)
  })
})

/** A file of which the footer says something else. */
function withKeyValue(name: string, value: string): Pick<Generation, 'file' | 'content'> {
  const { file, content } = generationOf([['A', rowsOf('A', 10)]])
  const others = file.metadata.key_value_metadata?.filter(({ key }) => key !== name) ?? []
  return {
    file: { ...file, metadata: { ...file.metadata, key_value_metadata: [...others, { key: name, value }] } },
    content,
  }
}

/** Prices that do not compress. */
function noiseOf(symbol: string, count: number): readonly StampedRow[] {
  const random = seededRandom(count)
  return rowsOf(symbol, count).map(({ row, ingestMs }) => ({
    row: { ...row, open: random(), high: random(), low: random(), close: random(), adjClose: random() },
    ingestMs,
  }))
}

/** As Spark reckons it (parquet-mr, `ParquetMetadataConverter.filterFileMetaDataByMidpoint`). */
function middlesOf({ metadata }: GroupedFile): readonly number[] {
  return metadata.row_groups.map(({ columns: [first], total_compressed_size: size }) => {
    const { dictionary_page_offset: dictionary, data_page_offset: data } = first?.meta_data ?? {}
    return Number(dictionary ?? data) + Number(size) / 2
  })
}

const floorOf = ({ metadata }: GroupedFile) =>
  Number(metadata.key_value_metadata?.find(({ key }) => key === 'floor')?.value)

/** As any other writer writes it: one group right behind the other. */
function packedFile(content: Content): Uint8Array {
  const bytes = new ByteWriter()
  const compressors = { ZSTD: (page: Uint8Array) => Bun.zstdCompressSync(page) }
  const file = new ParquetWriter({ writer: bytes, schema: schemaOf(columns), codec: 'ZSTD', compressors })
  for (const [, rows] of content) {
    const columnData = columns.map((column) => ({
      name: column.name,
      data: columnValues(
        column,
        rows.map(({ row }) => row),
        (index) => rows[index]?.ingestMs ?? 0,
      ),
      offsetIndex: false,
    }))
    void file.write({ columnData, rowGroupSize: rows.length })
  }
  void file.finish()
  return bytes.getBytes()
}
