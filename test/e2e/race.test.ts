// Two whole runs at once over one lake: every file is written once, and both runs account for it.

import { describe, expect, test } from 'bun:test'
import { priceFiles, priceKeys } from '../support/lakes/lake.ts'
import type { Run } from '../support/runs/checks.ts'
import { barsFor, dayKey, sessions } from '../support/bars.ts'
import { metricsOf, setS3Stage, setStage, type Stage } from '../support/runs/stage.ts'

const FIVE = ['A', 'B', 'C', 'D', 'E']
const DAY = '2024-09-16'
const BACKFILL = ['--tickers', FIVE.join(','), '--backfill', '--from-date', '2023-01-01']

/** Starts two runs, one of them in this process, and answers neither before both have surveyed the store. */
async function race(stage: Stage, args: readonly string[]): Promise<readonly Run[]> {
  const { promise: bothAsk, resolve } = Promise.withResolvers<undefined>()
  const before = stage.fmp.requests.length
  stage.onRequest = ({ n }) => {
    if (n === before + 2) resolve(undefined)
    return bothAsk
  }
  const first = stage.start(args, { isShared: true })
  const second = stage.spawn(args, { isShared: true })
  const runs = await Promise.all([first.done, second.done])
  stage.onRequest = undefined
  expect(runs.map(({ code }) => code)).toEqual([0, 0])
  expect(new Set(runs.map(({ metricsKey }) => metricsKey)).size).toBe(2)
  expect((await stage.lake.keys()).filter((key) => key.includes('.ingest-tmp'))).toEqual([])
  return runs
}

function writtenBy(runs: readonly Run[]): number {
  return runs.map(metricsOf).reduce((sum, { files_written: files }) => sum + files, 0)
}

describe.concurrent('two whole runs at once over one bucket', () => {
  test.each<[string, string | undefined, number]>([
    ['create every file once', undefined, 10],
    ['refresh every file once', '2024-09-12T13:00:00Z', 5],
  ])('%s', async (_name, earlier, files) => {
    await using stage = await setS3Stage({ bars: barsFor(FIVE, '2023-01-03', DAY) })
    if (earlier !== undefined) await stage.run(BACKFILL, { now: earlier })
    const runs = await race(stage, BACKFILL)
    expect(writtenBy(runs)).toBe(files)
    expect(await priceKeys(stage.lake)).toHaveLength(10)
    // Each file bears the id of the run that says it wrote it.
    const owners = Map.groupBy(stage.s3.objects.entries(), ([, { metadata }]) => metadata['run-id'])
    for (const { counts, differing_files: differing, ...metrics } of runs.map(metricsOf)) {
      const own = owners.get(metrics.run_uuid)?.filter(([key]) => key.includes('/prices/')) ?? []
      expect(own).toHaveLength(metrics.files_written)
      expect(counts.stored + counts.already_stored).toBe(5 * sessions('2023-01-01', DAY).length)
      expect(differing).toBe(0)
    }
  })

  test('store every day file once, and a run that comes later finds it all', async () => {
    await using stage = await setS3Stage({ bars: barsFor(FIVE, '2024-09-03', DAY) })
    const args = ['--tickers', FIVE.join(','), '--from-date', '2024-09-03']
    const runs = await race(stage, args)
    expect(writtenBy(runs)).toBe(5 * sessions('2024-09-03', DAY).length)
    const later = await stage.run(args)
    expect({ calls: later.requests.length, changed: later.changed }).toEqual({ calls: 0, changed: [] })
  })
})

describe.concurrent('two whole runs at once over one folder', () => {
  test('create every file once', async () => {
    await using stage = await setStage({ bars: barsFor(FIVE, '2023-01-03', DAY) })
    await using calm = await setStage({ bars: stage.bars })
    expect(writtenBy(await race(stage, BACKFILL))).toBe(10)
    await calm.run(BACKFILL)
    expect(await priceFiles(stage.lake)).toEqual(await priceFiles(calm.lake))
  })

  test('refresh to whole files', async () => {
    await using stage = await setStage({ bars: barsFor(FIVE, '2023-01-03', DAY) })
    await using calm = await setStage({ bars: stage.bars })
    await stage.run(BACKFILL, { now: '2024-09-12T13:00:00Z' })
    expect(writtenBy(await race(stage, BACKFILL))).toBeGreaterThanOrEqual(5)
    await calm.run(BACKFILL, { now: '2024-09-12T13:00:00Z' })
    await calm.run(BACKFILL)
    expect(await priceFiles(stage.lake)).toEqual(await priceFiles(calm.lake))
  })

  test('in different modes do not meet', async () => {
    await using stage = await setStage({ bars: barsFor(FIVE, '2023-01-03', DAY) })
    const daily = stage.start(['--tickers', FIVE.join(',')], { isShared: true })
    const backfill = stage.spawn(BACKFILL, { isShared: true })
    const runs = await Promise.all([daily.done, backfill.done])
    expect(runs.map(({ code }) => code)).toEqual([0, 0])
    expect(writtenBy(runs)).toBe(15)
    expect(await priceKeys(stage.lake)).toContain(dayKey('A', DAY))
  })
})
