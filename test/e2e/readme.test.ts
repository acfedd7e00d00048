// What README.md shows is what the real program prints: its commands are run, and their output is compared line by line.

import { expect, test } from 'bun:test'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { KEY, NOW } from '../support/runs/in-process.ts'
import { ROOT, runCli } from '../support/runs/process.ts'
import { barsFor } from '../support/bars.ts'
import { startFakeFmp } from '../support/servers/fake-fmp.ts'
import { expectShown } from '../support/shown.ts'
import { disposableFolder } from '../support/lakes/lake.ts'

const README = await Bun.file(join(ROOT, 'README.md')).text()
const INGEST = 'bun run ingest.ts '

/** What README shows below a command line. */
function shown(command: string): string {
  const blocks = [...README.matchAll(/^```console\n\$ (.*)\n([\s\S]*?)^```$/gm)]
  const found = blocks.filter(([, line]) => line === command).map(([, , text = '']) => text)
  expect(found).toHaveLength(1)
  return found.join('')
}

test('the demo prints what README shows, and DuckDB answers its query as README says', async () => {
  await using folder = await disposableFolder()
  const run = await runCli(['demo'], { cwd: folder.path })
  expect(run.code).toBe(0)
  expectShown(shown('npx -y bun@1.4.5 run demo'), run.stdout)

  const [, query = ''] = /^```sql\n([\s\S]*?)^```$/m.exec(README) ?? []
  expect(run.stdout).toEndWith(`\n\n${query.replaceAll(/^/gm, '  ').trimEnd()}\n`)
  const table = README.slice(README.indexOf(query) + query.length).match(/^\|.*\|$/gm) ?? []
  const cells = table.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
  const connection = await (await DuckDBInstance.create()).connect()
  const sql = query.replace("'./demo-lake/", `'${folder.path}/demo-lake/`)
  const reader = await connection.runAndReadAll(sql)
  const answer = [reader.columnNames(), ...reader.getRowsJson().map((row) => row.map(String))]
  const [head, , ...rows] = cells.slice(0, answer.length + 1)
  expect([head, ...rows] as unknown).toEqual(answer)
  expect(answer).toHaveLength(6)
  connection.closeSync()
})

test('the commands for one’s own data print what README shows', async () => {
  await using folder = await disposableFolder()
  await copyFile(join(ROOT, 'tickers.csv'), join(folder.path, 'tickers.csv'))
  const symbols = (await Bun.file(join(ROOT, 'tickers.csv')).text()).trim().split(/\s+/).slice(1)
  const bars = barsFor(symbols, '2019-09-19', '2024-09-17')
  const fmp = startFakeFmp({ bars, key: KEY })
  const inReadme = async (args: string, now: string, env: Readonly<Record<string, string>>) => {
    const run = await runCli([...args.split(' '), '--now', now], { cwd: folder.path, env })
    expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: expect.any(String) })
    expectShown(shown(INGEST + args), run.stdout)
  }
  try {
    // The plan of the defaults; no key.
    await inReadme('--out ./eod --backfill --backfill-days 1825 --dry-run', NOW, {})
    const env = { FMP_API_KEY: KEY, FMP_BASE_URL: fmp.url, RATE_LIMIT_SECONDS: '0' }
    await inReadme('--out ./eod --backfill --backfill-days 1825', NOW, env)
    await inReadme('--out ./eod', '2024-09-18T13:00:00Z', env)
  } finally {
    fmp.stop()
  }
})

test('this test would see a line that is not the program’s', () => {
  const output = 'a\nb\nDuration: 1.5s\nc\nd\n'
  for (const readme of ['a\nb\nDuration: 9.0s\nc\nd\n', '…\nb\n…\nd\n', 'a\n…\n', '…\nc\n…\n']) {
    expectShown(readme, output)
  }
  for (const readme of ['b\n…\n', 'a\nc\n…\n', '…\nx\n…\n', 'a\nb\n', '…\nc\n', '…\nd\n…\nb\n…\n']) {
    expect(() => expectShown(readme, output)).toThrow()
  }
})
