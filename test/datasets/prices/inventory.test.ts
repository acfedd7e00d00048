import { describe, expect, test } from 'bun:test'
import { listSymbolFiles } from '../../../lib/datasets/inventory.ts'
import { newestStored } from '../../../lib/datasets/prices/inventory.ts'
import type { Store } from '../../../lib/store/store.ts'
import { createMemoryStore } from '../../support/lakes/memory-store.ts'
import { putPrices } from '../../support/lakes/price-files.ts'
import { day, priceRow, prices } from '../../support/values.ts'

const PRICES = prices()

/** What a lake with these days and with years up to these dates says, and how many files were read for it. */
async function newestOf(days: readonly string[], years: readonly string[], upTo?: string, spoil = '') {
  const memory = createMemoryStore()
  const lake = { put: async (key: string, bytes: Uint8Array) => void (await memory.replace(key, bytes, {})) }
  await putPrices(
    lake,
    days.map((date) => priceRow(date)),
    'day',
  )
  for (const date of years) await putPrices(lake, [priceRow(date)], 'year')
  if (spoil !== '')
    await memory.replace(PRICES.key('AAPL', { kind: 'year', year: Number(spoil) }), new Uint8Array(9), {})
  let reads = 0
  const store: Store = {
    ...memory,
    read: async (...args) => {
      reads += 1
      return await memory.read(...args)
    },
  }
  const context = { store, dataset: PRICES }
  const files = await listSymbolFiles('AAPL', context)
  return [await newestStored(files, context, upTo === undefined ? undefined : day(upTo)), reads] as unknown[]
}

describe('newestStored()', () => {
  test.each([
    [[], [], undefined, 0],
    [['2024-09-12', '2024-09-13'], [], '2024-09-13', 0],
    [[], ['2023-12-29', '2024-09-13'], '2024-09-13', 1],
    [['2024-09-13'], ['2023-12-29'], '2024-09-13', 0],
    [['2024-09-13'], ['2024-09-12'], '2024-09-13', 1],
    [['2024-09-12'], ['2024-09-13'], '2024-09-13', 1],
    [['2023-12-29'], ['2024-09-13'], '2024-09-13', 1],
  ])('of days %j and years up to %j is %s, after %d reads', async (days, years, expected, reads) => {
    expect(await newestOf(days, years)).toEqual([expected, reads])
  })

  test.each([
    [['2024-09-13', '2024-09-16', '2024-09-17'], ['2024-09-13'], '2024-09-16', 0],
    [['2024-09-13', '2024-09-17'], [], '2024-09-13', 0],
    [['2024-09-17'], [], undefined, 0],
    [[], ['2024-09-17'], '2024-09-16', 1],
    [[], ['2023-12-29', '2025-01-02'], '2023-12-29', 1],
    [['2024-09-12'], ['2024-09-13'], '2024-09-13', 1],
  ])('of days %j and years up to %j up to 2024-09-16 is %s, after %d reads', async (days, years, expected, reads) => {
    expect(await newestOf(days, years, '2024-09-16')).toEqual([expected, reads])
  })

  test('of a year file that cannot be read is what the days say', async () => {
    expect(await newestOf(['2024-09-12'], [], undefined, '2024')).toEqual(['2024-09-12', 1])
    expect(await newestOf([], [], undefined, '2024')).toEqual([undefined, 1])
  })
})
