// Many at once over one store: every file once, whole, and never a shorter year. Two runs alone are in cli.race.test.ts.

import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { falseClaims, dataFacts } from '../kill/look.ts'
import { disposableFolder, readRows } from '../support/lakes/lake.ts'
import type { Run } from '../support/runs/checks.ts'
import { ROOT } from '../support/runs/process.ts'
import { barsFor, yearKey } from '../support/bars.ts'
import { metricsOf, setS3Stage, setStage, type Stage } from '../support/runs/stage.ts'

const SYMBOLS = ['A', 'B', 'C', 'D']
const LIST = ['--tickers', SYMBOLS.join(',')]
const NEXT_MORNING = '2024-09-18T13:00:00Z'

/** Starts several runs, one of them in this process, and answers none before all have surveyed the store. */
async function race(stage: Stage, args: readonly (readonly string[])[]): Promise<readonly Run[]> {
  const { promise: allAsk, resolve } = Promise.withResolvers<undefined>()
  const before = stage.fmp.requests.length
  // Until a first answer each run sends one request only.
  stage.onRequest = ({ n }) => {
    if (n === before + args.length) resolve(undefined)
    return allAsk
  }
  const starts = args.map((own, index) => stage[index === 0 ? 'start' : 'spawn'](own, { isShared: true }))
  const runs = await Promise.all(starts.map(async ({ done }) => await done))
  stage.onRequest = undefined
  return runs
}

function filesWritten(runs: readonly Run[]): number {
  return runs.map(metricsOf).reduce((sum, { files_written: files }) => sum + files, 0)
}

describe('four whole runs at once', () => {
  test('over one bucket store every file once, with the rows of a run that was alone', async () => {
    await using stage = await setS3Stage({ bars: barsFor(SYMBOLS, '2023-01-03', '2024-09-17') })
    await using calm = await setStage({ bars: stage.bars })
    const stored: string[] = []
    const { objects } = stage.s3
    const set = objects.set.bind(objects)
    objects.set = (key, object) => {
      stored.push(key)
      return set(key, object)
    }
    const args = [...LIST, '--backfill', '--from-date', '2023-01-01']
    const runs = await race(stage, [args, args, args, args])
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0, 0])
    expect(filesWritten(runs)).toBe(2 * SYMBOLS.length)
    // Metrics included: four documents under four names.
    expect(stored.toSorted()).toEqual([...new Set(stored)].toSorted())
    expect(stored).toHaveLength(2 * SYMBOLS.length + 4)
    await calm.run(args)
    expect(await dataFacts(stage.lake)).toEqual(await dataFacts(calm.lake))
  })

  test('over one folder store every file once, with the rows of a run that was alone', async () => {
    await using stage = await setStage({ bars: barsFor(SYMBOLS, '2024-09-03', '2024-09-17') })
    await using calm = await setStage({ bars: stage.bars })
    const args = [...LIST, '--from-date', '2024-09-03']
    const runs = await race(stage, [args, args, args, args])
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0, 0])
    await calm.run(args)
    const alone = await dataFacts(calm.lake)
    expect(filesWritten(runs)).toBe(alone.size)
    expect(await dataFacts(stage.lake)).toEqual(alone)
    expect((await stage.lake.keys()).filter((key) => key.includes('.ingest-tmp'))).toEqual([])
  })

  test('of different ranges leave true footers, and one more run brings all together', async () => {
    await using stage = await setS3Stage({ bars: barsFor(SYMBOLS, '2019-01-02', '2024-09-17') })
    await using calm = await setStage({ bars: stage.bars })
    stage.bars['D'] = stage.bars['D']?.filter(({ date }) => date >= '2022-03-01') ?? []
    calm.bars['D'] = stage.bars['D']
    const backfillFrom = (from: string) => [...LIST, '--backfill', '--from-date', from]
    const widest = backfillFrom('2018-01-01')
    const daily = [...LIST, '--from-date', '2024-09-12']
    const runs = await race(stage, [backfillFrom('2024-01-01'), backfillFrom('2022-01-01'), widest, daily])
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0, 0])
    expect(await falseClaims(stage.lake, stage.bars)).toEqual([])
    await stage.run(widest)
    expect(await falseClaims(stage.lake, stage.bars)).toEqual([])
    const idle = await stage.run(widest)
    expect({ calls: idle.requests.length, changed: idle.changed }).toEqual({ calls: 0, changed: [] })
    await calm.run(widest)
    await calm.run(daily)
    expect(await dataFacts(stage.lake)).toEqual(await dataFacts(calm.lake))
  })
})

describe.each([
  ['a bucket', setS3Stage],
  ['a folder', setStage],
] as const)('into %s', (_name, setUp) => {
  test.each([
    ['a run that was overtaken by a later one', []],
    ['a forced run that was overtaken by a later one', ['--force']],
  ])('%s does not make the year shorter', async (_what, extra) => {
    await using stage = await setUp({ bars: barsFor(['A'], '2024-01-02', '2024-09-17') })
    const args = ['--tickers', 'A', '--backfill']
    await stage.run(args, { now: '2024-09-12T13:00:00Z' })
    const { promise: isOvertaken, resolve } = Promise.withResolvers<undefined>()
    const { promise: isAsking, resolve: ask } = Promise.withResolvers<undefined>()
    stage.onRequest = () => {
      ask(undefined)
      return isOvertaken
    }
    // It knows the store of before, and its range ends a session earlier.
    const slow = stage.start([...args, ...extra], { isShared: true })
    await isAsking
    stage.onRequest = undefined
    const later = await stage.run(args, { now: NEXT_MORNING, isShared: true })
    expect(later.code).toBe(0)
    resolve(undefined)
    const overtaken = await slow.done
    expect(overtaken.code).toBe(extra.length === 0 ? 0 : 1)
    expect(metricsOf(overtaken).files_written).toBe(0)
    const dates = (await readRows(stage.lake, yearKey('A', 2024))).map(({ date }) => date)
    expect([dates[0], dates.length]).toEqual(['2024-09-17', stage.bars['A']?.length ?? 0])
  })

  test('a run killed beside another leaves the other’s work alone', async () => {
    await using stage = await setUp({ bars: barsFor(SYMBOLS, '2024-09-03', '2024-09-17') })
    await using calm = await setStage({ bars: stage.bars })
    const args = [...LIST, '--from-date', '2024-09-03']
    const survivor = stage.start(args, { isShared: true })
    const victim = stage.spawn(args, { isShared: true })
    stage.onRequest = ({ n }) => {
      // Some files of both are on their way then.
      if (n === 10) victim.kill('SIGKILL')
      return undefined
    }
    const [run] = await Promise.all([survivor.done, victim.done])
    stage.onRequest = undefined
    expect(run.code).toBe(0)
    await calm.run(args)
    expect(await dataFacts(stage.lake)).toEqual(await dataFacts(calm.lake))
    const idle = await stage.run(args)
    expect({ calls: idle.requests.length, changed: idle.changed }).toEqual({ calls: 0, changed: [] })
  })
})

/** A process that tries to create 200 keys, in an order of its own, and prints which of them it won. */
const WRITER = `
  const [folder, id] = process.argv.slice(-2)
  const { openFolderStore } = await import(${JSON.stringify(join(ROOT, 'lib/store/folder/folder.ts'))})
  const store = await openFolderStore({ folder, nowMs: Date.now })
  const keys = Array.from({ length: 200 }, (_, index) => 'race/symbol=S' + (index % 20) + '/' + index)
  const won = []
  const bytes = new TextEncoder().encode(id.repeat(5_000))
  await Promise.all(keys.map(async (key) => {
    if (await store.create(key, bytes, {}) === 'created') won.push(key)
  }))
  console.log(JSON.stringify(won))`

test('12 processes that create the same 200 keys in one folder: one winner each, and its bytes stay', async () => {
  await using folder = await disposableFolder()
  const ids = 'abcdefghijkl'.split('')
  const wins = await Promise.all(
    ids.map(async (id) => {
      const child = Bun.spawn([process.execPath, '--no-env-file', '-e', WRITER, folder.path, id], { stdout: 'pipe' })
      return (JSON.parse(await child.stdout.text()) as string[]).map((key) => [key, id] as const)
    }),
  )
  const winners = Map.groupBy(wins.flat(), ([key]) => key)
  expect(winners.size).toBe(200)
  const wrong: string[] = []
  for (const [key, claims] of winners) {
    const text = await Bun.file(join(folder.path, key)).text()
    if (claims.length !== 1 || text !== claims[0]?.[1].repeat(5_000)) wrong.push(key)
  }
  expect(wrong).toEqual([])
})
