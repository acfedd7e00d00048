// The program fetches statements, from answers as FMP was recorded to give them, and DuckDB reads what it stored.

import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFakeS3 } from '../support/servers/fake-s3.ts'
import { setStage } from '../support/runs/stage.ts'
import { STATEMENTS } from '../../lib/datasets/datasets.ts'
import type { Metrics } from '../../lib/report/contract.ts'

const NOW = '2026-11-24T13:00:00Z'

type Row = Record<string, unknown>

function recorded(name: string): readonly Row[] {
  const body: unknown = JSON.parse(readFileSync(join(import.meta.dir, '../fixtures/fmp', `${name}.json`), 'utf8'))
  return body as readonly Row[]
}

const INCOME = recorded('stable-income-statement.AAPL.annual.limit1')

/** A quarter made of a recorded year. */
function quarter(row: Row, date: string, period: string): Row {
  return { ...row, date, period, filingDate: date, acceptedDate: `${date} 16:31:00` }
}

/** Answers `rows` for a path and a period; a string is a refusal of the plan. */
type Answers = (path: string, query: URLSearchParams) => readonly Row[] | string

const folder = mkdtempSync(join(tmpdir(), 'statements-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const newFolder = (): string => mkdtempSync(join(folder, 'lake-'))

async function ingest(args: readonly string[], answers: Answers, env: Record<string, string> = {}) {
  await using stage = await setStage()
  stage.onRequest = ({ path, url }) => {
    const answer = answers(path.split('/')[path.includes('/v3/') ? 3 : 2] ?? '', url.searchParams)
    return typeof answer === 'string' ? new Response(answer, { status: 402 }) : Response.json(answer)
  }
  // Each test has a lake of its own.
  const ran = await stage.run(['--json', ...args], { now: NOW, env, isShared: true })
  const asked = ran.requests.map(({ path, url: { searchParams } }) => {
    const name = path.split('/')[path.includes('/v3/') ? 3 : 2] ?? ''
    return `${name} ${searchParams.get('period')} ${searchParams.get('limit')}`
  })
  const metrics = ran.stdout === '' ? undefined : (JSON.parse(ran.stdout) as Metrics)
  return { ...ran, asked, metrics }
}

async function query(sql: string): Promise<readonly Row[]> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const result = await connection.runAndReadAll(`SET TimeZone = 'UTC'; ${sql}`)
  const rows = result.getRowObjectsJson()
  connection.closeSync()
  instance.closeSync()
  return rows
}

const files = (lake: string, type: string): string =>
  `read_parquet('${lake}/raw/fundamentals/type=${type}/**/*.parquet', hive_partitioning = false)`

const LIMIT_5 =
  "Premium Query Parameter: 'Special Parameters : The values for 'limit' must be between 0 and 5 based on your current subscription."
const NO_QUARTERS =
  "Premium Query Parameter: 'Special Endpoint : This value set for 'period' is not available under your current subscription"

describe('recorded statements', () => {
  const bodies: Readonly<Record<string, readonly Row[]>> = {
    'income-statement': INCOME,
    'balance-sheet-statement': recorded('stable-balance-sheet-statement.AAPL.annual.limit1'),
    'cash-flow-statement': recorded('stable-cash-flow-statement.AAPL.annual.limit1'),
  }
  const v3Bodies: Readonly<Record<string, readonly Row[]>> = {
    'income-statement': recorded('legacy-v3-income-statement.AAPL.annual.first3'),
    'balance-sheet-statement': recorded('legacy-v3-balance-sheet-statement.AAPL.annual.first1'),
    'cash-flow-statement': recorded('legacy-v3-cash-flow-statement.AAPL.quarter.limit5'),
  }

  test.each([
    ['stable', bodies],
    ['v3', v3Bodies],
  ] as const)('of %s come out value by value with the declared types', async (api, all) => {
    const out = newFolder()
    const args = ['--tickers', 'AAPL', '--dataset', 'fundamentals', '--period', 'annual', '--out', out]
    const ran = await ingest(args, (path) => all[path] ?? [], { FMP_API: api })
    expect({ code: ran.code, stderr: ran.stderr }).toMatchObject({ code: 0 })
    for (const { name, path, amounts, v3Names } of STATEMENTS) {
      const sent = all[path] ?? []
      const read = await query(`SELECT * FROM ${files(out, name)} ORDER BY date DESC`)
      expect(read.map((row) => row['date'])).toEqual(sent.map((row) => row['date']))
      for (const [index, row] of sent.entries()) {
        const stored = read[index] ?? {}
        for (const field of amounts) {
          const old = Object.entries(v3Names).find(([, stable]) => stable === field)?.[0]
          const value = api === 'v3' && old !== undefined ? row[old] : row[field]
          expect([field, stored[field]]).toEqual([field, value ?? null])
        }
        expect(stored).toMatchObject({
          symbol: 'AAPL',
          reportedCurrency: 'USD',
          cik: '0000320193',
          period: row['period'],
        })
        expect(stored['fiscalYear']).toBe(Number(row['fiscalYear'] ?? row['calendarYear']))
        expect(stored['filingDate']).toBe(row['filingDate'] ?? row['fillingDate'])
      }
      const types = await query(`DESCRIBE SELECT * FROM ${files(out, name)}`)
      expect(types.map(({ column_name, column_type }) => [column_name, column_type])).toEqual([
        ['date', 'DATE'],
        ...['symbol', 'reportedCurrency', 'cik'].map((field) => [field, 'VARCHAR']),
        ['filingDate', 'DATE'],
        ['acceptedDate', 'TIMESTAMP WITH TIME ZONE'],
        ['fiscalYear', 'INTEGER'],
        ['period', 'VARCHAR'],
        ...amounts.map((field) => [field, 'DOUBLE']),
        ['ingest_ts', 'TIMESTAMP WITH TIME ZONE'],
      ])
    }
    if (api === 'v3') return
    // 2024-11-01 06:01:36 on the East Coast, two days before its clocks went back.
    const [accepted] = await query(`SELECT epoch_us(acceptedDate) AS us FROM ${files(out, 'income')}`)
    expect(Number(accepted?.['us'])).toBe(Date.parse('2024-11-01T10:01:36Z') * 1_000)
  })
})

const [year = {}] = INCOME
const answers: Answers = (_, asked) =>
  asked.get('period') === 'annual' ? [year] : [quarter(year, '2024-09-28', 'Q4'), quarter(year, '2024-06-29', 'Q3')]
const restated: Answers = () => [{ ...year, revenue: 1 }]
const recent: Answers = () => [{ ...year, date: '2026-09-26' }]
const some: Answers = (_, asked) => (asked.get('symbol') === 'SPY' ? [] : [year])
/** Of a free plan: five rows, no quarters. */
const refusing: Answers = (_, asked) => {
  if (Number(asked.get('limit')) > 5) return LIMIT_5
  return asked.get('period') === 'quarter' ? NO_QUARTERS : [{ ...year, symbol: asked.get('symbol') }]
}

test('a bad row of a statement is recorded with the name of its dataset, and said so where nothing else came', async () => {
  const out = newFolder()
  const args = ['--tickers', 'AAPL', '--dataset', 'income,balance', '--period', 'annual', '--out', out]
  const bad = { ...year, date: 'soon' }
  const ran = await ingest(args, (path) => (path === 'income-statement' ? [year, bad] : [bad]))
  expect(ran.stderr).toContain('⚠️ AAPL: income statements: 1 row rejected')
  expect(ran.stderr).toContain('❌ AAPL: No valid data after validation: 1 row of balance sheets received, 1 rejected')
  const [path = ''] = new Bun.Glob('logs/**/*.rejects.jsonl').scanSync(out)
  const lines = readFileSync(join(out, path), 'utf8').trim().split('\n')
  expect(lines.map((line) => JSON.parse(line) as Row)).toEqual([
    expect.objectContaining({ symbol: 'AAPL', dataset: 'income', date: 'soon' }),
    expect.objectContaining({ symbol: 'AAPL', dataset: 'balance', date: 'soon' }),
  ])
})

describe('statements', () => {
  const args = ['--tickers', 'AAPL', '--dataset', 'income']

  test('share a file where they end on one date; a restatement replaces one file, and nothing new writes nothing', async () => {
    const out = newFolder()
    const first = await ingest([...args, '--out', out], answers)
    expect(first.metrics).toMatchObject({
      files_written: 2,
      rows_written: 3,
      datasets: [{ counts: { stored: 2 } }],
      calls: 2,
    })
    expect(first.asked).toEqual(['income-statement annual 1000', 'income-statement quarter 1000'])
    expect(
      await query(`SELECT date, list(period ORDER BY period) AS p FROM ${files(out, 'income')} GROUP BY 1 ORDER BY 1`),
    ).toEqual([
      { date: '2024-06-29', p: ['Q3'] },
      { date: '2024-09-28', p: ['FY', 'Q4'] },
    ])
    const again = await ingest([...args, '--out', out], answers)
    expect(again.metrics).toMatchObject({
      files_written: 0,
      datasets: [{ counts: { already_stored: 2 } }],
      calls: 2,
    })
    // Full years alone: the changed year replaces its row, the fourth quarter beside it stays.
    const third = await ingest([...args, '--period', 'annual', '--out', out], restated)
    expect(third.metrics).toMatchObject({
      files_written: 1,
      datasets: [{ restated: 1, counts: { stored: 1, already_stored: 1 } }],
    })
    expect(
      await query(`SELECT period, revenue = 1 AS changed FROM ${files(out, 'income')} ORDER BY date DESC, period`),
    ).toEqual([
      { period: 'FY', changed: true },
      { period: 'Q4', changed: false },
      { period: 'Q3', changed: false },
    ])
  })

  test('in a bucket: created, left where they say the same, replaced where FMP says otherwise and nobody else has', async () => {
    const s3 = await startFakeS3()
    const bucket = [...args, '--period', 'annual', '--out', `s3://${s3.bucket}`]
    const first = await ingest(bucket, () => [year], s3.env())
    const same = await ingest(bucket, () => [year], s3.env())
    const key = [...s3.objects.keys()].find((name) => name.includes('type=income')) ?? ''
    const old = s3.objects.get(key)?.bytes ?? new Uint8Array()
    const changed = await ingest(bucket, restated, s3.env())
    const fresh = s3.objects.get(key)?.bytes ?? new Uint8Array()
    s3.put(key, old)
    // Another run has replaced the file between the look at it and the write.
    s3.onRequest = ({ headers }) => void (headers['if-match'] !== undefined && s3.put(key, fresh))
    const overtaken = await ingest(bucket, restated, s3.env())
    expect(s3.objects.get(key)?.bytes).toEqual(fresh)
    await s3.stop()
    const told = [first, same, changed, overtaken].map(({ code, metrics }) => [
      code,
      metrics?.files_written,
      metrics?.datasets[0]?.counts.stored,
    ])
    expect(told).toEqual([
      [0, 1, 1],
      [0, 0, 0],
      [0, 1, 1],
      [0, 0, 0],
    ])
  })

  test('are stored with the newest last, of those that can exist: by it the next run knows that it need not ask', async () => {
    const s3 = await startFakeS3()
    const dates = ['2034-09-30', '2026-09-26', '2026-06-27', '2026-03-28']
    const bucket = [...args, '--period', 'annual', '--out', `s3://${s3.bucket}`]
    const ran = await ingest(bucket, () => dates.map((date) => ({ ...year, date })), s3.env())
    const stored = s3.requests.flatMap(({ operation, key }) => (operation === 'put' ? [key.slice(-18, -8)] : []))
    await s3.stop()
    expect({ code: ran.code, files: ran.metrics?.files_written }).toEqual({ code: 0, files: 4 })
    expect(stored.findLast((date) => dates.includes(date))).toBe('2026-09-26')
  })

  test('that another program wrote are left and named', async () => {
    const out = newFolder()
    await ingest([...args, '--period', 'annual', '--out', out], () => [year])
    const [path = ''] = await Array.fromAsync(new Bun.Glob('raw/fundamentals/**/*.parquet').scan(out))
    await Bun.write(join(out, path), 'PAR1 of somebody')
    const ran = await ingest([...args, '--period', 'annual', '--out', out], restated)
    expect({ code: ran.code, stderr: ran.stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('is not a readable Parquet file and is left as it is'),
    })
    const forced = await ingest([...args, '--period', 'annual', '--force', '--out', out], restated)
    expect({ code: forced.code, files: forced.metrics?.files_written }).toEqual({ code: 0, files: 1 })
  })

  test('are not asked for before a new one can exist, unless forced', async () => {
    const out = newFolder()
    await ingest([...args, '--period', 'annual', '--out', out], recent)
    const again = await ingest([...args, '--period', 'annual', '--out', out], recent)
    expect(again).toMatchObject({
      code: 0,
      asked: [],
      metrics: { calls: 0, datasets: [{ counts: { already_stored: 1 } }] },
    })
    const forced = await ingest([...args, '--period', 'annual', '--force', '--out', out], recent)
    // Written again, but nothing in it is restated.
    expect(forced.metrics).toMatchObject({ calls: 1, files_written: 1, datasets: [{ restated: 0 }] })
    const planned = await ingest([...args, '--period', 'annual', '--force', '--dry-run', '--out', out], recent)
    expect({ asked: planned.asked, plan: JSON.parse(planned.stdout) as unknown }).toEqual({
      asked: [],
      plan: {
        files: ['raw/fundamentals/type=income/symbol=AAPL/year=*/docdate=*/*.parquet'],
        calls: 1,
        seconds: 0,
        shard: null,
      },
    })
  })

  test('are as many as the plan includes, which is learnt once for all symbols', async () => {
    const ran = await ingest(['--tickers', 'AAPL,MSFT', '--dataset', 'income', '--out', newFolder()], refusing)
    expect(ran.asked.toSorted()).toEqual([
      'income-statement annual 1000',
      'income-statement annual 5',
      'income-statement annual 5',
      'income-statement quarter 5',
    ])
    expect({ code: ran.code, stored: ran.metrics?.datasets[0]?.counts.stored }).toEqual({ code: 0, stored: 2 })
    expect(ran.stderr.match(/Your plan includes/g)).toHaveLength(2)
    const alone = ['--tickers', 'AAPL,MSFT', '--dataset', 'income', '--period', 'quarter', '--out', newFolder()]
    const none = await ingest(alone, refusing)
    expect({ code: none.code, calls: none.asked.length }).toEqual({ code: 1, calls: 2 })
    expect(none.stderr).toContain(
      'Your plan includes no quarterly statements. Fetch the annual ones with --period annual',
    )
  })

  test('of a fund are none, which is a warning beside companies and an error alone', async () => {
    const beside = await ingest(
      ['--tickers', 'AAPL,SPY', '--dataset', 'income', '--period', 'annual', '--out', newFolder()],
      some,
    )
    expect({ code: beside.code, counts: beside.metrics?.datasets[0]?.counts }).toMatchObject({
      code: 0,
      counts: { stored: 1, no_data: 1 },
    })
    const alone = await ingest(
      ['--tickers', 'SPY', '--dataset', 'income', '--period', 'annual', '--out', newFolder()],
      some,
    )
    expect({ code: alone.code, stderr: alone.stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('❌ SPY: FMP has no income statements'),
    })
  })

  test('take no options of prices, and prices none of theirs', async () => {
    const ran = await ingest(['--dataset', 'income', '--backfill', '--out', newFolder()], () => [])
    expect({ code: ran.code, stderr: ran.stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('--backfill is for prices'),
    })
    const bad = await ingest(['--dataset', 'incom', '--period', 'annual', '--out', newFolder()], () => [])
    expect({ code: bad.code, stderr: bad.stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('names of prices, income'),
    })
  })
})
