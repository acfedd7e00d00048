// The schemas that the program prints, and real documents of every kind of run held against them by another validator.

import { describe, expect, test } from 'bun:test'
import { barsFor, iso } from '../support/bars.ts'
import { schemaErrors } from '../support/json-schema.ts'
import { runCli } from '../support/runs/process.ts'
import { recordedError } from '../support/recorded.ts'
import { metricsOf, setStage, type Run } from '../support/runs/stage.ts'

const DAY = '2024-09-16'
const THREE = ['A', 'B', 'C']
const LIST = ['--tickers', THREE.join(',')]

/** The schema as the program prints it. */
async function printed(name: string): Promise<object> {
  const run = await runCli(['schema', name])
  expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(run.stdout) as object
}

async function expectMetrics(run: Run, expected: object): Promise<void> {
  expect(metricsOf(run)).toMatchObject(expected)
  expect(schemaErrors(await printed('metrics'), metricsOf(run))).toEqual([])
}

const refuseTheFourth = ({ n }: { n: number }) => (n === 4 ? recordedError('invalid-key') : undefined)

describe.concurrent('ingest schema', () => {
  test('lists the schemas, one a line with what it describes', async () => {
    const run = await runCli(['schema'])
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(run.stdout.split('\n').map((line) => line.split(' ')[0] ?? '')).toEqual([
      'metrics',
      'dry-run',
      'rejects',
      'status',
      'run-group',
      'verify',
      'coverage',
      'why',
      'doctor',
      'table',
      '',
    ])
  })

  test.each([
    [['metric'], 'unknown schema "metric" (did you mean metrics?)'],
    [['dryrun'], 'unknown schema "dryrun" (did you mean dry-run?)'],
    [
      ['prices'],
      'unknown schema "prices", expected one of metrics, dry-run, rejects, status, run-group, verify, coverage, why, doctor, table.',
    ],
    [['metrics', 'rejects'], 'unexpected argument "rejects"'],
    [['metrics', '--json'], 'unknown option --json'],
  ])('%j is a usage error', async (args, says) => {
    const run = await runCli(['schema', ...args])
    expect({ code: run.code, stdout: run.stdout }).toEqual({ code: 2, stdout: '' })
    expect(run.stderr).toContain(says)
  })

  test('needs no key, no bucket and no list', async () => {
    expect((await runCli(['schema', 'metrics'], { env: { FMP_API_KEY: '' }, cwd: '/' })).code).toBe(0)
  })
})

describe.concurrent('the metrics', () => {
  test('of a run that is all right', async () => {
    await using stage = await setStage({ bars: barsFor(THREE, DAY, DAY) })
    const run = await stage.run([...LIST, '--json'])
    await expectMetrics(run, { status: 'ok', exit_code: 0, errors: 0 })
    expect(JSON.parse(run.stdout)).toEqual(metricsOf(run))
  })

  test('of a backfill with rejected rows, and the rejects', async () => {
    const bars = barsFor(THREE, '2024-08-01', DAY)
    const [first, ...others] = bars['A'] ?? []
    await using stage = await setStage({
      bars: { ...bars, A: first === undefined ? [] : [{ ...first, volume: -1 }, ...others] },
    })
    const run = await stage.run([...LIST, '--backfill'])
    await expectMetrics(run, { status: 'ok', rejected_rows: 1, mode: 'backfill' })
    const key = (await stage.lake.keys()).find((name) => name.endsWith('.rejects.jsonl')) ?? ''
    const lines = new TextDecoder()
      .decode(await stage.lake.bytes(key))
      .trimEnd()
      .split('\n')
    const schema = await printed('rejects')
    for (const line of lines) expect(schemaErrors(schema, JSON.parse(line))).toEqual([])
  })

  test('of a run in which a symbol fails', async () => {
    await using stage = await setStage({ bars: barsFor(['A', 'B'], DAY, DAY) })
    await expectMetrics(await stage.run(LIST), { status: 'failed', exit_code: 1, errors: 1, stopped_by: null })
  })

  test('of a run whose key is refused: every call that was made counts, and no other', async () => {
    await using stage = await setStage({
      bars: barsFor(THREE, DAY, DAY),
      onRequest: () => recordedError('invalid-key'),
    })
    const run = await stage.run(LIST, { env: { MAX_WORKERS: '3' } })
    await expectMetrics(run, { status: 'failed', exit_code: 1, errors: 1, stopped_by: 'key', calls: 1 })
    expect(metricsOf(run).results.reduce((sum, { calls }) => sum + calls, 0)).toBe(1)
  })

  test('of a run that meets its end while others wait at the gate', async () => {
    await using stage = await setStage({ bars: barsFor(THREE, DAY, DAY), onRequest: refuseTheFourth })
    const run = await stage.run(LIST, { env: { MAX_WORKERS: '3', RATE_LIMIT_SECONDS: '15' } })
    await expectMetrics(run, { status: 'failed', stopped_by: 'key', calls: 4 })
    expect(metricsOf(run).results.reduce((sum, { calls }) => sum + calls, 0)).toBe(4)
  })

  test('of a run that its budget stops', async () => {
    await using stage = await setStage({ bars: barsFor(THREE, DAY, DAY) })
    const run = await stage.run([...LIST, '--max-calls', '3'])
    await expectMetrics(run, { status: 'stopped', exit_code: 3, errors: 0, stopped_by: 'budget', calls: 2 })
  })

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('of a run that %s interrupts', async (signal, code) => {
    await using stage = await setStage({ bars: barsFor(THREE, DAY, DAY) })
    const running = stage.spawn(LIST)
    stage.onRequest = ({ n }) => {
      if (n < 3) return undefined
      // A second signal would end it without metrics.
      if (n === 3) running.kill(signal)
      return 'hang'
    }
    await expectMetrics(await running.done, { status: 'interrupted', exit_code: code, stopped_by: 'interrupted' })
  })

  test('of prices and statements, which are not added up', async () => {
    await using stage = await setStage({ bars: barsFor(THREE, DAY, DAY) })
    for (const symbol of THREE) {
      stage.reports[symbol] = [
        { date: iso('2024-06-29'), period: 'Q3', amount: 1 },
        { date: iso('2024-03-30'), period: 'Q2', amount: 2 },
      ]
    }
    const run = await stage.run([...LIST, '--dataset', 'prices,fundamentals'])
    await expectMetrics(run, { status: 'ok', sessions: 3, counts: { stored: 3 }, first_date: DAY, through_date: DAY })
    const totals = metricsOf(run).datasets.map(({ dataset, unit, counts }) => [dataset, unit, counts.stored])
    expect(totals).toEqual([
      ['prices', 'sessions', 3],
      ['income', 'documents', 6],
      ['balance', 'documents', 6],
      ['cashflow', 'documents', 6],
    ])
  })
})

test.each([
  ['a night', []],
  ['a backfill', ['--backfill']],
  ['statements', ['--dataset', 'fundamentals']],
])('a dry run of %s prints what its schema says', async (_, args) => {
  await using stage = await setStage()
  const run = await stage.run([...LIST, ...args, '--dry-run', '--json'])
  expect(schemaErrors(await printed('dry-run'), JSON.parse(run.stdout))).toEqual([])
})
