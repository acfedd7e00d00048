import { describe, expect, test } from 'bun:test'
import { checkTable, type TableFinding } from '../../../lib/datasets/table/check.ts'
import type { Unit } from '../../../lib/datasets/table/layout.ts'
import type { Change } from '../../../lib/datasets/table/rewrite.ts'
import { rewriteUnit } from '../../../lib/datasets/table/units.ts'
import { openGroups } from '../../../lib/parquet/row-groups.ts'
import { contextOf, createTableLake, nightOf, rowOf, type TableLake } from '../../support/lakes/table-lake.ts'
import { at, failureOf, prices } from '../../support/values.ts'

const NOW = nightOf('2024-02-05')
const LAYOUT = { baseYear: 2024, buckets: 16 }
const MONTH: Unit = { kind: 'month', month: '2024-02' }
const KEY = 'tables/prices/month-2024-02.parquet'

async function lakeOf(): Promise<TableLake> {
  const lake = createTableLake()
  for (const symbol of ['A', 'B']) {
    await lake.past(NOW).putYear([rowOf(symbol, '2023-02-02')])
    for (const date of ['2024-02-01', '2024-02-02']) await lake.past(NOW).addDay(rowOf(symbol, date))
  }
  await lake.update(NOW)
  return lake
}

async function tamper({ store }: TableLake, symbol: string, rows: Change['rows']): Promise<void> {
  const change: Change = { symbol, rows, days: (before) => before, listing: 'x', yearFile: '' }
  const rewriting = { unit: MONTH, layout: LAYOUT, about: { listedMs: 0, rebuiltMs: 0 }, changes: () => [change] }
  await rewriteUnit(rewriting, contextOf(store, NOW))
}

describe('a check', () => {
  test('of an equal table says how many rows it has compared', async () => {
    const lake = await lakeOf()
    expect(await checkTable(contextOf(lake.store, NOW))).toEqual({ findings: [], files: 3, rows: 6 })
  })

  test('of nothing finds nothing', async () => {
    expect(await checkTable(contextOf(createTableLake().store, NOW))).toEqual({ findings: [], files: 0, rows: 0 })
  })

  const tampered: readonly (readonly [what: string, rows: Change['rows'], found: readonly string[]])[] = [
    ['a row too few', (rows) => rows.slice(1), ['table_lacks 2024-02-01']],
    ['a row too many', (rows) => [...rows, { row: rowOf('A', '2024-02-05'), ingestMs: 1 }], ['table_extra 2024-02-05']],
    [
      'another value',
      ([first, ...rows]) => [{ row: rowOf('A', '2024-02-01', 9), ingestMs: first?.ingestMs ?? 0 }, ...rows],
      ['table_differs 2024-02-01'],
    ],
    [
      'another instant',
      (rows) => rows.map(({ row, ingestMs }) => ({ row, ingestMs: ingestMs + 1 })),
      ['table_differs 2024-02-01,2024-02-02'],
    ],
    ['a row twice', (rows) => rows.flatMap((row) => [row, row]), ['table_differs 2024-02-01,2024-02-02']],
    ['no row', () => [], ['table_lacks 2024-02-01,2024-02-02']],
  ]

  test.each(tampered)('finds %s', async (_what, rows, found) => {
    const lake = await lakeOf()
    await tamper(lake, 'A', rows)
    const findings = (await checkTable(contextOf(lake.store, NOW))).findings
    expect(findings.map((finding) => `${finding.kind} ${finding.rows.join(',')}`)).toEqual([...found])
    expect(findings.every(({ key, symbol }) => key === KEY && symbol === 'A')).toBe(true)
    await lake.update(nightOf('2024-02-06'), { isRebuild: true })
    expect(await lake.findings(NOW)).toEqual([])
  })

  test('finds a symbol that raw does not have, a damaged file, one that is gone and a stray one', async () => {
    const lake = await lakeOf()
    await tamper(lake, 'X', () => [{ row: rowOf('X', '2024-02-01'), ingestMs: at(NOW) }])
    expect(await lake.findings(NOW)).toEqual([`table_extra ${KEY} X 2024-02-01`])
    const bytes = lake.store.files.get(KEY) ?? new Uint8Array()
    const page = openGroups(bytes, prices().columns).groups[0]?.[0]?.start ?? 0
    await lake.store.replace(KEY, bytes.with(page, 0xff).with(page + 1, 0xff), {})
    expect(await lake.findings(NOW)).toEqual([`table_damaged ${KEY} undefined `])
    lake.remove((key) => key === KEY)
    await lake.store.create('tables/prices/x.parquet', new Uint8Array(), {})
    expect(await lake.findings(NOW)).toEqual([
      'table_stray tables/prices/x.parquet undefined ',
      `table_lacks ${KEY} A 2024-02-01,2024-02-02`,
      `table_lacks ${KEY} B 2024-02-01,2024-02-02`,
    ])
  })

  test('of a store that fails is no finding but an error', async () => {
    const lake = await lakeOf()
    const { IngestError } = await import('../../../lib/core/errors.ts')
    const broken = {
      ...lake.store,
      list: async () => await Promise.reject(new IngestError('x', { kind: 'store', scope: 'run' })),
    }
    expect((await failureOf(checkTable(contextOf(broken, NOW)))).message).toBe('x')
  })
})

const inOrder = (findings: readonly TableFinding[]) => findings.toSorted((a, b) => (a.key < b.key ? -1 : 1))

test('the shards of a comparison find each fault once, by the files of the table', async () => {
  const lake = createTableLake()
  const past = lake.past(nightOf('2024-03-01'))
  for (const symbol of ['A', 'B', 'C']) {
    for (const date of ['2022-01-03', '2024-01-03', '2024-02-02', '2024-03-01']) await past.addDay(rowOf(symbol, date))
  }
  await lake.update(NOW)
  for (const date of ['2022-01-03', '2024-02-02']) await lake.past(NOW).correct(rowOf('B', date, 5))
  await lake.store.create('tables/prices/stray.parquet', new Uint8Array(9), {})
  const whole = await checkTable(contextOf(lake.store, NOW))
  expect(whole.findings).toHaveLength(3)
  const shards = await Promise.all(
    [1, 2, 3].map(async (index) => {
      const fileShard = { index, count: 3, source: '--shard' }
      return await checkTable(contextOf(lake.store, NOW), { fileShard })
    }),
  )
  expect(inOrder(shards.flatMap(({ findings }) => findings))).toEqual(inOrder(whole.findings))
  expect(shards.reduce((sum, { rows }) => sum + rows, 0)).toBe(whole.rows)
  expect(shards.reduce((sum, { files }) => sum + files, 0)).toBe(whole.files)
})
