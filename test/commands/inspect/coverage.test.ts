// `ingest coverage` over real stores, in this process.

import { describe, expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Coverage } from '../../../lib/report/coverage.ts'
import { barsFor, sessions } from '../../support/bars.ts'
import { schemaErrors } from '../../support/json-schema.ts'
import { disposableFolder } from '../../support/lakes/lake.ts'
import { putPrices, rowsFor } from '../../support/lakes/price-files.ts'
import { setS3Stage, setStage, type Stage } from '../../support/runs/stage.ts'

const DAY = '2024-09-16'

/** Writes the page and gives the document, the page and the exit code. */
async function cover(stage: Stage, args: readonly string[] = []) {
  await using folder = await disposableFolder()
  const path = join(folder.path, 'page.html')
  const run = await stage.run(['coverage', path, '--json', ...args])
  expect(run).toMatchObject({ code: 0, stderr: '' })
  const coverage = JSON.parse(run.stdout) as Coverage
  expect(schemaErrors('coverage', coverage)).toEqual([])
  // Nothing else is left of it.
  expect(await readdir(folder.path)).toEqual(['page.html'])
  return { coverage, html: await Bun.file(path).text() }
}

describe.concurrent('ingest coverage', () => {
  test('shows what real runs have stored: a night, a hole that the next one heals, a correction', async () => {
    await using stage = await setStage({ bars: barsFor(['A', 'B'], '2024-08-01', '2024-09-17') })
    const night = async (now: string) => await stage.run(['--tickers', 'A,B'], { now })
    const bars = stage.bars['A'] ?? []
    expect((await stage.run(['--tickers', 'A,B', '--from-date', '2024-08-01', '--to-date', '2024-09-06'])).code).toBe(0)
    stage.bars['A'] = bars.filter(({ date }) => date !== '2024-09-12')
    expect((await night('2024-09-17T13:00:00Z')).code).toBe(0)
    const { coverage: holed } = await cover(stage)
    expect(holed).toMatchObject({ as_of: DAY, due: DAY, missing: 1, sessions: 63 })
    expect(holed.symbols).toMatchObject([
      { symbol: 'A', state: 'gaps', missing: 1, months: 'sp', gaps: ['2024-09-12'] },
      { symbol: 'B', state: 'complete', missing: 0, months: 's2', first_date: '2024-08-01', through_date: DAY },
    ])
    stage.bars['A'] = bars.map((bar) => (bar.date === '2024-09-10' ? { ...bar, volume: (bar.volume ?? 0) + 8 } : bar))
    expect((await night('2024-09-17T14:00:00Z')).code).toBe(0)
    const { coverage: healed, html } = await cover(stage)
    expect(healed).toMatchObject({ missing: 0, sessions: 64, held: 0 })
    expect(healed.runs).toMatchObject([{ exit_code: 0 }, { exit_code: 0 }, { exit_code: 0 }])
    expect(healed.changes).toMatchObject([{ symbol: 'A', verdict: 'corrected', corrected_sessions: 1 }])
    expect(healed.symbols[0]).toMatchObject({ symbol: 'A', last_compared: '2024-09-17', last_mended: null })
    expect(html).toContain('<title>Coverage of ')
  })

  test('needs a listing and a request a file, reads rows only where a footer does not tell, and writes nothing', async () => {
    await using stage = await setS3Stage()
    await putPrices(stage.lake, rowsFor('A', '2023-01-03', '2023-12-29'), 'year')
    const holed = rowsFor('A', '2022-01-03', '2022-12-30').filter(({ date }) => date !== '2022-06-07')
    await putPrices(stage.lake, holed, 'year')
    await putPrices(stage.lake, rowsFor('B', '2024-09-12', DAY), 'day')
    stage.s3.denied.add('s3:PutObject')
    const asked = stage.s3.requests.length
    const { coverage } = await cover(stage)
    expect(coverage.symbols).toMatchObject([
      { symbol: 'A', state: 'gaps', gaps: ['2022-06-07'], months: 's5ps18m9' },
      { symbol: 'B', state: 'complete', sessions: 3 },
    ])
    const operations = Map.groupBy(stage.s3.requests.slice(asked), ({ operation }) => operation)
    expect([operations.get('list')?.length, operations.get('get')?.length]).toEqual([4, 5])
  })

  test('takes the symbols of a list, stored or not, and says in one line what it wrote', async () => {
    await using stage = await setStage()
    await putPrices(stage.lake, rowsFor('A', DAY, DAY), 'day')
    await putPrices(stage.lake, rowsFor('B', DAY, DAY), 'day')
    await using folder = await disposableFolder()
    const path = join(folder.path, 'coverage.html')
    const run = await stage.run(['coverage', path, '--tickers', 'B,NEW'])
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(run.stdout).toBe(`Wrote ${path}: 2 symbols, 1 session, 0 missing, 0 held, as of ${DAY}\n`)
    expect(await stage.run(['coverage', path, '--quiet'])).toMatchObject({ code: 0, stdout: '', stderr: '' })
    // A page that is there is replaced.
    expect(await Bun.file(path).text()).toContain('>A<')
  })

  test('finds a torn file, a foreign one and a stray one, and goes on', async () => {
    await using stage = await setStage()
    const [torn = ''] = await putPrices(stage.lake, rowsFor('A', '2023-01-03', '2023-12-29'), 'year')
    await putPrices(stage.lake, rowsFor('A', '2024-01-02', DAY), 'year')
    await stage.lake.put(torn, (await stage.lake.bytes(torn)).slice(0, 500))
    await stage.lake.put(torn.replace('.parquet', ' (1).parquet'), new Uint8Array([1]))
    const { coverage, html } = await cover(stage)
    expect(coverage.symbols).toMatchObject([
      { state: 'unreadable', months: 'u12s9', unusable: [{ key: torn, problem: 'is not a readable Parquet file' }] },
    ])
    expect(html).toContain('unreadable file')
  })

  test('of an empty lake writes a page that says so', async () => {
    await using stage = await setS3Stage()
    const { coverage, html } = await cover(stage)
    expect(coverage).toMatchObject({ symbols: [], sessions: 0, first_month: null })
    expect(html).toContain('none in the last runs')
  })

  test('names a page that cannot be written, and leaves nothing of it', async () => {
    await using stage = await setStage()
    await putPrices(stage.lake, rowsFor('A', DAY, DAY), 'day')
    await using folder = await disposableFolder()
    const nowhere = await stage.run(['coverage', join(folder.path, 'none/page.html')])
    expect(nowhere).toMatchObject({ code: 1, stdout: '' })
    expect(nowhere.stderr).toContain('page.html (ENOENT). Name a file in a folder that is there and may be written to.')
    await Bun.write(join(folder.path, 'page.html/file'), '')
    expect(await stage.run(['coverage', join(folder.path, 'page.html')])).toMatchObject({ code: 1, stdout: '' })
    expect(await readdir(folder.path)).toEqual(['page.html'])
  })

  test.each([['notes.txt'], ['s3://bucket/page.html'], ['page.html.gz']])('%s is no page', async (path) => {
    await using stage = await setStage()
    const run = await stage.run(['coverage', path])
    expect(run).toMatchObject({ code: 2, stdout: '' })
    expect(run.stderr).toContain('the path of a file that ends in .html')
  })

  test('without the store fails with exit code 1', async () => {
    await using stage = await setStage()
    expect(await stage.run(['coverage', '/tmp/never.html'])).toMatchObject({ code: 1, stdout: '' })
    expect(await Bun.file('/tmp/never.html').exists()).toBe(false)
  })

  test('keeps secrets out of the page', async () => {
    await using stage = await setStage()
    await putPrices(stage.lake, rowsFor('A', DAY, DAY), 'day')
    await stage.lake.put('logs/ingest/date=2024-09-01/run-1725148800.json', new TextEncoder().encode('{"calls": "x"}'))
    await using folder = await disposableFolder()
    const secret = stage.lake.out.slice(1, 24)
    const path = join(folder.path, 'page.html')
    expect((await stage.run(['coverage', path], { env: { FMP_API_KEY: secret } })).code).toBe(0)
    const html = await Bun.file(path).text()
    expect(html).toContain('[redacted]')
    expect(html).not.toContain(secret)
  })

  test('sees a year of nights as one page', async () => {
    await using stage = await setStage()
    await putPrices(stage.lake, rowsFor('A', '2023-09-18', DAY), 'day')
    const { coverage } = await cover(stage)
    expect(coverage).toMatchObject({ sessions: sessions('2023-09-18', DAY).length, missing: 0 })
  })
})
