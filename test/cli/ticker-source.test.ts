import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { readSymbols, type ListEffects } from '../../lib/cli/ticker-source.ts'
import { MAX_TICKER_LIST_BYTES } from '../../lib/cli/tickers.ts'
import { openShelf, type Shelf } from '../support/lakes/folder-store.ts'
import { failureOf } from '../support/values.ts'

const CLOSED: ListEffects = {
  openStore: async () => await Promise.reject(new Error('no store is to be opened')),
  readTextFile: async () => await Promise.reject(new Error('no file is to be read')),
}

describe('--tickers', () => {
  test('opens no door', async () => {
    const { symbols, duplicates } = await readSymbols({ kind: 'flag', list: 'aapl, MSFT,AAPL' }, CLOSED)
    expect({ symbols, duplicates }).toEqual({ symbols: ['AAPL', 'MSFT'], duplicates: ['AAPL'] })
  })

  test('with a bad symbol is a usage error', async () => {
    const error = await failureOf(readSymbols({ kind: 'flag', list: 'AAPL,../x' }, CLOSED))
    expect(error).toMatchObject({ kind: 'usage', scope: 'run' })
  })
})

describe('a file', () => {
  const file = { kind: 'file', path: 'my list.csv' } as const

  test('is read once, with the cap', async () => {
    const asked: unknown[] = []
    const readTextFile: ListEffects['readTextFile'] = async (...args) => {
      asked.push(args)
      return 'symbol,name\nAAPL,Apple\n# no\nMSFT,Microsoft\n'
    }
    expect((await readSymbols(file, { ...CLOSED, readTextFile })).symbols).toEqual(['AAPL', 'MSFT'])
    expect(asked).toEqual([['my list.csv', MAX_TICKER_LIST_BYTES]])
  })

  test.each([
    [undefined, 'There is no ticker list at my list.csv.'],
    ['', 'my list.csv'],
    ['AAPL\nMSFT;GOOG\n', 'line 2'],
  ])('of %p is a usage error that names it', async (text, expected) => {
    const error = await failureOf(readSymbols(file, { ...CLOSED, readTextFile: async () => text }))
    expect(error).toMatchObject({ kind: 'usage', scope: 'run' })
    expect(error.message).toContain(expected)
  })
})

describe('an object in a bucket', () => {
  let shelf: Shelf
  beforeEach(async () => {
    shelf = await openShelf()
  })
  afterEach(() => shelf.remove())

  const source = { kind: 's3', bucket: 'lists', key: 'us/all.csv' } as const
  const read = async (targets: unknown[] = []) =>
    await readSymbols(source, {
      ...CLOSED,
      openStore: async (target) => {
        targets.push(target)
        return shelf.store
      },
    })

  test('is read from the bucket it names', async () => {
    await Bun.write(join(shelf.folder, 'us/all.csv'), '\uFEFFAAPL\r\nBRK.B\r\n')
    const targets: unknown[] = []
    expect((await read(targets)).symbols).toEqual(['AAPL', 'BRK-B'])
    expect(targets).toEqual([{ kind: 's3', bucket: 'lists' }])
  })

  test('that is not there is a usage error with its place', async () => {
    const error = await failureOf(read())
    expect(error).toMatchObject({ kind: 'usage' })
    expect(error.message).toContain('s3://lists/us/all.csv')
  })

  test('that is too large is a usage error and not read', async () => {
    await Bun.write(join(shelf.folder, 'us/all.csv'), 'A\n'.repeat(MAX_TICKER_LIST_BYTES))
    expect(await failureOf(read())).toMatchObject({ kind: 'usage' })
  })
})
