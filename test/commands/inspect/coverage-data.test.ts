import { describe, expect, test } from 'bun:test'
import { coverageOf, coveredSymbol } from '../../../lib/commands/inspect/coverage-data.ts'
import { sessions } from '../../support/bars.ts'
import {
  AS_OF,
  brokenYear,
  contextOf,
  coverageFrom,
  dayFile,
  HOSTILE,
  hostileCoverage,
  largeCoverage,
  pastOf,
  runAt,
  variedCoverage,
  yearFile,
  yearFiles,
} from '../../support/coverage.ts'
import { schemaErrors } from '../../support/json-schema.ts'
import { outcomeOf } from '../../support/values.ts'

describe('the document of ingest coverage', () => {
  test('is what its schema says, whatever the lake', async () => {
    for (const document of [
      await coverageFrom([]),
      await variedCoverage(),
      await hostileCoverage(),
      await largeCoverage(20),
    ]) {
      expect(schemaErrors('coverage', document)).toEqual([])
    }
  })

  test('of an empty lake says that there is nothing', async () => {
    expect(await coverageFrom([])).toMatchObject({
      first_month: null,
      sessions: 0,
      missing: 0,
      held: 0,
      days_since_last_run: null,
      symbols: [],
      closed_weekdays: [],
      runs: [],
    })
  })

  test('puts the worst symbols first, each with the word for it', async () => {
    const { symbols, ...document } = await variedCoverage()
    expect(symbols.map(({ symbol, state, missing }) => `${symbol} ${state} ${missing}`)).toEqual([
      'XOM unreadable 0',
      'GME held 0',
      'NEW empty 0',
      'IBM gaps 505',
      'BRK-B behind 10',
      'AAPL complete 0',
      'META complete 0',
      'MSFT complete 0',
      'NVDA complete 0',
      '^GSPC complete 0',
    ])
    expect(document).toMatchObject({ missing: 515, held: 1, first_month: '2000-01', days_since_last_run: 0 })
    expect(document.sessions).toBe(symbols.reduce((sum, symbol) => sum + symbol.sessions, 0))
  })

  test('writes months as letters with the length of each run', async () => {
    const { symbols } = await variedCoverage()
    const months = Object.fromEntries(symbols.map((symbol) => [symbol.symbol, symbol.months]))
    expect(months).toMatchObject({
      IBM: 's135ps68m24s69',
      GME: 's271h',
      META: 'e148s149',
      NVDA: 's156c12s57',
      XOM: 's276u12s9',
      'BRK-B': 's296m',
      '^GSPC': 's',
      NEW: '',
    })
  })

  test('a whole year of day files is stored, and a day that is gone is a gap', async () => {
    const held = sessions('2024-01-02', AS_OF).filter((date) => date !== '2024-07-05')
    const { symbols } = await coverageFrom([{ symbol: 'A', files: held.map((date) => dayFile('A', date)) }])
    expect(symbols).toMatchObject([{ state: 'gaps', missing: 1, months: 's6ps2', gaps: ['2024-07-05'] }])
  })

  test('names the files that count for nothing, three of them', async () => {
    const files = [2019, 2020, 2021, 2022].map((year) => brokenYear('A', year))
    const [symbol] = (await coverageFrom([{ symbol: 'A', files }])).symbols
    expect(symbol).toMatchObject({ state: 'unreadable', sessions: 0 })
    expect(symbol?.unusable).toHaveLength(3)
    expect(symbol?.unusable[0]).toEqual({
      key: 'raw/prices/symbol=A/year=2019/A-2019.parquet',
      problem: 'is not a readable Parquet file',
    })
  })

  test('lists the weekdays without a session, of whole months', async () => {
    const { closed_weekdays: closed } = await coverageFrom([
      { symbol: 'A', files: yearFiles('A', '2024-01-12..2024-09-16') },
    ])
    expect(closed as readonly string[]).toEqual([
      '2024-01-01',
      '2024-01-15',
      '2024-02-19',
      '2024-03-29',
      '2024-05-27',
      '2024-06-19',
      '2024-07-04',
      '2024-09-02',
    ])
  })

  test('counts whole days since the last run', async () => {
    const run = runAt('2024-09-13T23:00:00Z', [outcomeOf('A', { past: pastOf() })])
    expect(await coverageFrom([], [run])).toMatchObject({ days_since_last_run: 3 })
  })

  test('keeps the newest gaps where there are very many', async () => {
    const without = sessions('2023-01-04', '2023-12-28').filter((_date, index) => index % 2 === 0)
    const context = await contextOf()
    const symbol = coveredSymbol('A', [yearFile('A', '2023-01-03..2023-12-29', { without })], context)
    expect(symbol.gaps.length).toBeGreaterThan(100)
    const many = coverageOf(
      Array.from({ length: 2_000 }, () => symbol),
      context,
    )
    expect(many.symbols[0]?.gaps).toEqual(symbol.gaps.slice(-5))
    expect(many.symbols[0]?.missing).toBe(symbol.missing)
    expect(coverageOf([symbol], context).symbols[0]?.gaps).toEqual(symbol.gaps)
  })

  test('makes one line of every text from outside', async () => {
    const document = JSON.stringify(await hostileCoverage())
    expect(document).not.toMatch(/[\p{Cf}\u2028\u2029]/u)
    expect(HOSTILE.some((text) => /\p{Cf}/u.test(text))).toBe(true)
  })
})
