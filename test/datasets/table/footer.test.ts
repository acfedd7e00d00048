import { describe, expect, test } from 'bun:test'
import {
  dayBit,
  entryOf,
  footerKeyValues,
  hashOfRows,
  isNews,
  readTableFooter,
  type SymbolEntry,
} from '../../../lib/datasets/table/footer.ts'
import type { Layout } from '../../../lib/datasets/table/layout.ts'
import { createGroupWriter } from '../../../lib/parquet/group-writer.ts'
import { openGroups } from '../../../lib/parquet/row-groups.ts'
import { fuzz, FUZZ_TIMEOUT_MS } from '../../support/fuzz.ts'
import { wholeBetween } from '../../support/random.ts'
import { at, day, priceRow, prices } from '../../support/values.ts'

const LAYOUT: Layout = { baseYear: 2024, buckets: 16 }
const ABOUT = { layout: LAYOUT, listedMs: at('2024-09-16T12:00:00Z'), rebuiltMs: 0 }
const CREATOR = 'fmp-ingest version 1.2.3'

function fileOf(entries: ReadonlyMap<string, SymbolEntry>, about = ABOUT): Uint8Array {
  return createGroupWriter(prices().columns, CREATOR).finish(footerKeyValues({ ...about, entries }))
}

function entry(changes: Partial<SymbolEntry> = {}): SymbolEntry {
  const sha = 'ab'.repeat(8)
  const of = { rows: 21, ingestMs: at('2024-09-16T12:00:00Z'), sha, days: 5, listing: sha, yearFile: '', settled: '' }
  return { ...of, ...changes }
}

const ENTRIES = new Map([
  ['BRK-B', entry()],
  ['TRUE', entry({ rows: 0, days: 0, ingestMs: 0 })],
  ['^GSPC', entry({ listing: '', yearFile: 'cd'.repeat(8), days: 2 ** 31 - 1 })],
  ['__proto__', entry()],
  ['0', entry({ settled: '2024-09-13 2024-09-09 2023-01-03' })],
])

const writer = () => createGroupWriter(prices().columns, CREATOR)
const hex = () => crypto.randomUUID().replaceAll('-', '').slice(0, 16)

describe('the footer of a table’s file', () => {
  test.each([LAYOUT, { baseYear: undefined, buckets: 256 }])('gives back what was put into it: %p', (layout) => {
    const footer = { ...ABOUT, layout, entries: ENTRIES, createdBy: CREATOR }
    const read = readTableFooter(fileOf(ENTRIES, { ...ABOUT, layout }))
    expect(read).toEqual(footer)
    expect([...(read?.entries ?? [])]).toEqual([...ENTRIES])
  })

  test('takes at most 40 bytes a symbol in a month of 5,000', () => {
    const entries = new Map(
      Array.from({ length: 5_000 }, (_, index) => [
        `S${index}`,
        entry({ sha: hex(), listing: '', yearFile: hex(), days: 0x3f_ff_ff }),
      ]),
    )
    expect(openGroups(fileOf(entries), prices().columns).end.bytes.byteLength / 5_000).toBeLessThan(40)
  })

  test('of another file is undefined', () => {
    const { table = '', sources = '' } = footerKeyValues({ ...ABOUT, entries: ENTRIES })
    expect(readTableFooter(writer().finish({}))).toBeUndefined()
    expect(readTableFooter(writer().finish({ table }))).toBeUndefined()
    expect(readTableFooter(writer().finish({ table, sources: 'no base64' }))).toBeUndefined()
    expect(readTableFooter(writer().finish({ table: 'null', sources }))).toBeUndefined()
    expect(
      readTableFooter(writer().finish({ table: table.replace('"format":1', '"format":2'), sources })),
    ).toBeUndefined()
    expect(
      readTableFooter(writer().finish({ table: table.replace('"buckets":16', '"buckets":0'), sources })),
    ).toBeUndefined()
    expect(
      readTableFooter(writer().finish({ table: table.replace(/"listed":"[^"]*"/, '"listed":"soon"'), sources })),
    ).toBeUndefined()
    expect(readTableFooter(new Uint8Array())).toBeUndefined()
  })

  test(
    'that is damaged is undefined or what it was, and never throws',
    async () => {
      const whole = fileOf(ENTRIES)
      const expected = JSON.stringify([...ENTRIES])
      await fuzz('damaged footers', 3_000, (random) => {
        const bytes = new Uint8Array(whole)
        const { keyValues } = { keyValues: footerKeyValues({ ...ABOUT, entries: ENTRIES }) }
        // The bytes of the two values: elsewhere the damage is that of any Parquet file.
        const from = Buffer.from(bytes).indexOf(keyValues['sources'] ?? '')
        for (let count = wholeBetween(random, 1, 3); count > 0; count -= 1) {
          bytes[wholeBetween(random, from, bytes.length - 1)] = wholeBetween(random, 0, 255)
        }
        const read = readTableFooter(bytes)
        if (read !== undefined) expect(JSON.stringify([...read.entries])).toBe(expected)
      })
    },
    FUZZ_TIMEOUT_MS,
  )

  test('that is cut off anywhere is undefined', () => {
    const whole = fileOf(ENTRIES)
    for (let length = 0; length < whole.length; length += 1) {
      expect(readTableFooter(whole.subarray(0, length))).toBeUndefined()
    }
  })
})

const isNewsOf = (settled: Readonly<Record<string, string>>) =>
  isNews(new Map(Object.entries(settled)), { entries: ENTRIES })

test('a footer is told what is settled only where it says something else, and has the symbol', () => {
  const line = '2024-09-13 2024-09-09 2023-01-03'
  expect(isNewsOf({ '0': line, TRUE: '', ABSENT: line })).toBe(false)
  expect(isNewsOf({ '0': '' })).toBe(true)
  expect(isNewsOf({ TRUE: line })).toBe(true)
})

describe('an entry', () => {
  const rows = ['2024-01-02', '2024-01-31'].map((date, index) => ({
    row: priceRow(date),
    ingestMs: at('2024-02-01T12:00:00Z') - index,
  }))

  test('says how many rows there are and how new the newest is', () => {
    const about = { listing: 'a', yearFile: 'b', days: 5 }
    expect(entryOf(rows, about)).toEqual({
      rows: 2,
      ingestMs: at('2024-02-01T12:00:00Z'),
      sha: hashOfRows(rows),
      days: 5,
      listing: 'a',
      yearFile: 'b',
      settled: '',
    })
    expect(entryOf([], about)).toMatchObject({ rows: 0, ingestMs: 0 })
  })

  test('has another hash whenever a value, an instant or the order is another', () => {
    const [first, second] = rows
    if (first === undefined || second === undefined) throw new Error('There are two rows')
    const others = [
      [second, first],
      [first],
      [first, { ...second, ingestMs: second.ingestMs + 1 }],
      [first, { ...second, row: { ...second.row, volume: null } }],
      [first, { ...second, row: { ...second.row, close: 11.000_000_000_000_002 } }],
    ]
    expect(new Set([rows, ...others].map(hashOfRows)).size).toBe(6)
  })

  test('tells all 31 days apart', () => {
    const bits = Array.from({ length: 31 }, (_, index) => dayBit(day(`2024-01-${String(index + 1).padStart(2, '0')}`)))
    expect(new Set(bits).size).toBe(31)
    expect(bits.reduce((all, bit) => all | bit, 0)).toBe(2 ** 31 - 1)
  })
})
