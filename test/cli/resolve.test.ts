import { describe, expect, test } from 'bun:test'
import { parseCommandLine } from '../../lib/cli/cli.ts'
import { helpText } from '../../lib/cli/help.ts'
import { resolveBundle, resolveConfig, resolveDemoFolder, unsetEmpty } from '../../lib/cli/resolve.ts'
import type { Config } from '../../lib/core/config.ts'
import { configOf, errorOf } from '../support/values.ts'
import { PAGE } from './reference.make.ts'

type Environment = Record<string, string | undefined>

const KEY = 'key-that-must-not-be-shown'
const GOOD: Environment = { FMP_API_KEY: KEY, S3_BUCKET: 'my-bucket' }
const STARTED = { isCompiled: false }

function lineOf(argv: readonly string[]) {
  const line = parseCommandLine(argv)
  if (line.kind !== 'run') throw new Error(`${argv.join(' ')} is no run`)
  return line
}

function resolve(argv: readonly string[], environment: Environment = GOOD, start = STARTED): Config {
  return resolveConfig(lineOf(argv), environment, start)
}

/** The problems that a call names, each a line of the one message. */
function problemsOf(argv: readonly string[], environment: Environment = GOOD, start = STARTED): readonly string[] {
  const error = errorOf(() => resolve(argv, environment, start))
  expect(error).toMatchObject({ kind: 'usage', scope: 'run' })
  const [headline = '', ...problems] = error.message.split('\n').map((problem) => problem.trim())
  expect(headline).toContain('nothing was called')
  return problems
}

describe('the defaults', () => {
  test('are the documented ones', () => {
    const differing = {
      target: { kind: 's3', bucket: 'my-bucket' } as const,
      apiKey: KEY,
      apiBaseUrl: 'https://financialmodelingprep.com',
      rateLimitSeconds: 15,
      // By the number of symbols.
      auditEvery: undefined,
      uploadConcurrency: expect.any(Number) as number,
      secrets: [KEY],
    }
    expect(resolve([])).toEqual(configOf(differing))
  })

  test('cannot be changed afterwards', () => {
    expect(Object.isFrozen(resolve([]))).toBe(true)
  })
})

describe('what is set', () => {
  const flags: readonly [readonly string[], object][] = [
    [['--tickers', 'AAPL,MSFT'], { tickers: { kind: 'flag', list: 'AAPL,MSFT' } }],
    [['--tickers-path', 'a/b.csv'], { tickers: { kind: 'file', path: 'a/b.csv' } }],
    [['--tickers-path', 's3://bucket/a/b.csv'], { tickers: { kind: 's3', bucket: 'bucket', key: 'a/b.csv' } }],
    [['--backfill'], { dates: { mode: 'backfill' } }],
    [['--backfill', '--backfill-days', '365'], { dates: { mode: 'backfill', backfillDays: 365 } }],
    [['--backfill-days', '365'], { dates: { mode: 'daily', backfillDays: 365 } }],
    [['--from-date', '1990-01-01'], { dates: { fromDate: '1990-01-01', toDate: undefined } }],
    [['--from-date', '2024-02-29', '--to-date', '2024-02-29'], { dates: { toDate: '2024-02-29' } }],
    [['--from-date', '2035-12-30', '--to-date', '2035-12-31'], { dates: { toDate: '2035-12-31' } }],
    [['--lookback', '1'], { dates: { lookback: 1 } }],
    [['--force'], { isForced: true }],
    [['--no-adj-close'], { withAdjClose: false }],
    [['--max-calls', '1'], { maxCalls: 1 }],
    [['--dry-run'], { isDryRun: true }],
    [['--json'], { isJson: true }],
    [['--quiet'], { isQuiet: true }],
    [['--allow-unsafe-store'], { allowsUnsafeStore: true }],
    [['--out', 'a folder'], { target: { kind: 'folder', folder: 'a folder' } }],
    [['--out', '/a/b'], { target: { kind: 'folder', folder: '/a/b' } }],
    [['--out', 's3://other'], { target: { kind: 's3', bucket: 'other' } }],
    [['--out', 's3://other/'], { target: { kind: 's3', bucket: 'other' } }],
    [['--dry-run', '--now', '2024-09-30T23:00:00Z'], { nowMs: Date.UTC(2024, 8, 30, 23) }],
    [['--dry-run', '--now', '2024-09-30T23:00:00.5-04:00'], { nowMs: Date.UTC(2024, 9, 1, 3, 0, 0, 500) }],
  ]
  test.each(flags)('by %p', (argv, expected) => {
    expect(resolve(argv)).toMatchObject(expected)
  })

  const variables: readonly [Environment, object][] = [
    [{ S3_RAW_PREFIX: 'a/b=c' }, { prefix: 'a/b=c' }],
    [{ S3_RAW_PREFIX: '//raw/prices//' }, { prefix: 'raw/prices' }],
    [{ S3_RAW_PREFIX: '/' }, { prefix: '' }],
    [{ RATE_LIMIT_SECONDS: '0' }, { rateLimitSeconds: 0 }],
    [{ RATE_LIMIT_SECONDS: ' 0.25 ' }, { rateLimitSeconds: 0.25 }],
    [{ MAX_WORKERS: '1' }, { maxWorkers: 1 }],
    [{ UPLOAD_CONCURRENCY: '128' }, { uploadConcurrency: 128 }],
    [{ UPLOAD_CONCURRENCY: '256' }, { uploadConcurrency: 256 }],
    [{ API_TIMEOUT_SECONDS: '1.5' }, { apiTimeoutSeconds: 1.5 }],
    [{ FMP_API: 'v3' }, { api: 'v3' }],
    [{ FMP_BASE_URL: 'https://proxy.example/fmp/' }, { apiBaseUrl: 'https://proxy.example/fmp' }],
    [{ FMP_BASE_URL: 'http://127.0.0.1:8080' }, { apiBaseUrl: 'http://127.0.0.1:8080' }],
    [{ FMP_BASE_URL: 'http://localhost:1' }, { apiBaseUrl: 'http://localhost:1' }],
    [{ FMP_BASE_URL: 'http://[::1]:1' }, { apiBaseUrl: 'http://[::1]:1' }],
    [{ AWS_DEFAULT_REGION: 'eu-west-1' }, { defaultRegion: 'eu-west-1' }],
    // As the workflow sets them.
    [{ TICKERS_PATH: 'a/b.csv' }, { tickers: { kind: 'file', path: 'a/b.csv' } }],
    [{ TICKERS_PATH: 's3://bucket/a.csv' }, { tickers: { kind: 's3', bucket: 'bucket', key: 'a.csv' } }],
    [{ MAX_CALLS: '240' }, { maxCalls: 240 }],
    [{ MAX_CALLS: ' 240\n' }, { maxCalls: 240 }],
    ...['true', '1', 'yes', 'TRUE', ' Yes '].map((on): [Environment, object] => [
      { NO_ADJ_CLOSE: on },
      { withAdjClose: false },
    ]),
    ...['false', '0', 'no', 'False', 'NO', ''].map((off): [Environment, object] => [
      { NO_ADJ_CLOSE: off },
      { withAdjClose: true },
    ]),
    [{ STATEMENT_PERIOD: 'annual' }, { periods: ['annual'] }],
    [{ STATEMENT_PERIOD: 'both' }, { periods: ['annual', 'quarter'] }],
    [{ S3_ADDRESSING_STYLE: 'virtual' }, { addressingStyle: 'virtual' }],
    [{ AWS_SECRET_ACCESS_KEY: 'one', AWS_SESSION_TOKEN: 'two' }, { secrets: [KEY, 'one', 'two'] }],
    [{ FMP_API_KEY: ` ${KEY}\n` }, { apiKey: KEY }],
  ]
  test.each(variables)('by the environment %p', (environment, expected) => {
    expect(resolve([], { ...GOOD, ...environment })).toMatchObject(expected)
  })

  test('--out overrides S3_BUCKET, which then may be anything', () => {
    const { target } = resolve(['--out', 'lake'], { ...GOOD, S3_BUCKET: 'Not a bucket' })
    expect(target).toEqual({ kind: 'folder', folder: 'lake' })
  })

  test.each<[readonly string[], Environment, object]>([
    [['--tickers-path', 'mine.csv'], { TICKERS_PATH: 'theirs.csv' }, { tickers: { kind: 'file', path: 'mine.csv' } }],
    [['--tickers', 'A'], { TICKERS_PATH: 'theirs.csv' }, { tickers: { kind: 'flag', list: 'A' } }],
    [['--tickers', 'A'], { TICKERS_PATH: 'https://not.a/list' }, { tickers: { kind: 'flag', list: 'A' } }],
    [['--max-calls', '1'], { MAX_CALLS: '240' }, { maxCalls: 1 }],
    [['--max-calls', '1'], { MAX_CALLS: 'many' }, { maxCalls: 1 }],
    [['--no-adj-close'], { NO_ADJ_CLOSE: 'false' }, { withAdjClose: false }],
    [['--no-adj-close'], { NO_ADJ_CLOSE: 'maybe' }, { withAdjClose: false }],
    [['--dataset', 'income', '--period', 'quarter'], { STATEMENT_PERIOD: 'annual' }, { periods: ['quarter'] }],
  ])('a flag goes before its variable: %p over %p', (argv, environment, expected) => {
    expect(resolve(argv, { ...GOOD, ...environment })).toMatchObject(expected)
  })

  test('a variable for every run has no part in one of another dataset, and is no contradiction', () => {
    const environment = { ...GOOD, NO_ADJ_CLOSE: 'true', STATEMENT_PERIOD: 'annual' }
    for (const dataset of ['prices', 'income', 'prices,income']) {
      expect(resolve(['--dataset', dataset], environment).withAdjClose).toBe(false)
    }
  })

  test('an empty variable is an unset one', () => {
    const names = ['S3_RAW_PREFIX', 'RATE_LIMIT_SECONDS', 'MAX_WORKERS', 'UPLOAD_CONCURRENCY', 'API_TIMEOUT_SECONDS']
    const variablesOfFlags = ['TICKERS_PATH', 'MAX_CALLS', 'NO_ADJ_CLOSE', 'STATEMENT_PERIOD']
    const more = [
      ...variablesOfFlags,
      'FMP_API',
      'FMP_BASE_URL',
      'AWS_DEFAULT_REGION',
      'AWS_ENDPOINT_URL_S3',
      'AWS_SESSION_TOKEN',
    ]
    for (const blank of ['', ' ', '\n']) {
      const empty = Object.fromEntries([...names, ...more].map((name) => [name, blank]))
      expect(resolve([], { ...GOOD, ...empty })).toEqual(resolve([]))
    }
    expect(problemsOf([], { FMP_API_KEY: '', S3_BUCKET: '' })).toHaveLength(2)
  })

  test('a dry run needs no key', () => {
    expect(resolve(['--dry-run'], { S3_BUCKET: 'my-bucket' }).apiKey).toBe('')
  })
})

describe('a usage error', () => {
  const N = 'expected a whole number'
  const values: readonly [readonly string[], Environment, string][] = [
    ...['0', '-1', '1.5', '1e3', 'ten', '0x10', '1_000', '٣', '9999999999'].flatMap(
      (bad): [string[], Environment, string][] =>
        ['--lookback', '--max-calls', '--backfill-days'].map((flag) => [[flag, bad], {}, `${flag} is "${bad}", ${N}`]),
    ),
    ...['2024-02-30', '2023-02-29', '24-01-01', '2024-1-1', '2024/01/01', '20240101', 'yesterday', '1989-12-31'].map(
      (bad): [string[], Environment, string] => [
        ['--from-date', bad],
        {},
        `--from-date is "${bad}", expected a date like`,
      ],
    ),
    [['--from-date', '2024-01-01', '--to-date', '2036-01-01'], {}, '--to-date is "2036-01-01", expected a date like'],
    [['--dry-run', '--now', '2024-09-30'], {}, '--now is "2024-09-30", expected an instant with a zone'],
    [['--dry-run', '--now', '2024-09-30T23:00:00'], {}, 'expected an instant with a zone'],
    [['--dry-run', '--now', '2024-02-30T23:00:00Z'], {}, 'expected an instant with a zone'],
    [['--dry-run', '--now', '1727740800'], {}, 'expected an instant with a zone'],
    [['--out', 's3://bucket/path'], {}, '--out is "s3://bucket/path", expected s3://bucket without a path'],
    [['--out', 's3://'], {}, "expected s3:// and a bucket's name"],
    [['--out', 's3://Bucket'], {}, "expected s3:// and a bucket's name"],
    [['--out', 'gs://bucket'], {}, 'expected a folder or s3://bucket'],
    [['--out', 'https://bucket.s3.amazonaws.com'], {}, 'expected a folder or s3://bucket'],
    [['--tickers-path', 's3://bucket'], {}, 'expected a path or s3://bucket/key'],
    [['--tickers-path', 'https://example.com/list'], {}, 'expected a path or s3://bucket/key'],
    [[], { S3_BUCKET: 's3://my-bucket' }, "expected a bucket's name, without s3://"],
    [[], { S3_BUCKET: 'my-bucket/raw' }, "expected a bucket's name"],
    [[], { S3_BUCKET: 'My_Bucket' }, "expected a bucket's name"],
    [[], { S3_RAW_PREFIX: 'a//b' }, 'S3_RAW_PREFIX is "a//b"'],
    [[], { S3_RAW_PREFIX: '../raw' }, 'S3_RAW_PREFIX is "../raw"'],
    [[], { S3_RAW_PREFIX: 'a/./b' }, 'S3_RAW_PREFIX is "a/./b"'],
    [[], { S3_RAW_PREFIX: 'a b' }, 'S3_RAW_PREFIX is "a b"'],
    [[], { S3_RAW_PREFIX: 'a'.repeat(501) }, 'at most 500 characters'],
    [[], { RATE_LIMIT_SECONDS: '-1' }, 'RATE_LIMIT_SECONDS is "-1", expected seconds from 0'],
    [[], { RATE_LIMIT_SECONDS: '15s' }, 'RATE_LIMIT_SECONDS is "15s"'],
    [[], { RATE_LIMIT_SECONDS: 'Infinity' }, 'RATE_LIMIT_SECONDS is "Infinity"'],
    [[], { RATE_LIMIT_SECONDS: '99999' }, 'RATE_LIMIT_SECONDS is "99999"'],
    [[], { MAX_WORKERS: '0' }, 'MAX_WORKERS is "0", expected a whole number from 1'],
    [[], { UPLOAD_CONCURRENCY: '257' }, 'UPLOAD_CONCURRENCY is "257", expected a whole number from 1 to 256'],
    [[], { API_TIMEOUT_SECONDS: '0' }, 'API_TIMEOUT_SECONDS is "0", expected seconds'],
    [[], { MAX_CALLS: '0' }, 'MAX_CALLS is "0", expected a whole number of at least 1'],
    [[], { MAX_CALLS: 'many' }, 'MAX_CALLS is "many", expected a whole number'],
    [[], { TICKERS_PATH: 'https://a.b/c' }, 'TICKERS_PATH is "https://a.b/c", expected a path or s3://bucket/key'],
    [[], { NO_ADJ_CLOSE: 'maybe' }, 'NO_ADJ_CLOSE is "maybe", expected true, false, 1, 0, yes or no'],
    [[], { NO_ADJ_CLOSE: '2' }, 'NO_ADJ_CLOSE is "2", expected true'],
    [[], { STATEMENT_PERIOD: 'monthly' }, 'STATEMENT_PERIOD is "monthly", expected annual, quarter or both'],
    [['--keys', '--out', 'lake'], {}, '--keys needs --dry-run'],
    [['--out', 's3:/bucket'], {}, '--out is "s3:/bucket", expected a folder or s3://bucket'],
    [[], { FMP_API: 'v4' }, 'FMP_API is "v4", expected stable or v3'],
    [[], { FMP_BASE_URL: 'proxy.example' }, 'FMP_BASE_URL'],
    [[], { FMP_BASE_URL: 'http://proxy.example' }, 'http:// only on loopback'],
    [[], { FMP_BASE_URL: 'http://127.0.0.1.evil.example' }, 'http:// only on loopback'],
    [[], { FMP_BASE_URL: 'ftp://127.0.0.1' }, 'https:// address'],
    [[], { FMP_API_KEY: 'a key with blanks' }, 'FMP_API_KEY has blanks or characters that no key has.'],
    [[], { FMP_API_KEY: 'kéy-0123456789' }, 'FMP_API_KEY has blanks or characters that no key has.'],
    [[], { FMP_API_KEY: undefined }, 'FMP_API_KEY is not set'],
    [[], { S3_BUCKET: undefined }, 'There is no place to store'],
  ]
  test.each(values)('by %p with %p says: %s', (argv, environment, expected) => {
    const problems = problemsOf(argv, { ...GOOD, ...environment })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(expected)
  })

  test.each(['--out', '--tickers-path', '--tickers', '--from-date', '--lookback', '--now'])(
    'by a value of blanks only, %s',
    (flag) => {
      expect(problemsOf([flag, ' ', '--dry-run'])[0]).toContain(flag)
    },
  )

  test.each([
    [['--tickers', 'A', '--tickers-path', 'b'], ['--tickers and --tickers-path']],
    [['--backfill-days', '3', '--from-date', '2024-01-02'], ['--backfill-days and --from-date']],
    [
      ['--backfill-days', '3', '--from-date', '2024-01-02', '--to-date', '2024-01-03'],
      ['--backfill-days and --from-date', '--backfill-days and --to-date'],
    ],
    [['--lookback', '3', '--from-date', '2024-01-02'], ['--lookback and --from-date']],
    [['--lookback', '3', '--backfill-days', '3'], ['--lookback and --backfill-days']],
    [['--lookback', '3', '--backfill'], ['--lookback and --backfill']],
    [['--lookback', '5', '--backfill'], ['--lookback and --backfill']],
    [['--to-date', '2024-01-02'], ['--to-date needs --from-date']],
    [
      ['--from-date', '2024-01-03', '--to-date', '2024-01-02'],
      ['--from-date 2024-01-03 is after --to-date 2024-01-02'],
    ],
  ])('by a contradiction: %p', (argv, expected) => {
    const problems = problemsOf(argv)
    expect(problems).toHaveLength(expected.length)
    for (const [index, text] of expected.entries()) expect(problems[index]).toContain(text)
  })

  test('names every problem at once: of argv, of values, of the environment, contradictions and what is missing', () => {
    const argv = [
      '--bogus',
      '--tickers=A',
      '--tickers-path=b',
      '--from-date=2024-02-30',
      '--max-calls=0',
      '--out=s3://b/c',
    ]
    const problems = problemsOf(argv, { MAX_WORKERS: 'many', FMP_API: 'v5', RATE_LIMIT_SECONDS: '' })
    const expected = ['--bogus', '--from-date', '--max-calls', '--out', 'MAX_WORKERS', 'FMP_API is', '--tickers and']
    for (const text of [...expected, 'FMP_API_KEY is not set']) {
      expect(problems.filter((problem) => problem.includes(text))).toHaveLength(1)
    }
    expect(problems).toHaveLength(expected.length + 1)
    expect(errorOf(() => resolve(argv, {})).message).toContain('problems, nothing was called')
  })

  test('tells the binary’s user that it reads no .env', () => {
    expect(problemsOf([], { S3_BUCKET: 'my-bucket' }, { isCompiled: true })[0]).toContain('reads no .env')
    expect(problemsOf([], { S3_BUCKET: 'my-bucket' })[0]).not.toContain('.env')
  })
})

describe('--now', () => {
  const argv = ['--now', '2024-09-30T23:00:00Z']

  test.each([
    undefined,
    'https://financialmodelingprep.com',
    'https://financialmodelingprep.com/',
    'https://FinancialModelingPrep.com:443',
    'https://www.financialmodelingprep.com/api',
    'https://financialmodelingprep.com.',
    'https://financialmodelingprep.com./',
  ])('is refused against the vendor’s own host, %p', (url) => {
    expect(problemsOf(argv, { ...GOOD, FMP_BASE_URL: url })[0]).toContain('--now is for rehearsals')
    expect(resolve([...argv, '--dry-run'], { ...GOOD, FMP_BASE_URL: url }).nowMs).toBe(Date.UTC(2024, 8, 30, 23))
  })

  test.each(['http://127.0.0.1:80', 'https://proxy.example', 'https://notfinancialmodelingprep.com'])(
    'is taken against %s',
    (url) => {
      expect(resolve(argv, { ...GOOD, FMP_BASE_URL: url }).nowMs).toBe(Date.UTC(2024, 8, 30, 23))
    },
  )
})

describe('a secret is never shown', () => {
  test.each([
    [[], { FMP_API_KEY: `${KEY} with blanks` }],
    [['--max-calls', '0'], {}],
    [['--api-key', KEY], {}],
    [[], { S3_BUCKET: KEY.toUpperCase(), AWS_SECRET_ACCESS_KEY: KEY }],
    [[], { FMP_BASE_URL: 'https://user:key-that-must-not-be-shown@proxy.example' }],
    [[], { FMP_BASE_URL: 'https://proxy.example/?apikey=key-that-must-not-be-shown' }],
    [[], { FMP_BASE_URL: 'https://proxy.example/#key-that-must-not-be-shown' }],
    [[], { FMP_BASE_URL: 'http://key-that-must-not-be-shown@proxy.example' }],
  ] as [string[], Environment][])('by %p with %p', (argv, environment) => {
    expect(problemsOf(argv, { ...GOOD, ...environment }).join('\n')).not.toContain(KEY)
  })

  test('and a value from outside cannot break the line or speak to the terminal', () => {
    const problems = problemsOf(['--lookback', '1\n::error::no\u001B[31m'])
    expect(problems).toHaveLength(1)
    expect(problems.join('')).not.toMatch(/[\p{Cc}]/u)
  })

  test('and a long one is cut', () => {
    expect(problemsOf(['--lookback', 'x'.repeat(5_000)]).join('').length).toBeLessThan(300)
  })
})

describe('what is allowed and dangerous is said', () => {
  test.each([
    [{ NODE_TLS_REJECT_UNAUTHORIZED: '0' }, 'NODE_TLS_REJECT_UNAUTHORIZED'],
    [{ AWS_ENDPOINT_URL_S3: 'http://minio.example:9000' }, 'plain HTTP'],
    [{ AWS_ENDPOINT_URL: 'http://minio.example:9000' }, 'plain HTTP'],
  ] as [Environment, string][])('of %p', (environment, expected) => {
    expect(resolve([], { ...GOOD, ...environment }).warnings).toEqual([expect.stringContaining(expected)])
  })

  test.each([
    { NODE_TLS_REJECT_UNAUTHORIZED: '1' },
    { AWS_ENDPOINT_URL_S3: 'https://minio.example' },
    { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9000' },
    { AWS_ENDPOINT_URL: 'http://localhost:9000' },
  ])('but not of %p', (environment) => {
    expect(resolve([], { ...GOOD, ...environment }).warnings).toEqual([])
  })
})

describe('resolveDemoFolder()', () => {
  test.each([
    [['demo'], './demo-lake'],
    [['demo', '--out', '/tmp/x'], '/tmp/x'],
  ])('%p stores in %s', (argv, folder) => {
    expect(resolveDemoFolder(lineOf(argv))).toBe(folder)
  })

  test.each(['s3://bucket', 'S3://bucket', 'https://example.com'])('refuses %s', (out) => {
    const error = errorOf(() => resolveDemoFolder(lineOf(['demo', '--out', out, '--force'])))
    expect(error.kind).toBe('usage')
    expect(error.message).toContain('unknown option --force.')
    expect(error.message).toContain(`--out is "${out}", expected a folder.`)
  })
})

describe('resolveBundle()', () => {
  const environment = { S3_BUCKET: 'of-the-variable', S3_RAW_PREFIX: 'of/the/variable' }

  test('takes a flag before its variable, and the variable before the default', () => {
    expect(resolveBundle(lineOf(['databricks', '--bucket', 'of-the-flag']), environment)).toEqual({
      folder: './databricks',
      bucket: 'of-the-flag',
      prefix: 'of/the/variable',
      catalog: 'main',
      isForced: false,
    })
    expect(resolveBundle(lineOf(['databricks']), {})).toMatchObject({ bucket: undefined, prefix: 'raw' })
  })

  test('lets a variable be wrong that a flag overrides, and names the one that is used', () => {
    const wrong = { S3_BUCKET: 'Not a bucket' }
    expect(resolveBundle(lineOf(['databricks', '--bucket', 'b-b']), wrong).bucket).toBe('b-b')
    expect(errorOf(() => resolveBundle(lineOf(['databricks']), wrong)).message).toContain('S3_BUCKET is "Not a bucket"')
  })
})

describe('unsetEmpty()', () => {
  test('takes out what is set to nothing', () => {
    const environment = { AWS_PROFILE: '', AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL: undefined }
    unsetEmpty(environment)
    expect(environment as object).toEqual({ AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL: undefined })
  })
})

const valueOf = (text = '') => (Number.isNaN(Number(text)) ? text : Number(text))
const lineNaming = (text: string, start: string) => text.split('\n').find((line) => line.startsWith(start))

test('the defaults are those that the reference page and --help name', async () => {
  const page = await Bun.file(PAGE).text()
  const help = await helpText('ingest', '1.2.3', 200)
  const config = resolve(['--dry-run', '--out', './lake'], {})
  const defaults: readonly [string, string | number][] = [
    ['S3_RAW_PREFIX', config.prefix],
    ['RATE_LIMIT_SECONDS', config.rateLimitSeconds],
    ['MAX_WORKERS', config.maxWorkers],
    ['UPLOAD_CONCURRENCY', config.uploadConcurrency],
    ['API_TIMEOUT_SECONDS', config.apiTimeoutSeconds],
    ['FMP_API', config.api],
    ['FMP_BASE_URL', config.apiBaseUrl],
  ]
  for (const [name, value] of defaults) {
    const row = lineNaming(page, `| \`${name}\``)
    const line = lineNaming(help, `  ${name} `)
    const named = [/\| `([^`]+)` +\|$/.exec(row ?? '')?.[1], /\(([^()]+)\)/.exec(line ?? '')?.[1]]
    expect([name, ...named.map(valueOf)]).toEqual([name, value, value])
  }
  expect(valueOf(/--lookback=.*default: (\d+)/.exec(help)?.[1])).toBe(config.dates.lookback)
})
