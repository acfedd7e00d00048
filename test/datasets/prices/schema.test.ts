import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../../lib/core/calendar.ts'
import type { RawRow } from '../../../lib/core/dataset.ts'
import { forRandomCases, oneOf } from '../../support/random.ts'
import { day, prices, rawPrice, span } from '../../support/values.ts'
import type { Partition } from '../../../lib/datasets/prices/schema.ts'

const PRICES = prices()
const DATE = '2024-09-13'

describe('the columns', () => {
  test('are the contract’s, in its order', () => {
    expect(PRICES.columns.map(({ name, type, isNullable }) => [name, type, isNullable])).toEqual([
      ['symbol', 'string', false],
      ['date', 'date', false],
      ['open', 'double', true],
      ['high', 'double', true],
      ['low', 'double', true],
      ['close', 'double', true],
      ['adjClose', 'double', true],
      ['volume', 'int64', true],
      ['ingest_ts', 'instant', false],
    ])
  })

  test('are those of a checked row, in the same order', () => {
    const verdict = PRICES.check('AAPL', rawPrice(DATE))
    if ('reason' in verdict) throw new Error(verdict.reason)
    expect([...Object.keys(verdict.row), 'ingest_ts']).toEqual(PRICES.columns.map(({ name }) => name))
  })
})

describe('asks()', () => {
  const window = span('2024-09-09..2024-09-13')
  const query = { from: '2024-09-09', to: '2024-09-13' }

  test('stable: full, then dividend-adjusted, always from and to', () => {
    expect(PRICES.asks('BRK-B', window)).toEqual([
      { path: 'historical-price-eod/full', symbol: 'BRK-B', query, name: 'full' },
      { path: 'historical-price-eod/dividend-adjusted', symbol: 'BRK-B', query, name: 'dividend-adjusted' },
    ])
    expect(PRICES.callsPerWindow).toBe(2)
  })

  test('without adjusted close: full alone', () => {
    const plain = prices({ withAdjClose: false })
    expect(plain.asks('AAPL', window).map(({ name }) => name)).toEqual(['full'])
    expect(plain.callsPerWindow).toBe(1)
  })

  test.each([true, false])('v3, with adjusted close %p: one call', (withAdjClose) => {
    const legacy = prices({ api: 'v3', withAdjClose })
    expect(legacy.asks('AAPL', window)).toEqual([
      { path: 'historical-price-full', symbol: 'AAPL', query, name: 'historical-price-full' },
    ])
    expect(legacy.callsPerWindow).toBe(1)
  })
})

describe('merge()', () => {
  const full = ['2024-09-13', '2024-09-12'].map((date) => rawPrice(date, { adjClose: 'not in this reply' }))

  test('joins by date, whatever the order', () => {
    const adjusted = [
      { date: '2024-09-11', adjClose: 1 },
      { date: '2024-09-12', adjClose: 2 },
      { date: '2024-09-13', adjClose: 3 },
    ]
    const merged = PRICES.merge([full, adjusted])
    expect(merged.map(({ date, adjClose }) => [date, adjClose])).toEqual([
      ['2024-09-13', 3],
      ['2024-09-12', 2],
    ])
  })

  test('never takes the close for a missing adjusted one', () => {
    const [row] = PRICES.merge([full, [{ date: '2024-09-12', adjClose: 2 }]])
    expect(row?.['adjClose']).toBeUndefined()
    const verdict = PRICES.check('AAPL', row ?? {})
    expect('row' in verdict && verdict.row['adjClose']).toBeNull()
  })

  test('of one reply is that reply; of none nothing', () => {
    expect(PRICES.merge([full])).toEqual(full)
    expect(PRICES.merge([])).toEqual([])
    expect(PRICES.merge([[], []])).toEqual([])
  })

  test('keeps every other field of full', () => {
    const [row] = PRICES.merge([full, [{ date: '2024-09-13', adjClose: 3, close: 99, volume: 1 }]])
    expect(row).toMatchObject({ close: 11, volume: 1_000 })
  })
})

describe('check(), hard rules', () => {
  const table: readonly [string, RawRow, string][] = [
    ['no symbol', { symbol: undefined }, 'symbol is missing'],
    ['a null symbol', { symbol: null }, 'symbol is missing'],
    ['no date', { date: undefined }, 'date is missing'],
    ['a null date', { date: null }, 'date is missing'],
    ['a number for a date', { date: 20240913 }, 'date is missing'],
    ['a date that is none', { date: '2024-02-30' }, 'date is not a real date'],
    ['a date with a time', { date: '2024-09-13 16:00:00' }, 'date has a time other than midnight'],
    ['an empty date', { date: '' }, 'date is not a real date'],
    ['a price in a text', { open: '10.5' }, 'open is not a number'],
    ['a price that is a list', { high: [12] }, 'high is not a number'],
    ['an infinite price', { low: Infinity }, 'low is not finite'],
    ['a price that is no number', { close: Number.NaN }, 'close is not a number'],
    ['an infinite adjusted close', { adjClose: -Infinity }, 'adjClose is not finite'],
    ['a negative volume', { volume: -1 }, 'volume is negative'],
    ['an infinite volume', { volume: Infinity }, 'volume is not finite'],
    ['a volume beyond 64 bits', { volume: 2 ** 63 }, 'volume does not fit 64 bits'],
    ['four null prices', { open: null, high: null, low: null, close: null }, 'all four prices are null'],
    ['four absent prices', { open: undefined, high: undefined, low: undefined, close: undefined }, 'all four prices'],
  ]
  test.each(table)('drop a row with %s', (_, changes, reason) => {
    const verdict = PRICES.check('AAPL', rawPrice(DATE, changes))
    expect('reason' in verdict && verdict.reason).toContain(reason)
  })

  test.each([
    ['one price alone', { open: null, high: null, low: null }],
    ['no volume', { volume: null }],
    ['the largest volume', { volume: 2 ** 63 - 1024 }],
    ['no volume at all', { volume: 0 }],
    ['no adjusted close', { adjClose: null }],
    ['the smallest price there is', { open: 5e-324, low: 5e-324 }],
  ] as [string, RawRow][])('keep a row with %s', (_, changes) => {
    expect(PRICES.check('AAPL', rawPrice(DATE, changes))).toHaveProperty('row')
  })

  test('take the symbol that was asked for and ignore unknown fields', () => {
    expect(PRICES.check('BRK-B', rawPrice(DATE, { symbol: 'X', surprise: 1 }))).toEqual({
      row: {
        symbol: 'BRK-B',
        date: day(DATE),
        open: 10.5,
        high: 12,
        low: 9.25,
        close: 11,
        adjClose: 10.9,
        volume: 1_000,
      },
      suspicions: [],
    })
  })

  test.each(['symbol', 'date'])('drop a row without even the key %s, in the same words', (field) => {
    const { [field]: _absent, ...row } = rawPrice(DATE)
    expect(PRICES.check('AAPL', row)).toEqual({ reason: `${field} is missing` })
  })

  test('are not helped by a row’s prototype', () => {
    const verdict = PRICES.check(
      'AAPL',
      JSON.parse('{"symbol": "AAPL", "__proto__": {"date": "2024-09-13"}, "open": 1}') as RawRow,
    )
    expect(verdict).toEqual({ reason: 'date is missing' })
  })
})

describe('check(), soft rules', () => {
  const table: readonly [string, RawRow, string][] = [
    ['a null price', { open: null }, 'a price is null'],
    ['high below low', { high: 9, low: 12, open: null, close: null }, 'high is below low'],
    ['an open above high', { open: 12.01 }, 'open or close is outside low to high'],
    ['a close below low', { close: 9.24 }, 'open or close is outside low to high'],
    ['a price of zero', { low: 0 }, 'a price is not above zero'],
    ['a negative adjusted close', { adjClose: -1 }, 'a price is not above zero'],
    ['a fractional volume', { volume: 1_000.5 }, 'volume is fractional'],
  ]
  test.each(table)('keep a row with %s and say so', (_, changes, suspicion) => {
    const verdict = PRICES.check('AAPL', rawPrice(DATE, changes))
    expect('row' in verdict && verdict.suspicions).toContain(suspicion)
  })

  test('are silent about an ordinary row, at the very edges too', () => {
    for (const changes of [{}, { open: 12, close: 9.25 }, { open: 1, high: 1, low: 1, close: 1 }, { volume: 0 }]) {
      expect(PRICES.check('AAPL', rawPrice(DATE, changes))).toMatchObject({ suspicions: [] })
    }
  })

  test.each([
    [1_000.4, 1_000],
    [1_000.5, 1_001],
    [0.2, 0],
    [1e15 + 0.5, 1e15],
  ])('round a volume of %d to %d', (volume, expected) => {
    const verdict = PRICES.check('AAPL', rawPrice(DATE, { volume }))
    expect('row' in verdict && verdict.row['volume']).toBeWithin(expected, expected + 2)
  })

  test('without adjusted close store null whatever was sent, and say nothing of it', () => {
    const plain = prices({ withAdjClose: false })
    for (const adjClose of [10.9, null, 'x', Number.NaN]) {
      expect(plain.check('AAPL', rawPrice(DATE, { adjClose }))).toMatchObject({
        row: { adjClose: null },
        suspicions: [],
      })
    }
  })
})

test('lacks() misses the adjusted close only where it was asked for', () => {
  const whole = PRICES.check('AAPL', rawPrice(DATE))
  const bare = PRICES.check('AAPL', rawPrice(DATE, { adjClose: null }))
  if ('reason' in whole || 'reason' in bare) throw new Error('a good row was dropped')
  expect(PRICES.missingField(whole.row)).toBeUndefined()
  expect(PRICES.missingField(bare.row)).toBe('adjusted close')
  expect(prices({ withAdjClose: false }).missingField(bare.row)).toBeUndefined()
})

const dayOf = (date: string): Partition => ({ kind: 'day', date: day(date) })

describe('keys', () => {
  test.each([
    ['AAPL', { kind: 'year', year: 2020 }, 'raw/prices/symbol=AAPL/year=2020/AAPL-2020.parquet'],
    ['AAPL', dayOf('2024-09-16'), 'raw/prices/symbol=AAPL/year=2024/month=09/AAPL-2024-09-16.parquet'],
    ['^GSPC', { kind: 'year', year: 1990 }, 'raw/prices/symbol=%5EGSPC/year=1990/%5EGSPC-1990.parquet'],
    ['EURUSD=X', dayOf('2024-01-02'), 'raw/prices/symbol=EURUSD%3DX/year=2024/month=01/EURUSD%3DX-2024-01-02.parquet'],
  ] as [string, Partition, string][])('of %s %p is %s', (symbol, partition, key) => {
    expect(PRICES.key(symbol, partition)).toBe(key)
    expect(PRICES.partitionOf(symbol, key)).toEqual(partition)
    expect(key.startsWith(PRICES.folder(symbol))).toBe(true)
  })

  test('stand under the prefix, or at the root where that is empty', () => {
    expect(prices({ prefix: '' }).folder('AAPL')).toBe('prices/symbol=AAPL/')
    expect(prices({ prefix: 'a/b' }).folder('AAPL')).toBe('a/b/prices/symbol=AAPL/')
  })

  test('are read back for every year and session, whatever the symbol', () => {
    const symbols = 'AAPL,BRK-B,0700.HK,^GSPC,EURUSD=X,2024-01-01,A-2024-01-02,1A,X-20,9-9-2020'.split(',')
    const dates = [1990, 2000, 2024, 2035].flatMap((year) => [
      ...XNYS.sessions({ from: day(`${year}-01-01`), to: day(`${year}-12-31`) }),
    ])
    const partitions = dates.map((date): Partition => ({ kind: 'day', date }))
    for (const year of [1990, 2024, 2035]) partitions.push({ kind: 'year', year })
    for (const symbol of symbols) {
      const wrong = partitions.filter(
        (partition) => !Bun.deepEquals(PRICES.partitionOf(symbol, PRICES.key(symbol, partition)), partition),
      )
      expect({ symbol, wrong }).toEqual({ symbol, wrong: [] })
    }
  })

  test.each([
    'raw/prices/symbol=MSFT/year=2020/MSFT-2020.parquet',
    'raw/prices/symbol=AAPL/year=2020/AAPL-2021.parquet',
    'raw/prices/symbol=AAPL/year=2020/AAPL-2020.parquet.tmp',
    'raw/prices/symbol=AAPL/year=2020/AAPL-2020.PARQUET',
    'raw/prices/symbol=AAPL/year=2024/month=10/AAPL-2024-09-16.parquet',
    'raw/prices/symbol=AAPL/year=2024/month=02/AAPL-2024-02-30.parquet',
    'raw/prices/symbol=AAPL/AAPL-2020.parquet',
    'raw/prices/symbol=AAPL/',
    'other/prices/symbol=AAPL/year=2020/AAPL-2020.parquet',
    '',
  ])('%j is no file of AAPL’s prices', (key) => {
    expect(PRICES.partitionOf('AAPL', key)).toBeUndefined()
  })
})

test('the fields FMP sends today are known', async () => {
  const files = [
    'stable-historical-price-eod-full.AAPL.2023-01',
    'stable-historical-price-eod-dividend-adjusted.AAPL.2020-split',
  ]
  for (const name of files) {
    const rows = (await Bun.file(`${import.meta.dir}/../../fixtures/fmp/${name}.json`).json()) as RawRow[]
    const unknown = rows.flatMap((row) => Object.keys(row)).filter((field) => !PRICES.knownFields.has(field))
    expect(unknown).toEqual([])
  }
  for (const field of PRICES.requiredFields) expect(PRICES.knownFields).toContain(field)
})

// A stamp at midnight is its day, and only the schema knows that: such a row is never a plain one.
const atMidnight = ({ date, ...row }: RawRow) => ({
  ...row,
  date: typeof date === 'string' ? `${date}T00:00:00` : date,
})

describe('a plain row', () => {
  const VALUES = [null, undefined, 0, -0, 1.5, 12, -3, 2 ** 62, 2 ** 63, 1e300, Number.NaN, Infinity, '1', true]
  const SYMBOLS = ['AAPL', '', null, undefined, 7]
  const DATES = [DATE, '2024-02-30', '24-09-13', '', null, undefined, 20240913]

  test('is judged as the schema judges it', () => {
    forRandomCases('plain rows', 5_000, (random) => {
      const some = (odd: readonly unknown[], usual: unknown) => (random() < 0.15 ? oneOf(random, odd) : usual)
      const raw = {
        symbol: some(SYMBOLS, 'AAPL'),
        date: some(DATES, DATE),
        ...Object.fromEntries(
          ['open', 'high', 'low', 'close', 'adjClose', 'volume'].map((name) => [name, some(VALUES, 10.25)]),
        ),
        reason: 'a field of no meaning',
      }
      expect(PRICES.check('AAPL', raw)).toEqual(PRICES.check('AAPL', atMidnight(raw)))
    })
  })
})
