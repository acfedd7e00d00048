// `ingest table` and `--table`: whatever a run or a user does to the stored files, the table holds their rows.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { makeBars, SEED, sessions, iso } from '../../support/bars.ts'
import { parseCommandLine } from '../../../lib/cli/cli.ts'
import { TABLE } from '../../../lib/cli/lake-settings.ts'
import { resolveLake } from '../../../lib/cli/resolve-lake.ts'
import { TABLE_COMMAND } from '../../../lib/commands/table/table.ts'
import { listTable, readFooterOf } from '../../../lib/datasets/table/units.ts'
import { updateTable } from '../../../lib/datasets/table/update.ts'
import { openFolderStore } from '../../../lib/store/folder/folder.ts'
import { schemaErrors } from '../../support/json-schema.ts'
import { contextOf, handsOf, nightOf, rowOf } from '../../support/lakes/table-lake.ts'
import { mountSmallDisk, whyNoDisk } from '../../support/runs/small-disk.ts'
import { errorOf, failureOf } from '../../support/values.ts'
import { setMemoryStage, type MemoryStage } from '../../support/runs/memory-stage.ts'
import type { TableDocument } from '../../../lib/report/table.ts'

setDefaultTimeout(60_000)

const START = nightOf('2024-02-05')
const SYMBOLS = ['AAPL', '^GSPC', 'NA']

function setLake(): MemoryStage & {
  night(date: string, ...args: string[]): Promise<void>
  check(date: string): Promise<TableDocument>
} {
  const stage = setMemoryStage()
  const all = sessions('2022-01-03', '2024-03-28').map(iso)
  for (const [index, symbol] of SYMBOLS.entries()) stage.bars[symbol] = makeBars(all, SEED + index)
  return {
    ...stage,
    async night(date, ...args) {
      const run = await stage.run(['--tickers', SYMBOLS.join(','), ...args], `${date}T13:00:00Z`)
      expect(run).toMatchObject({ code: 0 })
    },
    async check(date) {
      const run = await stage.run(['table', '--check', '--json'], `${date}T14:00:00Z`)
      return JSON.parse(run.stdout) as TableDocument
    },
  }
}

describe('--table', () => {
  test('keeps the table of nights, of a backfill, and of a night over the end of a month', async () => {
    const lake = setLake()
    await lake.night('2024-01-26', '--backfill', '--from-date', '2022-01-01', '--table')
    expect(await lake.check('2024-01-26')).toMatchObject({ ok: true, findings: [] })
    for (const date of ['2024-01-27', '2024-01-30', '2024-01-31', '2024-02-01', '2024-02-02', '2024-02-03']) {
      await lake.night(date, '--table')
      expect({ date, ...(await lake.check(date)) }).toMatchObject({ date, ok: true, findings: [] })
    }
  })

  test('catches up with nights that kept no table', async () => {
    const lake = setLake()
    await lake.night('2024-01-26', '--backfill', '--from-date', '2022-01-01', '--table')
    await lake.night('2024-01-27')
    expect(await lake.check('2024-01-27')).toMatchObject({ ok: false })
    await lake.night('2024-01-30', '--table')
    expect(await lake.check('2024-01-30')).toMatchObject({ ok: true, findings: [] })
  })
})

describe('ingest table', () => {
  const NOW = '2024-01-26T14:00:00Z'

  test('makes the tables, makes them anew and checks them, with a document by its schema', async () => {
    const lake = setLake()
    await lake.night('2024-01-26', '--backfill', '--from-date', '2022-01-01')
    for (const [args, mode, written] of [
      [[], 'update', 4],
      [[], 'update', 0],
      [['--rebuild'], 'rebuild', 4],
      [['--check'], 'check', 0],
    ] as const) {
      const run = await lake.run(['table', ...args, '--json'], NOW)
      const document = JSON.parse(run.stdout) as TableDocument
      expect(schemaErrors('table', document)).toEqual([])
      expect({ code: run.code, document }).toMatchObject({ code: 0, document: { mode, ok: true, findings: [] } })
      expect(document.tables.map(({ files_written: count }) => count >= written)).toEqual([true])
      if (written === 0) expect(document.tables[0]?.files_written).toBe(0)
    }
    const raw = [...lake.store.files.keys()].filter((key) => !key.startsWith('tables/') && !key.startsWith('logs/'))
    expect(raw.every((key) => key.startsWith('raw/'))).toBe(true)
  })

  test('a check of a lake without tables names all rows and fails', async () => {
    const lake = setLake()
    await lake.night('2024-01-26')
    const run = await lake.run(['table', '--check'], NOW)
    expect(run.code).toBe(1)
    expect(run.stdout).toContain('lacks rows that the stored files have: 1 (2024-01-25). ')
    expect(run.stdout).toContain('❌ The tables are not what the stored files are.')
    expect(run.stdout).toMatch(/ingest table --rebuild --out \.\/lake/)
    expect([...lake.store.files.keys()].filter((key) => key.startsWith('tables/'))).toEqual([])
  })

  test('of an empty lake has nothing to do', async () => {
    const run = await setLake().run(['table', '--quiet'], NOW)
    expect(run).toMatchObject({ code: 0 })
  })

  test.each([
    ['--rebuild with --check', ['--rebuild', '--check'], {}, '--rebuild and --check exclude each other.'],
    ['tables among the data', [], { S3_TABLE_PREFIX: 'raw' }, 'put tables and data into one folder'],
    ['tables below the data', [], { S3_TABLE_PREFIX: 'raw/prices/x' }, 'put tables and data into one folder'],
    ['data below the tables', [], { S3_RAW_PREFIX: 'tables/prices' }, 'put tables and data into one folder'],
    [
      'one prefix for both',
      [],
      { S3_RAW_PREFIX: 'a/b', S3_TABLE_PREFIX: '/a/b/' },
      'put tables and data into one folder',
    ],
  ])('%s is a usage error', (_what, args, environment, expected) => {
    const line = parseCommandLine(['table', ...args, '--out', './lake'])
    if (line.kind !== 'run') throw new Error('It is a command')
    const { problems, usesTables } = TABLE_COMMAND
    if (problems === undefined || usesTables === undefined) throw new Error('It has rules')
    const error = errorOf(() =>
      resolveLake(line, environment, { settings: TABLE, problems, usesTables }, { isCompiled: false }),
    )
    expect(error.kind).toBe('usage')
    expect(error.message).toContain(expected)
  })
})

const whyNot = await whyNoDisk()

test.skipIf(whyNot !== undefined)('a disk that is full is named, and leaves no half of a file', async () => {
  await using disk = await mountSmallDisk(48)
  const store = await openFolderStore({ folder: disk.path, nowMs: Date.now })
  for (let index = 0; index < 9; index += 1) await handsOf(store, START).addDay(rowOf(`S${index}`, '2024-02-02'))
  // Until no more goes in.
  for (let bytes = 32_768; bytes >= 4_096; bytes /= 2) {
    await Bun.write(`${disk.path}/${bytes}`, new Uint8Array(bytes)).catch(() => undefined)
  }
  const error = await failureOf(updateTable(contextOf(store, START), { isRebuild: false }))
  expect(error).toMatchObject({ kind: 'store' })
  expect(error.message).toContain(disk.path)
  expect(error.hint).toBeDefined()
  for (const { key } of await listTable(contextOf(store, START))) {
    expect(await readFooterOf({ key }, contextOf(store, START))).toBeDefined()
  }
})
