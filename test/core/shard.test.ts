import { describe, expect, test } from 'bun:test'
import { hashOf } from '../../lib/core/hash.ts'
import { inShard, type Shard } from '../../lib/core/shard.ts'

const shardsOf = (count: number): readonly Shard[] =>
  Array.from({ length: count }, (_, index) => ({ index: index + 1, count, source: '--shard' }))

/** 2,000 names as long as symbols, in the order of a list. */
const SYMBOLS = Array.from({ length: 2_000 }, (_, index) => `${index.toString(26)}${index % 7 === 0 ? '-B' : ''}`)
  .map((digits) => digits.toUpperCase().replaceAll(/\d/g, (digit) => 'QRSTUVWXYZ'[Number(digit)] ?? ''))
  .filter((symbol, index, all) => all.indexOf(symbol) === index)

const placeOfEight = (symbol: string) => shardsOf(8).find((shard) => inShard(symbol, shard))?.index

describe('a symbol', () => {
  test.each([1, 2, 3, 8, 64])('belongs to exactly one of %d shards, whatever else the list holds', (count) => {
    const taken = SYMBOLS.map((symbol) => shardsOf(count).filter((shard) => inShard(symbol, shard)).length)
    expect(taken.filter((shards) => shards !== 1)).toEqual([])
  })

  // By another program with FNV-1a and the finalizer of MurmurHash3.
  test('stays in the shard that it was in: the rule is a contract', () => {
    expect(['AAPL', 'MSFT', 'BRK-B', '^GSPC', '600519.SS'].map(placeOfEight)).toEqual([3, 3, 5, 6, 6])
  })
})

test('without a shard, and in the only one, every symbol is taken', () => {
  expect(SYMBOLS.every((symbol) => inShard(symbol, undefined))).toBe(true)
  expect(SYMBOLS.every((symbol) => inShard(symbol, { index: 1, count: 1 }))).toBe(true)
})

describe('the symbols of a shard', () => {
  // Five times the root of the mean: a binomial spread passes it once in a million.
  test.each([2, 3, 8, 16])('are as many as those of another of %d', (count) => {
    const mean = SYMBOLS.length / count
    const sizes = shardsOf(count).map((shard) => SYMBOLS.filter((symbol) => inShard(symbol, shard)).length)
    expect(sizes.filter((size) => Math.abs(size - mean) > 5 * Math.sqrt(mean))).toEqual([])
  })

  // The turn of an audit and the bucket of a table are the hash modulo a number.
  test.each([
    [2, 2],
    [8, 8],
    [8, 16],
    [10, 10],
  ])('of %d shards fall into all of %d turns of the audit alike', (count, turns) => {
    const mean = SYMBOLS.length / count / turns
    for (const shard of shardsOf(count)) {
      const own = SYMBOLS.filter((symbol) => inShard(symbol, shard))
      const sizes = Array.from({ length: turns }, (_, turn) => own.filter((symbol) => hashOf(symbol) % turns === turn))
      expect(sizes.filter(({ length }) => Math.abs(length - mean) > 5 * Math.sqrt(mean)).length).toBe(0)
    }
  })
})
