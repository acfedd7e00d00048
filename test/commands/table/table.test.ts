// `ingest table` and `--table`: whatever a run or a user does to the stored files, the table holds their rows.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { makeBars, SEED, sessions, iso } from '../../support/bars.ts'
import { setMemoryStage, type MemoryStage } from '../../support/runs/memory-stage.ts'
import type { TableDocument } from '../../../lib/report/table.ts'

setDefaultTimeout(60_000)

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
    console.log([...lake.store.files.keys()].filter((key) => key.startsWith('tables')))
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
