// The demo as a user runs it: no key, no bucket, two runs over the embedded prices, in little memory.

import { afterAll, beforeAll, expect, test } from 'bun:test'
import { parquetMetadata } from 'hyparquet'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { STATEMENTS } from '../../lib/datasets/datasets.ts'
import { folderLake, priceKeys, readRows } from '../support/lakes/lake.ts'
import { makeTempFolder, type TempFolder } from '../support/lakes/temp-folder.ts'
import { measureCli, ROOT, runCli } from '../support/runs/process.ts'

const CSV = join(ROOT, 'lib/commands/demo/wiki-prices.csv.gz')
const MAX_PEAK_BYTES = 200_000_000

/** As numbers, because the source writes 127.0 where JavaScript writes 127. */
function asNumbers(line: string): string {
  const [symbol, date, ...numbers] = line.split(',')
  return [symbol, date, ...numbers.map(Number)].join(',')
}

let folder: TempFolder
let first: Awaited<ReturnType<typeof measureCli>>
beforeAll(async () => {
  folder = await makeTempFolder()
  first = await measureCli(['demo', '--out', join(folder.path, 'lake')])
})
afterAll(async () => await folder.remove())

test('the demo’s lake equals the source CSV row by row, and the demo run again finds everything there', async () => {
  const out = join(folder.path, 'lake')
  const run = first
  expect(run.code).toBe(0)
  expect(run.stdout.match(/✅ Ingestion Complete/g)).toHaveLength(5)
  expect(run.stdout.match(/❌ Errors: 0/g)).toHaveLength(5)

  const text = new TextDecoder().decode(Bun.gunzipSync(await Bun.file(CSV).bytes()))
  const source = text.trimEnd().split('\n').slice(1).toSorted()
  const lake = folderLake(out)
  const years = await readRows(lake, '/year=')
  const lines = years.map(({ symbol, date, open, high, low, close, volume, adjClose }) =>
    [symbol, date, open, high, low, close, volume, adjClose].join(','),
  )
  expect(lines.toSorted()).toEqual(source.map(asNumbers).toSorted())

  // Four documents a symbol: three in autumn, one later, and one of all is restated.
  for (const { name } of STATEMENTS) {
    expect(run.stdout).toContain(`\n🧾 ${name}: 15 new\n`)
    const restated = name === 'income' ? ', 1 restated, 14' : ', 15'
    expect(run.stdout).toContain(`\n🧾 ${name}: 5 new${restated} already stored\n`)
  }
  // Statements say of themselves that nobody's figures are in them.
  expect(run.stdout + run.stderr).toContain('4. Company statements (synthetic')
  const [document = ''] = await Array.fromAsync(new Bun.Glob('raw/fundamentals/**/*.parquet').scan(out))
  const { key_value_metadata: notes } = parquetMetadata(await Bun.file(join(out, document)).arrayBuffer())
  expect(notes).toContainEqual({ key: 'note', value: expect.stringContaining('synthetic') })

  // The nightly runs have stored the last week, five and seven days after the backfill; the second one the bar that came
  // late, and the day whose volume was corrected.
  const days = years.filter(({ key }) => key.includes('/month='))
  const [thursday, saturday] = [Date.UTC(2013, 1, 28, 14), Date.UTC(2013, 2, 2, 14)]
  const storedAt = (symbol: string, date: string) =>
    days.filter((row) => row.symbol === symbol && row.date === date).map(({ ingestTs }) => ingestTs)
  expect(days.length).toBe(25)
  expect(new Set(years.map(({ ingestTs }) => ingestTs))).toEqual(
    new Set([Date.UTC(2013, 1, 23, 14), thursday, saturday]),
  )
  expect(days.every(({ date }) => date > '2013-02-22')).toBe(true)
  expect(storedAt('AAPL', '2013-02-26')).toEqual([thursday])
  expect([storedAt('FB', '2013-02-26'), storedAt('IBM', '2013-02-26')]).toEqual([[saturday], [saturday]])
  expect(run.stderr).toContain('FB: FMP has no bar for 2013-02-26')
  expect(run.stdout).toContain('\n✏️  Corrected sessions: 1\n')

  // The commands at its end find nothing wrong, and write their page.
  const commands = run.stdout.match(/(?<=^ {2}ingest ).*$/gm) ?? []
  expect(commands.map((line) => line.split(' ')[0])).toEqual(['verify', 'status', 'coverage'])
  for (const line of commands) {
    const looked = await runCli(line.split(' '), { cwd: folder.path })
    expect({ code: looked.code, stderr: looked.stderr }).toEqual({ code: 0, stderr: '' })
    if (line.startsWith('verify')) expect(looked.stdout).not.toMatch(/^(?:❌|⚠️)/m)
  }
  expect((await runCli(['table', '--check', '--out', out], { cwd: folder.path })).stdout).toMatch(
    /prices: \d+ files, 12,154 rows compared\n[^]*✅/,
  )
  expect(await Bun.file(join(folder.path, 'coverage.html')).text()).toContain('corrected')

  // The same demo over the same lake finds everything there.
  const before = (await priceKeys(lake)).length
  const again = await runCli(['demo', '--out', out], { cwd: folder.path })
  expect(again.code).toBe(0)
  expect(again.stdout.match(/📁 Files written: 0/g)).toHaveLength(5)
  expect(await priceKeys(lake)).toHaveLength(before)
  expect((await runCli(['table', '--check', '--out', out], { cwd: folder.path })).code).toBe(0)
})

test('the demo’s peak memory stays under 200 MB', () => {
  const { peakBytes } = first
  expect(peakBytes).toBeLessThan(MAX_PEAK_BYTES)
  // Less would be no measurement.
  expect(peakBytes).toBeGreaterThan(50_000_000)
})

test('the demo refuses what it does not know', async () => {
  const run = await runCli(['demo', '--backfill', '--out', 's3://bucket'], { cwd: folder.path })
  expect({ code: run.code, stdout: run.stdout }).toEqual({ code: 2, stdout: '' })
  expect(run.stderr).toContain('--backfill')
  expect(run.stderr).toContain('--out')
})

test('the program takes the demo’s lake for none of its own, and the demo takes no other folder', async () => {
  const demo = async (out: string) => await runCli(['demo', '--out', out], { cwd: folder.path })
  const args = ['--tickers', 'AAPL', '--backfill', '--from-date', '2012-01-01', '--to-date', '2012-12-31']
  const ingest = async (out: string) =>
    await runCli([...args, '--dry-run', '--out', out, '--now', '2013-03-02T14:00:00Z'], { cwd: folder.path })
  const refused = await ingest('lake')
  expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 2, stdout: '' })
  expect(refused.stderr).toBe('❌ lake is a lake of the demo (DEMO.txt). Name another folder with --out.\n')

  // Copied elsewhere without the mark: each file says whose it is.
  await cp(join(folder.path, 'lake/raw'), join(folder.path, 'copy/raw'), { recursive: true })
  const foreign = await ingest('copy')
  expect(foreign.code).toBe(1)
  expect(foreign.stderr).toContain('created_by is "fmp-ingest-demo version')

  for (const out of ['copy', '.']) {
    const other = await demo(out)
    expect({ code: other.code, stdout: other.stdout }).toEqual({ code: 2, stdout: '' })
    expect(other.stderr).toMatch(/The demo writes into a folder of its own, and \S+ holds \w+\. Name another folder/)
  }
  await Bun.write(join(folder.path, 'file'), 'x')
  expect((await demo('file')).stderr).toMatch(/^❌ .*cannot be used \(ENOTDIR\)\. Name another folder/)
})
