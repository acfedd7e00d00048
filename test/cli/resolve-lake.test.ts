import { describe, expect, test } from 'bun:test'
import { parseCommandLine } from '../../lib/cli/cli.ts'
import { STATUS } from '../../lib/cli/lake-settings.ts'
import { resolveLake, type OwnSettings } from '../../lib/cli/resolve-lake.ts'
import { resolveConfig } from '../../lib/cli/resolve.ts'
import { errorOf } from '../support/values.ts'

type Environment = Record<string, string | undefined>

const KEY = 'key-that-must-not-be-shown'
const BUCKET: Environment = { S3_BUCKET: 'my-bucket' }
const OWN: OwnSettings<typeof STATUS> = { settings: STATUS }
/** A command that asks FMP where its one flag is 0. */
const ASKING: OwnSettings<typeof STATUS> = { ...OWN, asksVendor: ({ maxBehind }) => maxBehind === 0 }

function lineOf(argv: readonly string[]) {
  const line = parseCommandLine(argv)
  if (line.kind !== 'run') throw new Error(`${argv.join(' ')} is no run`)
  return line
}

function resolve(argv: readonly string[], environment: Environment = BUCKET, own = OWN) {
  return resolveLake(lineOf(['status', ...argv]), environment, own, { isCompiled: false })
}

function problemsOf(argv: readonly string[], environment: Environment = BUCKET, own = OWN): readonly string[] {
  const { message, kind } = errorOf(() => resolve(argv, environment, own))
  expect(kind).toBe('usage')
  return message
    .split('\n')
    .slice(1)
    .map((problem) => problem.trim())
}

describe('the settings of a command that looks at a lake', () => {
  test('are those of a run where both have them', () => {
    const environment = {
      ...BUCKET,
      S3_RAW_PREFIX: '/eod/',
      UPLOAD_CONCURRENCY: '7',
      AWS_DEFAULT_REGION: 'eu-west-1',
      S3_ADDRESSING_STYLE: 'virtual',
      AWS_SECRET_ACCESS_KEY: 'a-secret',
      TICKERS_PATH: 's3://lists/tickers.csv',
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
    }
    for (const argv of [[], ['--out', './lake', '--tickers', 'A,B'], ['--json', '--quiet', '--skip-bad-tickers']]) {
      const { vendor, ...shared } = resolve(argv, environment).config
      const run = resolveConfig(lineOf([...argv, '--dry-run']), environment, { isCompiled: false })
      expect(vendor).toBeUndefined()
      expect(run as object).toMatchObject(shared)
    }
  })

  test('take no list but one that is given', () => {
    expect(resolve([]).config.tickers).toBeUndefined()
    expect(resolve(['--tickers', 'A']).config.tickers).toEqual({ kind: 'flag', list: 'A' })
    expect(resolve(['--tickers-path', 'x.csv']).config.tickers).toEqual({ kind: 'file', path: 'x.csv' })
    expect(resolve([], { ...BUCKET, TICKERS_PATH: 'x.csv' }).config.tickers).toEqual({ kind: 'file', path: 'x.csv' })
    expect(resolve([], { ...BUCKET, TICKERS_PATH: '' }).config.tickers).toBeUndefined()
  })

  test('need no key, and take --now and a vendor that is set wrongly', () => {
    const { config } = resolve(['--now', '2024-09-17T13:00:00Z'], { ...BUCKET, FMP_API: 'v9', RATE_LIMIT_SECONDS: 'x' })
    expect(config).toMatchObject({ nowMs: Date.parse('2024-09-17T13:00:00Z'), vendor: undefined })
  })

  test('of its own are read from its table, with their defaults', () => {
    expect(resolve([]).own).toEqual({ maxBehind: 1, runGroup: undefined })
    expect(resolve(['--max-behind', '0']).own).toEqual({ maxBehind: 0, runGroup: undefined })
  })
})

describe('a usage error', () => {
  test('names every problem at once', () => {
    const own = { ...OWN, problems: ({ maxBehind }: { maxBehind: number }) => [`own problem ${maxBehind}.`] }
    const argv = ['--max-behnd', '2', 'word', '--max-behind', 'few', '--tickers', 'A', '--tickers-path', 'b', '--force']
    expect(problemsOf(argv, {}, own)).toEqual([
      'unknown option --max-behnd (did you mean --max-behind?).',
      'unexpected argument "word".',
      'unknown option --force.',
      '--max-behind is "few", expected a whole number.',
      '--tickers and --tickers-path contradict each other: give one.',
      'own problem 1.',
      'There is no lake to look at: set S3_BUCKET, or name a folder or s3://bucket with --out.',
    ])
  })
})

describe('a command that asks FMP', () => {
  const asks = ['--max-behind', '0']

  test('has the settings for it, and only then', () => {
    const environment = { ...BUCKET, FMP_API_KEY: KEY, FMP_API: 'v3', RATE_LIMIT_SECONDS: '0.25' }
    expect(resolve([], environment, ASKING).config.vendor).toBeUndefined()
    const { config } = resolve(asks, environment, ASKING)
    const run = resolveConfig(lineOf([]), environment, { isCompiled: false })
    expect(run as object).toMatchObject(config.vendor ?? { none: true })
    expect(config.secrets).toContain(KEY)
  })

  test('knows the calls of a day by a ledger alone', () => {
    const environment = { ...BUCKET, FMP_API_KEY: KEY, DAILY_CALLS: '250' }
    expect(problemsOf(asks, environment, ASKING)).toEqual([expect.stringContaining('LEDGER=true of another command')])
    const { config } = resolve(asks, { ...environment, LEDGER: 'true' }, ASKING)
    expect(config.vendor).toMatchObject({ usesLedger: true, dailyCalls: 250 })
    expect(resolve([], environment, ASKING).config.vendor).toBeUndefined()
  })

  test('needs a key, and its own clock with the vendor itself', () => {
    expect(problemsOf(asks, BUCKET, ASKING)).toEqual([expect.stringContaining('FMP_API_KEY is not set')])
    expect(problemsOf(asks, { ...BUCKET, FMP_API_KEY: 'a b' }, ASKING)).toEqual([expect.stringContaining('blanks')])
    const rehearsal = [...asks, '--now', '2024-09-17T13:00:00Z']
    const environment = { ...BUCKET, FMP_API_KEY: KEY }
    expect(problemsOf(rehearsal, environment, ASKING)).toEqual([expect.stringContaining('--now is for rehearsals')])
    resolve(rehearsal, { ...environment, FMP_BASE_URL: 'http://127.0.0.1:9' }, ASKING)
  })
})
