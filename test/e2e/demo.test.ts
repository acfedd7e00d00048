// The demo as a user runs it: no key, no bucket, two runs over the embedded prices, in little memory.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { parquetMetadata } from 'hyparquet'
import { join } from 'node:path'
import { STATEMENTS } from '../../lib/datasets/datasets.ts'
import { disposableFolder, folderLake, priceKeys, readRows } from '../support/lake.ts'
import { measureCli, ROOT, runCli } from '../support/run-cli.ts'

setDefaultTimeout(30_000)

const CSV = join(ROOT, 'lib/commands/demo/wiki-prices.csv.gz')
const MAX_PEAK_BYTES = 200_000_000

/** As numbers, because the source writes 127.0 where JavaScript writes 127. */
function asNumbers(line: string): string {
  const [symbol, date, ...numbers] = line.split(',')
  return [symbol, date, ...numbers.map(Number)].join(',')
}

test('the demo’s lake equals the source CSV row by row, and the demo run again finds everything there', async () => {
  await using folder = await disposableFolder()
  const out = join(folder.path, 'lake')
  const run = await runCli(['demo', '--out', out], { cwd: folder.path })
  expect(run.code).toBe(0)
  expect(run.stdout.match(/✅ Ingestion Complete/g)).toHaveLength(3)
  expect(run.stdout.match(/❌ Errors: 0/g)).toHaveLength(3)

  const text = new TextDecoder().decode(Bun.gunzipSync(await Bun.file(CSV).bytes()))
  const source = text.trimEnd().split('\n').slice(1).toSorted()
  const lake = folderLake(out)
  const years = await readRows(lake, '/year=')
  const lines = years.map(({ symbol, date, open, high, low, close, volume, adjClose }) =>
    [symbol, date, open, high, low, close, volume, adjClose].join(','),
  )
  expect(lines.toSorted()).toEqual(source.map(asNumbers).toSorted())

  for (const { name } of STATEMENTS) expect(run.stdout).toContain(`\n🧾 ${name}: 20 new\n`)
  // Statements say of themselves that nobody's figures are in them.
  expect(run.stdout + run.stderr).toContain('3. Company statements (synthetic')
  const [document = ''] = await Array.fromAsync(new Bun.Glob('raw/fundamentals/**/*.parquet').scan(out))
  const { key_value_metadata: notes } = parquetMetadata(await Bun.file(join(out, document)).arrayBuffer())
  expect(notes).toContainEqual({ key: 'note', value: expect.stringContaining('synthetic') })

  // The nightly run has stored the last week, seven days after the backfill.
  const days = years.filter(({ key }) => key.includes('/month='))
  expect(days.length).toBe(25)
  expect(new Set(years.map(({ ingestTs }) => ingestTs))).toEqual(
    new Set([Date.UTC(2013, 1, 23, 14), Date.UTC(2013, 2, 2, 14)]),
  )
  for (const { date, ingestTs } of days) expect(date > '2013-02-22' && ingestTs === Date.UTC(2013, 2, 2, 14)).toBe(true)

  // The same demo over the same lake finds everything there.
  const before = (await priceKeys(lake)).length
  const again = await runCli(['demo', '--out', out], { cwd: folder.path })
  expect(again.code).toBe(0)
  expect(again.stdout.match(/📁 Files written: 0/g)).toHaveLength(3)
  expect(await priceKeys(lake)).toHaveLength(before)
})

test('the demo’s peak memory stays under 200 MB', async () => {
  await using folder = await disposableFolder()
  const { code, peakBytes } = await measureCli(['demo', '--out', join(folder.path, 'lake')])
  expect(code).toBe(0)
  expect(peakBytes).toBeLessThan(MAX_PEAK_BYTES)
  // Less would be no measurement.
  expect(peakBytes).toBeGreaterThan(50_000_000)
})

test('the demo refuses what it does not know', async () => {
  await using folder = await disposableFolder()
  const run = await runCli(['demo', '--backfill', '--out', 's3://bucket'], { cwd: folder.path })
  expect({ code: run.code, stdout: run.stdout }).toEqual({ code: 2, stdout: '' })
  expect(run.stderr).toContain('--backfill')
  expect(run.stderr).toContain('--out')
})
