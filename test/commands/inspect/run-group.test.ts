// Shards in this process: n runs over one lake are as one run, in what they store and in what `ingest status --run-group` tells.

import { describe, expect, test } from 'bun:test'
import type { Metrics } from '../../../lib/report/contract.ts'
import type { RunGroup } from '../../../lib/report/run-group.ts'
import type { Status } from '../../../lib/report/status.ts'
import { barsFor } from '../../support/bars.ts'
import { schemaErrors } from '../../support/json-schema.ts'
import { setMemoryStage, type MemoryStage } from '../../support/runs/memory-stage.ts'

const SYMBOLS = Array.from({ length: 30 }, (_, index) => `S${String.fromCharCode(65 + (index % 26))}${index}`)
const NIGHT = '2024-09-17T13:00:00Z'
const LOOK = '2024-09-17T20:00:00Z'

function setLake(): MemoryStage {
  const stage = setMemoryStage()
  // The first three have no bar of the last session, the next two none at all.
  Object.assign(stage.bars, barsFor(SYMBOLS.slice(5), '2024-08-01', '2024-09-16'))
  Object.assign(stage.bars, barsFor(SYMBOLS.slice(0, 3), '2024-08-01', '2024-09-13'))
  return stage
}

type Night = {
  readonly shards?: number
  readonly symbols?: readonly string[]
  readonly group?: string
  readonly now?: string
  readonly args?: readonly string[]
}

const shardArgs = (index: number, { shards = 1, group = 'night-1', symbols = SYMBOLS, args = [] }: Night) => [
  ...(shards === 0 ? [] : ['--shard', `${index}/${shards}`]),
  '--run-group',
  group,
  '--tickers',
  symbols.join(','),
  ...args,
]

/** All shards of a night, at the same instant and at once. */
async function runAll(stage: MemoryStage, night: Night): Promise<void> {
  const indexes = Array.from({ length: Math.max(1, night.shards ?? 1) }, (_, index) => index + 1)
  await Promise.all(indexes.map(async (index) => await stage.run(shardArgs(index, night), night.now ?? NIGHT)))
}

async function groupOf(stage: MemoryStage, group = 'night-1', now = LOOK) {
  const { stdout, code } = await stage.run(['status', '--run-group', group, '--json'], now)
  const document = JSON.parse(stdout) as RunGroup
  expect(schemaErrors('run-group', document)).toEqual([])
  expect(code).toBe(document.ok ? 0 : 1)
  return document
}

/** Without what tells one process from several. */
function totalsOf({ shards: _shards, documents: _documents, ended: _ended, ...totals }: RunGroup) {
  return totals
}

const metricsIn = ({ store }: MemoryStage): readonly Metrics[] =>
  [...store.files]
    .filter(([key]) => /^logs\/ingest\/date=.*\.json$/.test(key))
    .map(([, bytes]) => JSON.parse(new TextDecoder().decode(bytes)) as Metrics)

const isOfSecond = (bytes: Uint8Array) => (JSON.parse(new TextDecoder().decode(bytes)) as Metrics).shard?.index === 2

const rawIn = ({ store }: MemoryStage) => new Map([...store.files].filter(([key]) => key.startsWith('raw/')))

/** The symbols that the second of two nights compares wholly. */
async function turns(shards: number): Promise<readonly string[]> {
  const stage = setLake()
  const symbols = SYMBOLS.slice(5)
  await runAll(stage, { shards, symbols, now: '2024-09-13T13:00:00Z' })
  await runAll(stage, { shards, symbols, now: '2024-09-14T13:00:00Z', group: 'night-2' })
  const ofNight = metricsIn(stage).filter(({ run_group: group }) => group === 'night-2')
  const wholly = ofNight.flatMap(({ results }) => results.filter(({ past }) => past?.wholly === true))
  return wholly.map(({ symbol }) => symbol).toSorted()
}

describe('the shards of a night', () => {
  test.each([1, 3, 8])('are, all %d together, what one process is: lake and totals', async (shards) => {
    const [one, many] = [setLake(), setLake()]
    await runAll(one, { shards: 0 })
    await runAll(many, { shards })
    expect(rawIn(many)).toEqual(rawIn(one))
    const [expected, totals] = [await groupOf(one), await groupOf(many)]
    expect(expected).toMatchObject({ symbols: SYMBOLS.length, shards: 1, documents: 1 })
    expect({ ...totalsOf(totals), ok: true, unfinished: [] }).toEqual({
      ...totalsOf(expected),
      ok: true,
      unfinished: [],
    })
    expect(totals).toMatchObject({ shards, documents: shards, missing: [] })
    const named = metricsIn(many).flatMap(({ results }) => results.map(({ symbol }) => symbol))
    expect(named.toSorted()).toEqual(SYMBOLS.toSorted())
  })

  test('are the same where some were stopped and started again', async () => {
    const [one, many] = [setLake(), setLake()]
    const symbols = SYMBOLS.slice(5)
    await runAll(one, { shards: 0, symbols })
    await runAll(many, { shards: 3, symbols, args: ['--max-calls', '4'] })
    expect(await groupOf(many)).toMatchObject({ ok: false, unfinished: [{ shard: 1 }, { shard: 2 }, { shard: 3 }] })
    await runAll(many, { shards: 3, symbols, now: '2024-09-17T14:00:00Z' })
    const [expected, totals] = [await groupOf(one), await groupOf(many)]
    expect(totalsOf(totals)).toEqual(totalsOf(expected))
    expect(totals).toMatchObject({ ok: true, documents: 6, counts: { stored: 25, already_stored: 0 }, present: 25 })
  })

  test('compare a symbol wholly in its turn of the whole list, however short a shard is', async () => {
    const expected = await turns(0)
    expect(expected.length).toBeGreaterThan(0)
    expect(expected.length).toBeLessThan(25)
    expect(await turns(5)).toEqual(expected)
  })

  test('lack one that left no document, and what it stored is present all the same', async () => {
    const stage = setLake()
    const symbols = SYMBOLS.slice(5)
    await runAll(stage, { shards: 3, symbols })
    // As if shard 2 had been killed before its document.
    const [gone] = [...stage.store.files].find(([key, bytes]) => key.startsWith('logs/') && isOfSecond(bytes)) ?? []
    stage.store.remove(gone ?? '')
    expect(await groupOf(stage)).toMatchObject({ ok: false, missing: [2], documents: 2 })
    await stage.run(shardArgs(2, { shards: 3, symbols }), '2024-09-17T15:00:00Z')
    const group = await groupOf(stage)
    expect(group).toMatchObject({ ok: true, sessions: 25, present: 25 })
    expect(group.counts.already_stored).toBeGreaterThan(0)
  })

  test('are not known to be done while a document is unreadable that may be of one of them', async () => {
    const stage = setLake()
    const symbols = SYMBOLS.slice(5)
    await runAll(stage, { shards: 3, symbols })
    const [key = '', bytes = new Uint8Array()] =
      [...stage.store.files].find(([at, found]) => at.startsWith('logs/') && isOfSecond(found)) ?? []
    // It was cut while somebody copied it.
    await stage.store.replace(key, bytes.slice(0, 100), {})
    const unreadable = [{ key, problem: 'is no JSON' }]
    expect(await groupOf(stage)).toMatchObject({ ok: false, missing: [2], unfinished: [], unreadable })
    // Nor where the shard ran again: the unreadable run may be the later one.
    await stage.run(shardArgs(2, { shards: 3, symbols }), '2024-09-17T12:00:00Z')
    expect(await groupOf(stage)).toMatchObject({ ok: false, missing: [], unfinished: [], unreadable })
    const { stdout, code } = await stage.run(['status', '--run-group', 'night-1'], LOOK)
    expect(code).toBe(1)
    expect(stdout).toContain(`Unreadable: ${key} is no JSON\n`)
    expect(stdout).toContain(
      '❌ Not done: 1 document unreadable, perhaps of this group. Move what is unreadable out of',
    )
    stage.store.remove(key)
    expect(await groupOf(stage)).toMatchObject({ ok: true, unreadable: [] })
  })

  test('are done whatever document is unreadable of a run more than two days before them', async () => {
    const stage = setLake()
    await runAll(stage, { shards: 3, symbols: SYMBOLS.slice(5) })
    const putBroken = async (instant: string) => {
      const key = `logs/ingest/date=${instant.slice(0, 10)}/run-${Date.parse(instant) / 1_000}.json`
      await stage.store.replace(key, new TextEncoder().encode('{}}'), {})
      return key
    }
    await putBroken('2024-09-15T12:59:59Z')
    expect(await groupOf(stage)).toMatchObject({ ok: true, unreadable: [] })
    const key = await putBroken('2024-09-15T13:00:00Z')
    expect(await groupOf(stage)).toMatchObject({ ok: false, unreadable: [{ key, problem: 'is no JSON' }] })
  })

  test('are found among other nights, whose lists may be others', async () => {
    const stage = setLake()
    Object.assign(stage.bars, barsFor(SYMBOLS.slice(5), '2024-08-01', '2024-09-20'))
    await runAll(stage, { shards: 3, symbols: SYMBOLS.slice(5, 20) })
    await runAll(stage, { shards: 3, symbols: SYMBOLS.slice(10), group: 'night-2', now: '2024-09-18T13:00:00Z' })
    await runAll(stage, { shards: 8, symbols: SYMBOLS.slice(5), group: 'night-3', now: '2024-09-19T13:00:00Z' })
    const look = '2024-09-25T12:00:00Z'
    expect(await groupOf(stage, 'night-1', look)).toMatchObject({
      ok: true,
      symbols: 15,
      shards: 3,
      through_date: '2024-09-16',
    })
    expect(await groupOf(stage, 'night-2', look)).toMatchObject({
      ok: true,
      symbols: 20,
      shards: 3,
      through_date: '2024-09-17',
    })
    expect(await groupOf(stage, 'night-3', look)).toMatchObject({
      ok: true,
      symbols: 25,
      shards: 8,
      through_date: '2024-09-18',
    })
    expect(await groupOf(stage, 'night-4', look)).toMatchObject({ ok: false, documents: 0 })
  })

  test('are one line of `ingest status`, and all of their calls are of today', async () => {
    const stage = setLake()
    await runAll(stage, { shards: 8, symbols: SYMBOLS.slice(5) })
    const { stdout } = await stage.run(['status'], LOOK)
    expect(stdout).toContain('Calls today: 50 (UTC)\n')
    expect(stdout).toMatch(
      /Run: 2024-09-17T13:00:00\+00:00, group night-1, 8 of 8 shards, exit code 0, 50 calls, [\d.]+ s\n/,
    )
    const { runs } = JSON.parse((await stage.run(['status', '--json'], LOOK)).stdout) as Status
    expect(runs.map(({ shard }) => shard?.index ?? 0).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  test('are read five nights back, however many they are: what one holds back is told', async () => {
    const stage = setLake()
    const symbols = SYMBOLS.slice(5, 30)
    for (const day of ['12', '13', '16']) {
      await runAll(stage, { shards: 8, symbols, group: `night-${day}`, now: `2024-09-${day}T13:00:00Z` })
    }
    const { runs } = JSON.parse((await stage.run(['status', '--json'], '2024-09-20T13:00:00Z')).stdout) as Status
    expect(runs).toHaveLength(24)
  })
})

describe('a shard', () => {
  test('without a symbol ends well and leaves its document', async () => {
    const stage = setLake()
    const runs = await Promise.all(
      [1, 2, 3].map(async (index) => await stage.run(shardArgs(index, { shards: 3, symbols: ['SF5'] }), NIGHT)),
    )
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0])
    expect(
      metricsIn(stage)
        .map(({ symbols }) => symbols)
        .toSorted((a, b) => a - b),
    ).toEqual([0, 0, 1])
    expect(
      runs.filter(({ stderr }) => stderr.includes('): 0 of 1 symbol. --shard none takes all of them.')),
    ).toHaveLength(2)
    expect(await groupOf(stage)).toMatchObject({ ok: true, symbols: 1, sessions: 1 })
  })

  test('accepts symbols of other shards, and no symbol that the list lacks', async () => {
    const stage = setLake()
    const args = ['--accept', SYMBOLS.slice(5).join(',')]
    for (const index of [1, 2]) {
      expect((await stage.run(shardArgs(index, { shards: 2, symbols: SYMBOLS.slice(5), args }), NIGHT)).code).toBe(0)
    }
    const wrong = await stage.run(shardArgs(1, { shards: 2, args: ['--accept', 'NOPE'] }), NIGHT)
    expect(wrong).toMatchObject({ code: 2 })
    expect(wrong.stderr).toContain('--accept names NOPE')
  })

  test('tells of its own symbols alone, in the plan, the summary and a dry run', async () => {
    const stage = setLake()
    const symbols = SYMBOLS.slice(5)
    const plan = await stage.run([...shardArgs(2, { shards: 3, symbols }), '--dry-run', '--keys'], NIGHT)
    expect(plan.stdout).toStartWith('Shard: 2 of 3; what follows is of this shard alone\nFiles: ')
    const run = await stage.run(shardArgs(2, { shards: 3, symbols }), NIGHT)
    const [own, others] = [metricsIn(stage)[0]?.results.map(({ symbol }) => symbol) ?? [], new Set(symbols)]
    for (const symbol of own) others.delete(symbol)
    expect(run.stdout).toContain(`📊 Symbols: ${own.length}\n`)
    expect(run.stdout).toContain('🧩 Shard: 2 of 3\n')
    expect(run.stderr).toContain(
      'This shard has fewer than 20 symbols: a session that looks wrong for the whole market',
    )
    expect(run.stderr).toContain(
      `Shard 2 of 3 (--shard 2/3): ${own.length} of 25 symbols. --shard none takes all of them.`,
    )
    for (const text of [plan.stdout, run.stdout, run.stderr]) {
      expect([...others].filter((symbol) => new RegExp(`\\b${symbol}\\b`).test(text))).toEqual([])
    }
  })
})

test('a group is not judged by how fresh the lake is', async () => {
  const run = await setLake().run(['status', '--run-group', 'x', '--max-behind', '3'], LOOK)
  expect(run).toMatchObject({ code: 2 })
  expect(run.stderr).toContain('--run-group and --max-behind contradict each other')
})
