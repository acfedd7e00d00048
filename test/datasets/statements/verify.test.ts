// The check of stored statements: what a run has written is sound, and each planted fault is named.

import { describe, expect, test } from 'bun:test'
import { STATEMENTS } from '../../../lib/datasets/datasets.ts'
import { createStatement } from '../../../lib/datasets/statements/schema.ts'
import { readRows } from '../../../lib/parquet/parquet.ts'
import { encodeFile } from '../../../lib/parquet/writer.ts'
import type { Verified } from '../../../lib/report/verify.ts'
import packageJson from '../../../package.json' with { type: 'json' }
import type { Row } from '../../../lib/core/dataset.ts'
import { iso } from '../../support/bars.ts'
import { setStage, type Stage } from '../../support/runs/stage.ts'
import { at } from '../../support/values.ts'

const [INCOME] = STATEMENTS.map((statement) => createStatement(statement, { prefix: 'raw' }))
const keyOf = (symbol: string, date: string) => INCOME?.key(symbol, iso(date)) ?? ''
const KEY = keyOf('A', '2023-12-31')

async function lakeOfStatements(): Promise<Stage> {
  const stage = await setStage()
  for (const [symbol, amount] of [
    ['A', 10],
    ['B', 20],
  ] as const) {
    stage.reports[symbol] = [
      { date: iso('2023-12-31'), period: 'FY', amount },
      { date: iso('2023-12-31'), period: 'Q4', amount: amount / 4 },
      { date: iso('2022-12-31'), period: 'FY', amount: amount - 1 },
    ]
  }
  expect((await stage.run(['--tickers', 'A,B', '--dataset', 'fundamentals'])).code).toBe(0)
  return stage
}

async function named(stage: Stage, args: readonly string[]): Promise<readonly string[]> {
  const { findings } = JSON.parse((await stage.run(['verify', '--json', ...args])).stdout) as Verified
  return findings.map(({ kind, key, date }) => `${kind} ${key} ${date}`)
}

async function rewrite({ lake }: Stage, change: (rows: readonly Row[]) => readonly Row[]): Promise<void> {
  const columns = INCOME?.columns ?? []
  const rows = change(await readRows(await lake.bytes(KEY), columns))
  const settings = { columns, ingestMs: at('2024-09-17T13:00:00Z'), version: packageJson.version }
  await lake.put(KEY, encodeFile({ rows, asked: undefined }, settings).bytes)
}

describe.concurrent('statements', () => {
  test('of a run are sound', async () => {
    await using stage = await lakeOfStatements()
    expect(await named(stage, [])).toEqual([])
    expect(await named(stage, ['--deep'])).toEqual([])
  })

  test.each<readonly [string, string, (stage: Stage) => Promise<unknown>]>([
    ['that are cut', 'torn', async ({ lake }) => await lake.put(KEY, (await lake.bytes(KEY)).slice(0, 999))],
    ['of no bytes', 'empty_file', async ({ lake }) => await lake.put(KEY, new Uint8Array(0))],
    [
      "of another company under the symbol's name",
      'wrong_symbol',
      async ({ lake }) => await lake.put(KEY, await lake.bytes(keyOf('B', '2023-12-31'))),
    ],
    [
      'of another statement',
      'wrong_schema',
      async ({ lake }) => await lake.put(KEY, await lake.bytes(KEY.replace('type=income', 'type=balance'))),
    ],
    [
      'whose rows have changed under the old hash',
      'altered',
      async ({ lake }) => await lake.put(KEY, (await lake.bytes(KEY)).with(70, 0)),
    ],
    [
      'with a period twice',
      'duplicate_date',
      async (stage) => await rewrite(stage, (rows) => [...rows, ...rows.slice(0, 1)]),
    ],
    [
      'with an amount that is none',
      'bad_value',
      async (stage) => await rewrite(stage, (rows) => rows.map((row) => ({ ...row, revenue: Number.NaN }))),
    ],
  ])('%s are named', async (_what, kind, plant) => {
    await using stage = await lakeOfStatements()
    await plant(stage)
    expect(await named(stage, ['--deep'])).toContain(`${kind} ${KEY} 2023-12-31`)
    expect(await named(stage, ['--deep', '--tickers', 'B'])).not.toContain(`${kind} ${KEY} 2023-12-31`)
  })

  test('of another date, and files beside them, are named', async () => {
    await using stage = await lakeOfStatements()
    await stage.lake.put(keyOf('A', '2022-12-31'), await stage.lake.bytes(KEY))
    await stage.lake.put('raw/fundamentals/type=income/symbol=A/x.parquet', new Uint8Array(1))
    expect((await named(stage, [])).toSorted()).toEqual([
      'stray_key raw/fundamentals/type=income/symbol=A/x.parquet null',
      `wrong_date ${keyOf('A', '2022-12-31')} 2023-12-31`,
    ])
  })
})
