import { describe, expect, test } from 'bun:test'
import { parquetMetadata } from 'hyparquet'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { XNYS } from '../../lib/core/calendar.ts'
import type { Row } from '../../lib/core/dataset.ts'
import { addDays, utcDate, yearOf, type DateRange } from '../../lib/core/dates.ts'
import { type FileContent, type Footer, readFooter, rowsSha256 } from '../../lib/parquet/parquet.ts'
import { encodeParquet } from '../../lib/parquet/writer.ts'
import { forRandomRuns, oneOf, wholeBetween } from '../support/random.ts'
import { at, day, priceRow, prices, span } from '../support/values.ts'

const { columns } = prices()
const INGEST_MS = at('2024-09-30T23:00:00.123Z')
const WEEK: readonly Row[] = ['2024-09-13', '2024-09-12', '2024-09-11'].map((date) => priceRow(date))

function encode(rows: readonly Row[], changes: Partial<FileContent> = {}): Uint8Array {
  const sha = rowsSha256(columns, rows)
  const content = { columns, rows, ingestMs: INGEST_MS, rowsSha256: sha, asked: undefined, version: '1.2.3' }
  return encodeParquet({ ...content, ...changes })
}

function footer(bytes: Uint8Array): Footer {
  const found = readFooter(bytes)
  if ('problem' in found) throw new Error(found.problem)
  return found
}

const foreign = (createdBy: string, statistics = true) =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: [{ name: 'date', data: [1], type: 'INT32' }],
      statistics,
      createdBy,
    }),
  )

/** What hyparquet, which reads every field, says of the same bytes. */
function byHyparquet(bytes: Uint8Array): Footer {
  const {
    created_by: createdBy = '',
    num_rows: rows,
    key_value_metadata: facts,
    row_groups: groups,
  } = parquetMetadata(bytes)
  const bounds = (name: string) => {
    const column = groups[0]?.columns.find(({ meta_data }) => meta_data?.path_in_schema.join('.') === name)
    const { min_value: min, max_value: max } = column?.meta_data?.statistics ?? {}
    if (!(min instanceof Date && max instanceof Date)) throw new Error(`${name} has no statistics`)
    return { min: min.getTime(), max: max.getTime() }
  }
  const fact = (name: string) => facts?.find(({ key }) => key === name)?.value
  const dates = bounds('date')
  return {
    createdBy,
    rows: Number(rows),
    span: { from: utcDate(dates.min), to: utcDate(dates.max) },
    ingestMs: bounds('ingest_ts').max,
    rowsSha256: fact('rows-sha256'),
    asked: fact('asked') === undefined ? undefined : span(fact('asked') ?? ''),
    carried: (fact('carried') ?? '').split(',').flatMap((range) => (range === '' ? [] : [span(range)])),
    carriedBy: fact('carried-by'),
  }
}

describe('readFooter()', () => {
  const asked: DateRange = span('2020-01-01..2024-09-13')
  const year = XNYS.sessions(span('2024-01-01..2024-09-13'))
    .toReversed()
    .map((date) => priceRow(date))
  const bytes = encode(year, { asked })

  test('needs the end of the file only', () => {
    expect(readFooter(bytes.slice(-4_096))).toEqual(readFooter(bytes))
    expect(footer(bytes)).toMatchObject({ rows: year.length, asked, ingestMs: INGEST_MS })
    expect(footer(bytes).span).toEqual(span('2024-01-02..2024-09-13'))
  })

  test('takes a view into a larger buffer', () => {
    const larger = new Uint8Array(bytes.length + 64)
    larger.set(bytes, 32)
    expect(readFooter(larger.subarray(32, 32 + bytes.length))).toEqual(readFooter(bytes))
  })

  test.each([
    ['nothing', new Uint8Array()],
    ['four bytes', new TextEncoder().encode('PAR1')],
    ['a text', new TextEncoder().encode('symbol,date,open\n'.repeat(20))],
    ['a cut file', bytes.slice(0, -8)],
    ['zeros', new Uint8Array(2_000)],
    ['a footer that claims more than there is', bytes.slice(-100)],
  ])('says of %s that it is no Parquet file', (_, content) => {
    expect(readFooter(content)).toEqual({ problem: 'is not a readable Parquet file' })
  })

  test('survives any one changed byte of the footer', () => {
    const one = encode([priceRow('2024-09-13')])
    for (let offset = one.length - 800; offset < one.length; offset += 1) {
      const changed = Uint8Array.from(one)
      changed[offset] = (changed[offset] ?? 0) ^ 0x55
      // A sentence, or a footer that can be judged; never a throw.
      const found = readFooter(changed)
      if ('problem' in found) continue
      const { span: own, ingestMs } = found
      const years = [own.from, own.to, utcDate(ingestMs)].map(yearOf)
      expect({ offset, years, isKnown: years.every((known) => known >= 1990 && known <= 2035) }).toMatchObject({
        isKnown: true,
      })
    }
  })

  test('names who else wrote a file, in one line', () => {
    for (const creator of ['parquet-mr version 1.13', 'fmp-ingester 2', 'fmp-ingest', 'my fmp-ingest 1']) {
      const found = readFooter(foreign(creator))
      expect('problem' in found && found.problem).toContain(JSON.stringify(creator))
    }
    const found = readFooter(foreign(`x\n::error::${'y'.repeat(500)}`))
    expect('problem' in found && /^[^\p{Cc}]{1,250}$/u.test(found.problem)).toBe(true)
  })

  test('needs the statistics of dates and instant', () => {
    expect(readFooter(foreign('fmp-ingest version 9'))).toEqual({ problem: expect.stringContaining('statistics') })
  })

  test('without `asked` knows none', () => {
    expect(footer(encode(WEEK)).asked).toBeUndefined()
    const odd = encode(WEEK, { asked: { from: day('2024-01-01'), to: 'x' as never } })
    expect(footer(odd).asked).toBeUndefined()
  })

  test('reads of any file of ours what hyparquet reads', async () => {
    await forRandomRuns('footers', 60, async (random) => {
      const newest = day(oneOf(random, ['2024-09-13', '1992-02-01', '2035-12-31']))
      const count = wholeBetween(random, 1, 400)
      const rows = Array.from({ length: count }, (_, index) => priceRow(addDays(newest, -index)))
      const file = encode(rows, {
        ingestMs: wholeBetween(random, at('1990-01-03T00:00:00Z'), at('2035-12-31T23:59:59Z')),
        asked: oneOf(random, [undefined, asked]),
        note: oneOf(random, [undefined, 'Ein Vermerk: ' + '–'.repeat(wholeBetween(random, 0, 300))]),
        version: '1.'.repeat(wholeBetween(random, 1, 40)),
      })
      expect(footer(file)).toEqual(byHyparquet(file))
    })
  })

  test.each([
    [
      'many columns',
      Array.from({ length: 40 }, (_, index) => ({ name: `c${index}`, data: [index], type: 'INT32' as const })),
    ],
    ['truth values', [{ name: 'date', data: [true, false, true], type: 'BOOLEAN' as const }]],
    ['a long name', [{ name: 'n'.repeat(500), data: ['x'], type: 'STRING' as const }]],
    ['numbers', [{ name: 'date', data: [Number.MAX_VALUE, -0.5], type: 'DOUBLE' as const }]],
  ])('finds the writer’s name behind %s', (_, columnData) => {
    const file = new Uint8Array(parquetWriteBuffer({ columnData, createdBy: 'another' }))
    expect(readFooter(file)).toEqual({ problem: expect.stringContaining('created_by is "another"') })
  })
})
