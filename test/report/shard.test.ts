import { expect, test } from 'bun:test'
import { callIntervalSeconds } from '../../lib/core/config.ts'
import { partText, shardFact, shardNotes } from '../../lib/report/shard.ts'

const shard = { index: 3, count: 8, source: 'SLURM_ARRAY_TASK_ID 2 of 0 to 7' }

test('a run says which shard it is, why, how to turn it off, and the interval that it keeps', () => {
  expect(shardNotes({ shard, rateLimitSeconds: 15, usesLedger: false, maxCalls: 240 }, 1_250, 10_000)).toEqual([
    'Shard 3 of 8 (SLURM_ARRAY_TASK_ID 2 of 0 to 7): 1,250 of 10,000 symbols. --shard none takes all of them.',
    'Shard 3 of 8 without --ledger: one call per 120 s, so that all together keep one per 15 s.',
    '--max-calls 240 is of each shard: all together may make 1,920 calls.',
  ])
})

test.each([
  ['with a ledger', { shard, rateLimitSeconds: 15, usesLedger: true }, 1, 15],
  ['without a rate limit', { shard, rateLimitSeconds: 0, usesLedger: false }, 1, 0],
  ['of the only shard', { shard: { ...shard, index: 1, count: 1 }, rateLimitSeconds: 15, usesLedger: false }, 0, 15],
  ['without a shard', { shard: undefined, rateLimitSeconds: 0.25, usesLedger: false }, 0, 0.25],
  ['of three at a tenth', { shard: { ...shard, count: 3 }, rateLimitSeconds: 0.1, usesLedger: false }, 2, 0.3],
])('%s', (_name, config, notes, seconds) => {
  expect(shardNotes({ ...config, maxCalls: undefined }, 1, 2)).toHaveLength(notes)
  expect(callIntervalSeconds(config)).toBe(seconds)
})

test('documents name the only shard too, texts do not', () => {
  expect([shardFact(shard), shardFact({ index: 1, count: 1 }), shardFact(undefined)]).toEqual([
    { index: 3, count: 8 },
    { index: 1, count: 1 },
    null,
  ])
  expect([partText(shard), partText({ index: 1, count: 1 }), partText(null)]).toEqual(['3 of 8', undefined, undefined])
})
