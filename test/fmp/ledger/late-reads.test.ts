import { expect, test } from 'bun:test'
import { createLateReads, MAX_LATE_MS } from '../../../lib/fmp/ledger/late-reads.ts'
import { MAX_AGE_MS } from '../../../lib/fmp/ledger/leases.ts'

const PLACE = 's3://bucket/logs/ingest/ledger/date=2026-11-28/7f83b1657ff1fc53.json'

/** What comes of reads that took so many milliseconds, one after the other. */
function errorAfter(...tookMs: readonly number[]) {
  const reads = createLateReads()
  for (const ms of tookMs) reads.note(ms, PLACE)
  return reads.error()
}

const many = (count: number, ms: number) => Array.from({ length: count }, () => ms)

test('late reads end the run once they have taken five minutes together', () => {
  expect(errorAfter()).toBeUndefined()
  expect(errorAfter(...many(24, 12_000))).toBeUndefined()
  const error = errorAfter(13_260, ...many(24, 12_000))
  expect(error).toMatchObject({ kind: 'store', scope: 'run' })
  expect(error?.message).toBe(
    `${PLACE}: the store took 12.0 to 13.3 s for each of the last 25 reads of the ledger, but a call may start only in the 10 s after a read was sent`,
  )
  expect(error?.hint).toContain('Run nearer to the store (in the region of the bucket)')
  expect(error?.hint).toContain('without --ledger')
})

test('a read that a call may still start on is none of them, and the count begins anew', () => {
  expect(errorAfter(...many(1_000, MAX_AGE_MS))).toBeUndefined()
  expect(errorAfter(...many(24, 12_000), MAX_AGE_MS, ...many(24, 12_000))).toBeUndefined()
  expect(errorAfter(...many(24, 12_000), 5, ...many(25, 12_000))?.message).toContain('the last 25 reads')
})

test('one or two of any length are none: the process may have been stopped', () => {
  expect(errorAfter(3_600_000, MAX_LATE_MS)).toBeUndefined()
  expect(errorAfter(3_600_000, MAX_LATE_MS, MAX_AGE_MS + 1)).toBeDefined()
})
