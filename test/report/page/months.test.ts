// What the page's program computes, without a page.

import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { Coverage, CoveredSymbol } from '../../../lib/report/coverage.ts'
import {
  coverageFrom,
  HOSTILE,
  hostileCoverage,
  largeCoverage,
  variedCoverage,
  yearFile,
} from '../../support/coverage.ts'
import { ROOT } from '../../support/runs/process.ts'

type Symbol = CoveredSymbol & { readonly letters: string }
type View = { readonly count: number; readonly symbols: readonly Symbol[] }

/** The module of the page: a program for browsers, without types of its own. */
type Months = {
  viewOf(data: Coverage): View
  nameOfMonth(view: View, index: number): string
  textOfMonth(view: View, symbol: Symbol, index: number): string
  stateOfDay(view: View, symbol: Symbol, index: number, date: string): string | undefined
  cureOf(view: View, symbol: Symbol, index: number): { readonly sentence: string; readonly command?: string }
  shellWord(word: string): string
}

const months = (await import(join(ROOT, 'lib/report/page/months.js'))) as Months

async function symbolOf(symbol: string, coverage?: Coverage): Promise<{ view: View; found: Symbol }> {
  const view = months.viewOf(coverage ?? (await variedCoverage()))
  const found = view.symbols.find((candidate) => candidate.symbol === symbol)
  if (found === undefined) throw new Error(`There is no ${symbol}`)
  return { view, found }
}

describe('viewOf()', () => {
  test('lays the months out from the January of the oldest stored date', async () => {
    const { view, found } = await symbolOf('META')
    expect(view.count).toBe(24 * 12 + 9)
    expect(view.symbols.map(({ letters }) => letters.length)).toEqual(view.symbols.map(() => view.count))
    expect(found.letters).toBe(`${'e'.repeat(148)}${'s'.repeat(149)}`)
    expect([months.nameOfMonth(view, 0), months.nameOfMonth(view, 296)]).toEqual(['January 2000', 'September 2024'])
  })

  test('has a month also where nothing is stored', async () => {
    expect(months.viewOf(await coverageFrom([])).count).toBe(9)
  })
})

describe('a month', () => {
  test('of many gaps that are left out says no more than is known', async () => {
    const coverage = await coverageFrom([
      { symbol: 'A', files: [yearFile('A', '2024-01-02..2024-09-16', { without: ['2024-02-06'] })] },
    ])
    const cut = { ...coverage, symbols: coverage.symbols.map((symbol) => ({ ...symbol, gaps: [] })) }
    const { view, found } = await symbolOf('A', cut)
    expect(months.stateOfDay(view, found, 1, '2024-02-06')).toBeUndefined()
    expect(months.textOfMonth(view, found, 1)).toBe('A, February 2024: stored in part')
    expect(months.cureOf(view, found, 1).command).toContain('--from-date 2024-02-01 --to-date 2024-02-29')
  })

  test('before the first stored date is not due, and so are days to come', async () => {
    const { view, found } = await symbolOf('GME')
    const state = (index: number, date: string) => months.stateOfDay(view, found, index, date)
    expect([state(25, '2002-02-12'), state(25, '2002-02-13')]).toEqual(['n', 's'])
    expect([state(296, '2024-09-12'), state(296, '2024-09-13'), state(296, '2024-09-17')]).toEqual(['s', 'h', 'n'])
  })

  test('the commands of a large lake name the sessions that are missing, and no others', async () => {
    const { view, found } = await symbolOf('S0000', await largeCoverage(10))
    const commands = Array.from(found.letters, (_letter, index) => months.cureOf(view, found, index).command)
    expect(commands.filter((command) => command !== undefined)).toEqual([
      'ingest --out ./lake --tickers S0000 --from-date 2009-03-03 --to-date 2009-03-31',
    ])
  })
})

test('a shell takes the symbol of a command as one word, whatever is in it', async () => {
  const view = months.viewOf(await hostileCoverage())
  const words = view.symbols.map((symbol) => {
    const { command = '' } = months.cureOf(view, symbol, view.count - 1)
    return { symbol: symbol.symbol, command: command.replace(/^.*? --tickers /s, "printf '%s\\n' ") }
  })
  for (const { symbol, command } of words) {
    const shell = Bun.spawnSync(['sh', '-c', command.replace(/ --(?:accept|backfill|from-date)[\s\S]*$/, '')])
    expect(shell.stdout.toString()).toBe(`${symbol}\n`)
  }
  expect(words).toHaveLength(HOSTILE.length)
  expect(months.shellWord("it's")).toBe(String.raw`'it'\''s'`)
})
