// Backpressure: how many symbols are fetched before their files are stored.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { Store } from '../../lib/store/store.ts'
import { openShelf, type Shelf } from '../support/lakes/folder-store.ts'
import { answering, barsOf, ingestOver, type Answer, type Options, type Ran } from '../support/pipeline-run.ts'

let shelf: Shelf
beforeEach(async () => {
  shelf = await openShelf()
})
afterEach(() => shelf.remove())

const ingest = async (options: Options): Promise<Ran> => await ingestOver(shelf, options)

const turnOfEvents = async (): Promise<void> => {
  await new Promise((resolve) => setImmediate(resolve))
}

describe('several symbols', () => {
  test('are fetched while the files of others are stored, but not ever more of them', async () => {
    const symbols = ['A', 'B', 'C', 'D']
    let asksSoFar: readonly string[] = []
    let created = 0
    const usual = answering(Object.fromEntries(symbols.map((symbol) => [symbol, barsOf('2024-09-13')])))
    const ask: Answer = async (call, reservation) => {
      asksSoFar = [...asksSoFar, call.symbol]
      return await usual(call, reservation)
    }
    // The first file alone, for the store may take none; then the rows of two symbols are open, and no third is fetched.
    const EXPECTED = [1, 3, 3, 4]
    const askedAtCreate: number[] = []
    const create: Store['create'] = async (...file) => {
      const expected = EXPECTED[created] ?? 0
      while (new Set(asksSoFar).size < expected) await turnOfEvents()
      // Long enough for more to be asked, if that were possible.
      for (let turn = 0; turn < 50; turn += 1) await turnOfEvents()
      askedAtCreate.push(new Set(asksSoFar).size)
      created += 1
      return await shelf.store.create(...file)
    }
    const store = { ...shelf.store, create }
    await ingest({ symbols, ask, store, dates: '2019-09-16..2024-09-13', maxWorkers: 1 })
    expect({ created, askedAtCreate }).toEqual({ created: 4, askedAtCreate: EXPECTED })
  })

  test('are fetched by all workers where the store has nothing to do, however many rows they bring', async () => {
    const symbols = ['A', 'B', 'C', 'D']
    const usual = answering(Object.fromEntries(symbols.map((symbol) => [symbol, barsOf('2024-09-13')])))
    const together = Promise.withResolvers<void>()
    const asked = new Set<string>()
    const ask: Answer = async (call, reservation) => {
      asked.add(call.symbol)
      if (asked.size === symbols.length) together.resolve()
      // The first is stored by then; the others answer when all of them are asked.
      if (call.symbol !== 'A') await together.promise
      return await usual(call, reservation)
    }
    const ran = await ingest({ symbols, ask, dates: '2019-09-16..2024-09-13', maxWorkers: 3 })
    expect(ran.outcomes.map(({ filesWritten }) => filesWritten)).toEqual([1, 1, 1, 1])
  })
})
