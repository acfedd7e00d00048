// Processes that share the limits of one key: the real program, several at once, and what the vendor saw.

import { describe, expect, test } from 'bun:test'
import { barsFor } from '../support/bars.ts'
import { setS3Stage, setStage, type Stage } from '../support/runs/stage.ts'

const SYMBOLS = Array.from({ length: 24 }, (_, index) => `S${index}`)
const DAY = '2024-09-16'
const TICKERS = ['--tickers', SYMBOLS.join(',')]
const INTERVAL_MS = 50

const PLACES = [
  ['a folder', async () => await setStage({ bars: barsFor(SYMBOLS, DAY, DAY) })],
  ['a bucket', async () => await setS3Stage({ bars: barsFor(SYMBOLS, DAY, DAY) })],
] as const

/** Runs of all shards at once, each in a process of its own. */
async function runShards(stage: Stage, count: number, env: Readonly<Record<string, string>>) {
  const runs = Array.from({ length: count }, (_, index) =>
    stage.spawn([...TICKERS, '--shard', `${index + 1}/${count}`, '--ledger'], { isShared: true, env }),
  )
  return await Promise.all(runs.map(async ({ done }) => await done))
}

const gapsMs = (stage: Stage): readonly number[] => {
  const times = stage.fmp.requests.map(({ atMs }) => atMs).toSorted((a, b) => a - b)
  return times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0))
}

describe.each(PLACES)('with a ledger in %s', (_place, setPlace) => {
  test('three processes together keep the rate of one, and miss nothing', async () => {
    await using stage = await setPlace()
    const runs = await runShards(stage, 3, { RATE_LIMIT_SECONDS: String(INTERVAL_MS / 1_000) })
    console.log(runs.map((r) => [r.code, r.stderr, r.stdout].join('\n')).join('\n'))
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0])
    expect(stage.fmp.requests).toHaveLength(2 * SYMBOLS.length)
    console.log(
      gapsMs(stage)
        .toSorted((a, b) => a - b)
        .slice(0, 5),
      stage.fmp.requests.at(-1)!.atMs - stage.fmp.requests[0]!.atMs,
    )
  })
})
