// Processes that share the limits of one key: the real program, several at once, and what the vendor saw of them.

import { describe, expect, test } from 'bun:test'
import { fingerprintOf } from '../../lib/commands/ledger.ts'
import type { LedgerState } from '../../lib/fmp/ledger/state.ts'
import { barsFor } from '../support/bars.ts'
import { KEY } from '../support/runs/in-process.ts'
import { setS3Stage, setStage, type Stage } from '../support/runs/stage.ts'

const SYMBOLS = Array.from({ length: 24 }, (_, index) => `S${index}`)
const DAY = '2024-09-16'
const TICKERS = ['--tickers', SYMBOLS.join(',')]
const FAST = { RATE_LIMIT_SECONDS: '0.02' }

const bars = () => barsFor(SYMBOLS, DAY, DAY)

const PLACES = [
  ['a folder', async () => await setStage({ bars: bars() })],
  ['a bucket', async () => await setS3Stage({ bars: bars() })],
] as const

/** Runs of all shards at once, each in a process of its own. */
async function runShards(stage: Stage, count: number, env: Readonly<Record<string, string>>) {
  const runs = Array.from({ length: count }, (_, index) =>
    stage.spawn([...TICKERS, '--shard', `${index + 1}/${count}`, '--ledger'], { isShared: true, env }),
  )
  return await Promise.all(runs.map(async ({ done }) => await done))
}

/** The newest version of the only ledger in the lake. */
async function ledgerOf({ lake }: Stage): Promise<LedgerState> {
  const keys = (await lake.keys()).filter((key) => key.startsWith('logs/ingest/ledger/'))
  const newest = keys.toSorted().at(-1) ?? ''
  expect(newest).toContain(fingerprintOf(KEY))
  return JSON.parse(new TextDecoder().decode(await lake.bytes(newest))) as LedgerState
}

describe.concurrent.each(PLACES)('with a ledger in %s', (_place, setPlace) => {
  // In processes: virtual time knows nothing of the time of a real server.
  test('three processes make the calls of one, and the ledger has counted each', async () => {
    await using stage = await setPlace()
    const runs = await runShards(stage, 3, FAST)
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0])
    expect(stage.fmp.requests).toHaveLength(2 * SYMBOLS.length)
    const { closedCalls, leases } = await ledgerOf(stage)
    expect({ closedCalls, leases }).toEqual({ closedCalls: 2 * SYMBOLS.length, leases: [] })
  })

  test('they stop before a symbol that the calls of the day cannot pay, and a later run knows it', async () => {
    await using stage = await setPlace()
    const env = { ...FAST, DAILY_CALLS: '7' }
    const runs = await runShards(stage, 3, env)
    expect(stage.fmp.requests.length).toBeLessThanOrEqual(7)
    expect(runs.map(({ code }) => code)).toEqual([3, 3, 3])
    const later = await stage.spawn([...TICKERS, '--ledger'], { env, isShared: true }).done
    expect(later.code).toBe(3)
    expect(later.stderr).toContain('needs 2 calls and DAILY_CALLS leaves')
    expect(stage.fmp.requests.length).toBeLessThanOrEqual(7)
    const dry = await stage.run([...TICKERS, '--ledger', '--dry-run'], { env })
    expect(dry.stdout).toContain(' of 7 calls left today for all runs with this key')
  })

  test('a run alone spends the calls of the day on whole symbols', async () => {
    await using stage = await setPlace()
    const env = { ...FAST, DAILY_CALLS: '11' }
    const run = await stage.spawn([...TICKERS, '--ledger'], { env, isShared: true }).done
    expect(run.code).toBe(3)
    expect(run.stdout).toContain('Files written: 5')
    expect(stage.fmp.requests).toHaveLength(10)
    expect(run.stderr).toContain('needs 2 calls and DAILY_CALLS leaves 1 today')
    expect(run.stderr).toContain('11 of 11 calls left today for all runs with this key.')
  })
})
