// What the commands that look at a lake make of shards, in this process: the findings of all shards are those of one look, and a
// lake that shards feed is told of as one that a single process feeds.

import { describe, expect, test } from 'bun:test'
import type { Verified, VerifiedFinding } from '../../../lib/report/verify.ts'
import type { Why } from '../../../lib/report/why.ts'
import { barsFor, dayKey, yearKey } from '../../support/bars.ts'
import { schemaErrors } from '../../support/json-schema.ts'
import { setMemoryStage, type MemoryStage } from '../../support/runs/memory-stage.ts'
import { setS3Stage } from '../../support/runs/stage.ts'

const SYMBOLS = Array.from({ length: 12 }, (_, index) => `V${String.fromCharCode(65 + index)}`)
const LIST = ['--tickers', SYMBOLS.join(',')]

/** A lake of twelve symbols, two months as year files and two nights, with a table, in which much is wrong. */
async function setWrongLake(): Promise<MemoryStage> {
  const stage = setMemoryStage()
  Object.assign(stage.bars, barsFor(SYMBOLS, '2023-12-01', '2024-01-31'))
  const run = async (args: readonly string[], now: string) =>
    expect(await stage.run([...LIST, ...args], now)).toMatchObject({ code: 0 })
  await run(['--backfill', '--from-date', '2023-12-01', '--table'], '2024-01-30T13:00:00Z')
  await run(['--table'], '2024-01-31T13:00:00Z')
  const { store } = stage
  const put = async (key: string) => await store.replace(key, new Uint8Array(40), {})
  // Symbols that end earlier, a damaged file, files and folders of nobody, symbols without raw files.
  for (const symbol of SYMBOLS.slice(0, 3)) store.remove(dayKey(symbol, '2024-01-30'))
  await put(yearKey('VD', 2023))
  for (const key of ['readme.txt', 'symbol=ve/x.parquet', 'other/y.parquet', 'symbol=VF/year=2024/odd.parquet']) {
    await put(`raw/prices/${key}`)
  }
  for (const symbol of ['VK', 'VL']) {
    for (const key of [...store.files.keys()].filter((one) => one.includes(`symbol=${symbol}/`))) store.remove(key)
  }
  await put('tables/prices/stray.parquet')
  await put('raw/fundamentals/type=income/stray.parquet')
  return stage
}

async function verify(stage: MemoryStage, args: readonly string[]): Promise<Verified> {
  const { stdout } = await stage.run(['verify', '--json', ...args], '2024-01-31T23:00:00Z')
  const document = JSON.parse(stdout) as Verified
  expect(schemaErrors('verify', document)).toEqual([])
  return document
}

const kindsOf = (findings: readonly VerifiedFinding[]) => [...new Set(findings.map(({ kind }) => kind))].toSorted()
const textsOf = (findings: readonly VerifiedFinding[]) => findings.map((finding) => JSON.stringify(finding)).toSorted()
/** A file of the table that is behind names symbols, and each shard its own. */
const isBehind = ({ kind }: VerifiedFinding) => kind === 'table_behind'

const behindIn = (findings: readonly VerifiedFinding[]) =>
  findings.filter(isBehind).flatMap(
    ({ key, detail }) =>
      /: ([^:]*)$/
        .exec(detail)?.[1]
        ?.split(', ')
        .map((symbol) => `${key} ${symbol}`) ?? [],
  )

describe('verify', () => {
  test.each([
    [3, []],
    [8, ['--deep']],
    [3, ['--deep', ...LIST, '--from-date', '2023-12-05']],
  ])('by %d shards finds, all together, what one look finds %j', async (shards, args) => {
    const stage = await setWrongLake()
    const whole = await verify(stage, args)
    expect(kindsOf(whole.findings).length).toBeGreaterThan(4)
    const parts = await Promise.all(
      Array.from(
        { length: shards },
        async (_, index) => await verify(stage, [...args, '--shard', `${index + 1}/${shards}`]),
      ),
    )
    const found = parts.flatMap(({ findings }) => findings)
    expect(textsOf(found.filter((one) => !isBehind(one)))).toEqual(
      textsOf(whole.findings.filter((one) => !isBehind(one))),
    )
    expect(behindIn(found).toSorted()).toEqual(behindIn(whole.findings).toSorted())
    expect(parts.flatMap(({ symbols }) => symbols.map(({ symbol }) => symbol)).toSorted()).toEqual(
      whole.symbols.map(({ symbol }) => symbol).toSorted(),
    )
    expect(parts.map(({ shard }) => shard)).toEqual(parts.map((_part, index) => ({ index: index + 1, count: shards })))
  })

  test('in the task of an array looks at its part, and says so', async () => {
    const stage = await setWrongLake()
    const run = await stage.run(['verify', '--shard', '2/3'], '2024-01-31T23:00:00Z')
    expect(run.stderr).toBe('ℹ️  Shard 2 of 3 (--shard 2/3): a part of the lake. --shard none takes all of it.\n')
    expect(run.stdout).toMatch(/❌ Something is wrong: shard 2 of 3, \d+ symbols?, /)
  })
})

/** Two nights of eight shards each, all of a night at the same second. */
async function setFedLake(): Promise<MemoryStage> {
  const stage = setMemoryStage()
  Object.assign(stage.bars, barsFor(SYMBOLS, '2023-12-01', '2024-01-31'))
  const night = async (now: string) => {
    for (let index = 1; index <= 8; index += 1) {
      await stage.run([...LIST, '--shard', `${index}/8`, '--run-group', now.slice(0, 10)], now)
    }
  }
  await night('2024-01-30T13:00:00Z')
  await night('2024-01-31T13:00:00Z')
  return stage
}

describe('a lake that shards feed', () => {
  test('`why` names the document of the symbol’s own shard, though all shards begin in one second', async () => {
    const stage = await setFedLake()
    for (const symbol of SYMBOLS) {
      const { stdout } = await stage.run(['why', symbol, '2024-01-30', '--json'], '2024-02-01T13:00:00Z')
      const why = JSON.parse(stdout) as Why
      const key = why.objects[0]?.run ?? ''
      expect(new TextDecoder().decode(stage.store.files.get(key))).toContain(`"symbol": "${symbol}"`)
      expect(why.history.map(({ run }) => run)).toEqual([key])
    }
  })
})

test('shards that keep one table in a bucket at once lose no row of it', async () => {
  await using stage = await setS3Stage({ bars: barsFor(SYMBOLS, '2024-01-02', '2024-01-30') })
  const shards = async (args: readonly string[], now: string) => {
    const runs = await Promise.all(
      Array.from(
        { length: 4 },
        async (_, index) =>
          await stage.run([...LIST, '--table', '--shard', `${index + 1}/4`, ...args], { now, isShared: true }),
      ),
    )
    expect(runs.map(({ code }) => code)).toEqual(runs.map(() => 0))
  }
  const check = async (now: string) => await stage.run(['table', '--check'], { now })
  // On an empty prefix, where each of them makes the layout and every file.
  await shards(['--backfill', '--from-date', '2024-01-01'], '2024-01-29T13:00:00Z')
  expect(await check('2024-01-29T14:00:00Z')).toMatchObject({ code: 0 })
  await shards([], '2024-01-30T13:00:00Z')
  expect(await check('2024-01-30T14:00:00Z')).toMatchObject({ code: 0 })
}, 60_000)
