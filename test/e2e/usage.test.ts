// What is refused before anything is called, what is only printed, and what the settings do to the output.

import { describe, expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { disposableFolder } from '../support/lakes/lake.ts'
import { KEY, NOW, runInProcess } from '../support/runs/in-process.ts'
import { barsFor, dayKey, yearKey } from '../support/bars.ts'
import { metricsOf, setStage } from '../support/runs/stage.ts'
import { runCli } from '../support/runs/process.ts'

const VENDOR = { FMP_API_KEY: KEY, FMP_BASE_URL: 'http://127.0.0.1:9' }
const NOTHING = { FMP_API_KEY: '', FMP_BASE_URL: '', RATE_LIMIT_SECONDS: '' }

describe.concurrent('a usage error', () => {
  test.each<[string, readonly string[], Readonly<Record<string, string>>, readonly (string | RegExp)[]]>([
    ['a typo of a flag', ['--backfil', '--tickers', 'A'], VENDOR, ['--backfil', '--backfill']],
    ['an unknown command', ['ingets'], VENDOR, ['ingets']],
    ['symbols without an option', ['AAPL', 'MSFT'], VENDOR, ['--tickers AAPL,MSFT.']],
    ['help as a command', ['help', 'demo'], VENDOR, ['did you mean ingest demo --help?']],
    ['a near value', ['--dataset', 'price'], VENDOR, ['did you mean prices?']],
    ['the option of another program', ['--start-date', '2024-01-02'], VENDOR, ['did you mean --from-date?']],
    ['dates in the future', ['--tickers', 'A', '--from-date', '2035-12-31'], VENDOR, ['2035-12-31 is in the future']],
    ['a wrong variable of an option', [], { ...VENDOR, MAX_CALLS: 'many' }, ['MAX_CALLS is "many"']],
    ['a missing value', ['--tickers'], VENDOR, ['--tickers']],
    ['a repeated value', ['--tickers', 'A', '--tickers', 'B'], VENDOR, ['--tickers']],
    ['a path in --out s3://', ['--out', 's3://bucket/path'], VENDOR, ['--out', 'S3_RAW_PREFIX']],
    ['an impossible date', ['--from-date', '2024-02-30'], VENDOR, ['--from-date', '2024-02-30']],
    ['a date out of range', ['--from-date', '1989-12-31'], VENDOR, ['1989-12-31', '1990']],
    ['a number out of range', ['--max-calls', '0', '--lookback', '1.5'], VENDOR, ['--max-calls', '--lookback']],
    ['from after to', ['--from-date', '2024-02-02', '--to-date', '2024-02-01'], VENDOR, ['--from-date', '--to-date']],
    ['--to-date alone', ['--to-date', '2024-02-01'], VENDOR, ['--to-date', '--from-date']],
    ['two ticker lists', ['--tickers', 'A', '--tickers-path', 'x'], VENDOR, ['--tickers', '--tickers-path']],
    ['days and dates', ['--backfill-days', '9', '--from-date', '2024-02-01'], VENDOR, ['--backfill-days']],
    ['lookback and dates', ['--lookback', '9', '--from-date', '2024-02-01'], VENDOR, ['--lookback']],
    ['lookback and backfill', ['--lookback', '9', '--backfill'], VENDOR, ['--lookback']],
    ['--now against the vendor', ['--now', NOW], { FMP_API_KEY: KEY }, ['--now']],
    ['plain HTTP elsewhere', [], { FMP_API_KEY: KEY, FMP_BASE_URL: 'http://example.com' }, ['FMP_BASE_URL']],
    ['a wrong API', [], { ...VENDOR, FMP_API: 'v4' }, ['FMP_API']],
    ['a missing key', [], {}, ['FMP_API_KEY']],
    ['an empty key', [], { FMP_API_KEY: '' }, ['FMP_API_KEY']],
    [
      'several problems at once',
      ['--backfil', '--from-date', 'x', '--max-calls', '-1', '--json=1'],
      { RATE_LIMIT_SECONDS: 'fast', MAX_WORKERS: '0' },
      ['--backfil', '--from-date', '--max-calls', '--json', 'RATE_LIMIT_SECONDS', 'MAX_WORKERS', 'FMP_API_KEY'],
    ],
  ])('%s: exit 2, nothing called, nothing left', async (_name, args, env, words) => {
    const run = await runInProcess({
      args: [...args, ...(args.includes('--out') ? [] : ['--out', 'lake'])],
      env: { ...NOTHING, ...env },
      vendor: () => Response.json([]),
    })
    expect({ code: run.code, stdout: run.stdout, calls: run.calls }).toEqual({ code: 2, stdout: '', calls: 0 })
    for (const word of words) expect(run.stderr).toContain(String(word))
    expect(run.stderr).not.toContain(KEY)
    expect(run.files.size).toBe(0)
  })

  test('of a process: exit 2, all on stderr, nothing made', async () => {
    await using folder = await disposableFolder()
    const args = ['--backfil', '--max-calls', '-1', '--out', join(folder.path, 'lake')]
    const run = await runCli(args, { env: { ...VENDOR, MAX_WORKERS: '0' }, cwd: folder.path })
    expect({ code: run.code, stdout: run.stdout }).toEqual({ code: 2, stdout: '' })
    for (const word of ['--backfill', '--max-calls', 'MAX_WORKERS']) expect(run.stderr).toContain(word)
    expect(run.stderr).not.toContain(KEY)
    expect(await readdir(folder.path)).toEqual([])
  })

  test('no place to store, and no region for the place', async () => {
    const nowhere = await runCli(['--tickers', 'A'], { env: { ...VENDOR, S3_BUCKET: '' } })
    expect(nowhere.code).toBe(2)
    expect(nowhere.stderr).toContain('S3_BUCKET')
    const regionless = await runCli(['--tickers', 'A'], {
      env: {
        ...VENDOR,
        S3_BUCKET: 'my-bucket',
        AWS_REGION: '',
        AWS_DEFAULT_REGION: '',
        AWS_CONFIG_FILE: '/dev/null',
        AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
        AWS_EC2_METADATA_DISABLED: 'true',
      },
    })
    expect(regionless.code).toBe(2)
    expect(regionless.stderr).toContain('AWS_REGION')
  })

  test('never shows a key that was put on the command line', async () => {
    const run = await runCli([`--api-key=${KEY}`, '--key', KEY, '--apikey', KEY], { env: { FMP_API_KEY: KEY } })
    expect(run.code).toBe(2)
    expect(run.stderr).toContain('FMP_API_KEY')
    expect(`${run.stdout}${run.stderr}`).not.toContain(KEY)
  })
})

describe.concurrent('a ticker list', () => {
  test('with bad symbols is refused by their lines', async () => {
    await using stage = await setStage()
    await using folder = await disposableFolder()
    await Bun.write(join(folder.path, 'list.csv'), 'symbol,name\nAAPL,Apple\n../etc,x\n# fine\n\nBRK..B\nA B\n')
    const run = await stage.run(['--tickers-path', 'list.csv'], { cwd: folder.path })
    expect(run.code).toBe(2)
    for (const line of ['line 3', 'line 6', 'line 7']) expect(run.stderr).toContain(line)
    expect(await stage.lake.keys()).toEqual([])
  })

  test('that is not there, empty, or too large is refused', async () => {
    await using stage = await setStage()
    await using folder = await disposableFolder()
    await Bun.write(join(folder.path, 'empty.csv'), '\uFEFFticker\r\n# none\r\n')
    await Bun.write(join(folder.path, 'large.csv'), 'A\n'.repeat(1_000_000))
    for (const name of ['none.csv', 'empty.csv', 'large.csv']) {
      const run = await stage.run(['--tickers-path', name], { cwd: folder.path })
      expect({ code: run.code, isNamed: run.stderr.includes(name) }).toEqual({ code: 2, isNamed: true })
    }
    expect(await stage.lake.keys()).toEqual([])
  })

  test('from a spreadsheet is understood: BOM, CRLF, header, quotes, classes, doubles', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL', 'BRK-B', 'SHOP.TO'], '2024-09-16', '2024-09-16') })
    await using folder = await disposableFolder()
    const text = '\uFEFF"Symbols","Name"\r\naapl,"Apple, Inc."\r\n\r\n"brk.b",x\r\n# no\r\nBRK-B\r\nshop.to\r\n'
    await Bun.write(join(folder.path, 'tickers.csv'), text)
    const run = await stage.run([], { cwd: folder.path })
    expect(run.code).toBe(0)
    expect(run.changed).toEqual(['AAPL', 'BRK-B', 'SHOP.TO'].map((symbol) => dayKey(symbol, '2024-09-16')))
    expect(run.stderr).toMatch(/once.*BRK-B/)
    expect(metricsOf(run).results.map(({ symbol }) => symbol)).toEqual(['AAPL', 'BRK-B', 'SHOP.TO'])
  })
})

describe.concurrent('a dry run', () => {
  test('prints the totals, what is stored and, with --keys, every key, without API key, call or write', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL'], '2024-01-02', '2024-09-16') })
    await stage.run(['--tickers', 'AAPL', '--from-date', '2024-09-12', '--to-date', '2024-09-13'])
    const before = await stage.lake.keys()
    const asked = stage.fmp.requests.length
    const options = { env: { FMP_API_KEY: '' } }
    const args = ['--dry-run', '--tickers', 'AAPL,MSFT', '--lookback', '2']
    const plain = await stage.run(args, options)
    const daily = await stage.run([...args, '--keys'], options)
    expect(daily.code).toBe(0)
    // The newcomer comes first, as in a real run.
    const keys = [dayKey('MSFT', '2024-09-16'), dayKey('AAPL', '2024-09-16')]
    expect(daily.stdout).toBe(`${plain.stdout}\n${keys.join('\n')}\n`)
    expect(plain.stdout.split('\n').slice(0, 5)).toEqual([
      'Files: 2',
      'Calls: 4',
      'Time: 4 calls, no rate limit',
      'Compared: 1 symbol, 1 of them wholly; two calls per ten stored years more for each symbol whose past has changed',
      'With --backfill: 2 files, 4 calls; whole years, 2024-01-01 to 2024-09-16',
    ])
    expect(daily.stderr).toContain('MSFT has nothing stored in the last 250 sessions')
    expect(daily.stdout).toContain('AAPL: 2 day files')
    expect(daily.stdout).toMatch(/Calls: 4\n/)
    const json = await stage.run(['--dry-run', '--json', '--tickers', 'AAPL', '--backfill', '--no-adj-close'], {
      env: { FMP_API_KEY: '', RATE_LIMIT_SECONDS: '', S3_RAW_PREFIX: '/my/prices/' },
    })
    expect(JSON.parse(json.stdout)).toEqual({
      files: [yearKey('AAPL', 2024).replace('raw/', 'my/prices/')],
      calls: 1,
      seconds: 15,
      shard: null,
    })
    expect(await stage.lake.keys()).toEqual(before)
    expect(stage.fmp.requests).toHaveLength(asked)
  })

  test('says in one line what a long list takes', async () => {
    const list = Array.from({ length: 500 }, (_, index) => `S${index}`).join(',')
    await using stage = await setStage()
    const run = await stage.run(['--dry-run', '--tickers', list, '--backfill'], { env: { RATE_LIMIT_SECONDS: '' } })
    expect(run.code).toBe(0)
    expect(run.stdout).toContain('1,000 calls, one per 15 s: about 4 h 10 min\n')
  })

  test('against the vendor’s own host makes no call, even at another instant, and creates no folder', async () => {
    await using folder = await disposableFolder()
    const out = join(folder.path, 'lake')
    const args = ['--dry-run', '--tickers', 'AAPL', '--backfill', '--backfill-days', '1825', '--out', out, '--now', NOW]
    const run = await runCli([...args, '--keys'])
    expect(run.code).toBe(0)
    expect(run.stdout.trimEnd().split('\n').slice(-6)).toEqual(
      [2024, 2023, 2022, 2021, 2020, 2019].map((year) => yearKey('AAPL', year)),
    )
    expect(run.stdout).toContain('2 calls, one per 15 s: about 30 s')
    expect(await readdir(folder.path)).toEqual([])
  })
})

describe.concurrent('the output', () => {
  test('with --json is the metrics document, with --quiet errors and the summary, and nothing at all when all is well', async () => {
    await using stage = await setStage({ bars: barsFor(['A', 'B'], '2024-09-16', '2024-09-16') })
    const json = await stage.run(['--tickers', 'A,NONE', '--json'])
    expect(json.code).toBe(1)
    expect(json.stdout.trimEnd()).not.toContain('\n')
    expect(json.stderr).toMatch(/^❌ NONE: /m)
    const quiet = await stage.run(['--tickers', 'A,B,NONE', '--quiet'])
    expect(quiet.stderr.trim().split('\n')).toEqual([expect.stringMatching(/^❌ NONE: /)])
    expect(quiet.stdout).toStartWith('⚠️')
    const silent = await stage.run(['--tickers', 'B', '--from-date', '2024-09-16', '--quiet'])
    expect(silent.stderr).toBe('')
    expect(silent).toMatchObject({ code: 0, stdout: '' })
  })

  test('takes an empty variable for an unset one', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], '2024-09-16', '2024-09-16') })
    const names = ['S3_BUCKET', 'S3_RAW_PREFIX', 'MAX_WORKERS', 'UPLOAD_CONCURRENCY', 'API_TIMEOUT_SECONDS', 'FMP_API']
    const aws = ['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_PROFILE', 'AWS_ENDPOINT_URL_S3', 'AWS_ACCESS_KEY_ID']
    const env = Object.fromEntries([...names, ...aws].map((name) => [name, '']))
    const run = await stage.run(['--tickers', 'A', '--out', stage.lake.out], { env })
    expect({ code: run.code, changed: run.changed }).toEqual({ code: 0, changed: [dayKey('A', '2024-09-16')] })
    expect(metricsOf(run).settings).toMatchObject({ prefix: 'raw', max_workers: 5, api: 'stable' })
  })

  test('of --help and --version goes to stdout, of each command, without a key', async () => {
    const [help, demo, version, demoVersion] = await Promise.all([
      runCli(['--help']),
      runCli(['demo', '--help']),
      runCli(['--version']),
      runCli(['demo', '--version']),
    ])
    expect([help.code, demo.code, version.code, demoVersion.code]).toEqual([0, 0, 0, 0])
    for (const flag of ['--lookback', '--max-calls', 'FMP_API_KEY']) expect(help.stdout).toContain(flag)
    expect(demo.stdout).toContain('./demo-lake')
    expect(version.stdout).toMatch(/^ingest \d+\.\d+\.\d+ \(from source\)\n$/)
    expect(demoVersion.stdout).toBe(version.stdout)
    expect(`${help.stderr}${demo.stderr}${version.stderr}`).toBe('')
  })
})
