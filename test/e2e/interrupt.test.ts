// Runs that are interrupted or killed: what is stored is whole, what is said is true, and the next run completes it.

import { describe, expect, test } from 'bun:test'
import { barsFor, dayKey, SEED } from '../support/bars.ts'
import { metricsOf, setS3Stage, setStage } from '../support/runs/stage.ts'
import { recordedError } from '../support/recorded.ts'
import { seededRandom } from '../support/random.ts'
import { priceFiles, readRows } from '../support/lakes/lake.ts'

const SIX = ['A', 'B', 'C', 'D', 'E', 'F']
const LIST = ['--tickers', SIX.join(',')]
const DAY = '2024-09-16'
const ONE_AT_A_TIME = { MAX_WORKERS: '1', UPLOAD_CONCURRENCY: '1' }

describe.concurrent('an interrupted run', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s finishes the write in flight, tells the truth, and exits %d', async (signal, code) => {
    const bars = barsFor(SIX, DAY, DAY)
    await using stage = await setS3Stage({ bars })
    await using calm = await setS3Stage({ bars })
    const running = stage.spawn(LIST, { env: ONE_AT_A_TIME })
    stage.s3.onRequest = ({ operation, key }) => {
      if (operation !== 'put' || !key.includes('symbol=C')) return undefined
      running.kill(signal)
      return { action: 'delay', ms: 300 }
    }
    const run = await running.done
    expect(run.code).toBe(code)
    expect(run.changed).toEqual(['A', 'B', 'C'].map((symbol) => dayKey(symbol, DAY)))
    expect(metricsOf(run)).toMatchObject({
      interrupted: true,
      stopped_by: 'interrupted',
      files_written: 3,
      run_errors: [],
    })
    expect(metricsOf(run).counts).toMatchObject({ stored: 3, not_reached: 3, failed: 0 })
    expect(run.stdout).not.toContain('✅')
    expect(run.stderr).toContain(signal)

    stage.s3.onRequest = () => undefined
    const dated = [...LIST, '--from-date', DAY]
    const next = await stage.run(dated)
    expect(new Set(next.requests.map(({ symbol }) => symbol))).toEqual(new Set(['D', 'E', 'F']))
    await calm.run(dated)
    expect(await priceFiles(stage.lake)).toEqual(await priceFiles(calm.lake))
  })

  test('does not wait for an API that is silent, nor for its turn', async () => {
    await using stage = await setStage({ bars: barsFor(SIX, DAY, DAY) })
    const running = stage.start(LIST, { env: { RATE_LIMIT_SECONDS: '0.01', MAX_WORKERS: '2' } })
    stage.onRequest = ({ n }) => {
      if (n < 6) return undefined
      running.kill('SIGTERM')
      return 'hang'
    }
    const run = await running.done
    expect(run.code).toBe(143)
    expect(metricsOf(run).duration_seconds).toBeLessThan(1)
    expect(metricsOf(run)).toMatchObject({ interrupted: true, errors: 0 })
    expect(metricsOf(run).counts.stored).toBe(run.changed.length)

    const waiting = stage.start(LIST, { env: { RATE_LIMIT_SECONDS: '3600' } })
    stage.onRequest = () => {
      waiting.kill('SIGINT')
      return undefined
    }
    const waited = await waiting.done
    expect({ code: waited.code, calls: waited.requests.length }).toEqual({ code: 130, calls: 1 })
    expect(waited.stderr).not.toMatch(/^❌ [A-F]:/m)

    // Nor for the end of a pause that the vendor has asked for.
    const paused = stage.start(LIST)
    stage.onRequest = () => {
      paused.kill('SIGINT', 1_000)
      return recordedError('call-limit')
    }
    const cut = await paused.done
    expect({ code: cut.code, seconds: metricsOf(cut).duration_seconds }).toEqual({ code: 130, seconds: 1 })
  })

  const HANGING: readonly [name: string, uploads: string, isProven: boolean][] = [
    ['of a store that has taken none yet', '1', false],
    ['with all turns taken', '2', true],
    ['in as many requests as the runtime sends at once', '256', true],
  ]
  test.each(HANGING)('gives up writes that hang, %s, and stores its metrics', async (_name, uploads, isProven) => {
    const bars = barsFor(['A'], '2023-06-01', DAY)
    await using stage = await setS3Stage({ bars })
    const running = stage.spawn(['--tickers', 'A', '--from-date', '2023-06-01'], {
      env: { UPLOAD_CONCURRENCY: uploads },
    })
    let [puts, hanging] = [0, 0]
    stage.s3.onRequest = ({ operation, key }) => {
      if (operation !== 'put' || key.startsWith('logs/')) return undefined
      puts += 1
      // The first file is sent twice: that proves the store.
      if (isProven && puts <= 2) return undefined
      hanging += 1
      if (hanging === Number(uploads)) running.kill('SIGTERM')
      return { action: 'hang' }
    }
    const run = await running.done
    expect(run.code).toBe(143)
    const stored = isProven ? 1 : 0
    expect(run.changed).toHaveLength(stored)
    expect(metricsOf(run)).toMatchObject({ interrupted: true, run_errors: [], errors: 0 })
    expect(metricsOf(run).counts).toMatchObject({ stored, failed: 0, not_reached: metricsOf(run).sessions - stored })
    expect(hanging).toBe(Number(uploads))
  })

  test('does not wait for a store that is silent when asked how far back a symbol goes', async () => {
    await using stage = await setS3Stage({ bars: { NONE: [] } })
    const running = stage.spawn(['--tickers', 'NONE'])
    let asked = 0
    stage.s3.onRequest = ({ operation }) => {
      if (operation !== 'list' || stage.fmp.requests.length === 0) return undefined
      asked += 1
      running.kill('SIGINT')
      return { action: 'hang' }
    }
    const run = await running.done
    // A silent request is given up after 20 seconds, and sent again.
    expect(asked).toBe(1)
    expect(run.code).toBe(130)
    expect(metricsOf(run).counts).toMatchObject({ not_reached: 1, failed: 0 })
  })

  test('before its first call leaves no metrics', async () => {
    await using stage = await setS3Stage({ bars: barsFor(SIX, DAY, DAY) })
    const running = stage.spawn(LIST)
    stage.s3.onRequest = () => {
      running.kill('SIGINT')
      return { action: 'hang' }
    }
    const run = await running.done
    expect({ code: run.code, metrics: run.metricsKey, calls: run.requests.length }).toEqual({
      code: 130,
      metrics: undefined,
      calls: 0,
    })
  })

  test('ends at once at a second signal', async () => {
    await using stage = await setS3Stage({ bars: barsFor(SIX, DAY, DAY) })
    const running = stage.spawn(LIST, { env: ONE_AT_A_TIME, isShared: true })
    stage.s3.onRequest = ({ operation, key }) => {
      if (operation !== 'put' || !key.includes('symbol=C')) return undefined
      running.kill('SIGINT')
      setTimeout(() => running.kill('SIGTERM'), 200)
      return { action: 'hang' }
    }
    const run = await running.done
    expect([130, 143]).toContain(run.code)
    // One signal alone would leave the write five seconds, and then have its metrics and its summary.
    expect({ stdout: run.stdout, metrics: run.metricsKey }).toEqual({ stdout: '', metrics: undefined })
    // Others may have been stored beside the one that hangs.
    expect(run.changed).toEqual(expect.arrayContaining([dayKey('A', DAY), dayKey('B', DAY)]))
    expect(run.changed).not.toContain(dayKey('C', DAY))
  })
})

describe('a killed run', () => {
  test('at any instant leaves whole files only, and the next run ends with the files of one never disturbed', async () => {
    console.log(`kill instants: TEST_SEED=${SEED}`)
    const random = seededRandom(SEED)
    const bars = barsFor(SIX, '2020-01-02', DAY)
    // Listed late, delisted, silent for two years: what their files claim of empty years must hold after every kill.
    bars['B'] = bars['B']?.filter(({ date }) => date >= '2022-05') ?? []
    bars['C'] = bars['C']?.filter(({ date }) => date < '2021-05') ?? []
    bars['D'] = bars['D']?.filter(({ date }) => date < '2021' || date >= '2023') ?? []
    const args = [...LIST, '--backfill', '--from-date', '2020-01-01']
    await using calm = await setStage({ bars })
    await calm.run(args)
    const expected = await priceFiles(calm.lake)
    await using stage = await setStage({ bars })
    for (let round = 0; round < 4; round += 1) {
      const running = stage.spawn(args, { isShared: true })
      const asked = stage.fmp.requests.length
      const last = asked + 1 + Math.floor(random() * 5)
      const delayMs = random() * 25
      stage.onRequest = ({ n }) => {
        if (n === last) setTimeout(() => running.kill('SIGKILL'), delayMs)
        return undefined
      }
      await running.done
      // Readable, and each as it is to be.
      const stored = await priceFiles(stage.lake)
      for (const [key, bytes] of Object.entries(stored)) expect(bytes).toBe(expected[key] ?? '')
      await readRows(stage.lake)
    }
    stage.onRequest = undefined
    const run = await stage.run(args)
    expect(run.code).toBe(0)
    expect(await priceFiles(stage.lake)).toEqual(expected)
    expect((await stage.run(args)).requests).toEqual([])
  })
})
