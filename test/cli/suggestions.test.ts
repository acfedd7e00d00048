// Near words and the words of other programs: for each the option, value or command that is meant.

import { describe, expect, test } from 'bun:test'
import { parseCommandLine } from '../../lib/cli/cli.ts'
import { resolveConfig } from '../../lib/cli/resolve.ts'
import { errorOf } from '../support/values.ts'

const ENVIRONMENT = { FMP_API_KEY: 'a-key', S3_BUCKET: 'my-bucket' }

/** The problems of a command line, each a sentence. */
function problemsOf(argv: readonly string[], environment: Readonly<Record<string, string>> = {}): readonly string[] {
  const line = parseCommandLine(argv)
  if (line.kind !== 'run') throw new Error(`${argv.join(' ')} is no run but ${line.kind}`)
  if (line.command !== 'ingest') return line.problems
  const { message } = errorOf(() => resolveConfig(line, { ...ENVIRONMENT, ...environment }, { isCompiled: false }))
  return message
    .split('\n')
    .slice(1)
    .map((problem) => problem.trim())
}

describe('an option of another program', () => {
  test.each([
    ['--symbols', '--tickers'],
    ['--symbol', '--tickers'],
    ['--stocks', '--tickers'],
    ['--tickers-file', '--tickers-path'],
    ['--watchlist', '--tickers-path'],
    ['--start-date', '--from-date'],
    ['--start', '--from-date'],
    ['--since', '--from-date'],
    ['--from', '--from-date'],
    ['--end-date', '--to-date'],
    ['--end', '--to-date'],
    ['--until', '--to-date'],
    ['--to', '--to-date'],
    ['--output', '--out'],
    ['--output-dir', '--out'],
    ['--bucket', '--out'],
    ['--days', '--backfill-days'],
    ['--history', '--backfill'],
    ['--overwrite', '--force'],
    ['--data', '--dataset'],
    ['--frequency', '--period'],
    ['--unadjusted', '--no-adj-close'],
    ['--limit', '--max-calls'],
    ['--preview', '--dry-run'],
    ['--format', '--json'],
    ['--silent', '--quiet'],
    ['--as-of', '--now'],
    ['--usage', '--help'],
    ['--ver', '--version'],
  ])('%s: did you mean %s?', (flag, meant) => {
    expect(problemsOf([flag, 'x'])).toEqual([`unknown option ${flag} (did you mean ${meant}?).`])
  })
})

describe('an option in another spelling', () => {
  test.each([
    ['--ticker', '--tickers'],
    ['--tickres', '--tickers'],
    ['--ticker-path', '--tickers-path'],
    ['--form-date', '--from-date'],
    ['--from_date', '--from-date'],
    ['--fromDate', '--from-date'],
    ['--FROM-DATE', '--from-date'],
    ['--todate', '--to-date'],
    ['--backfil', '--backfill'],
    ['--backfilldays', '--backfill-days'],
    ['--max_calls', '--max-calls'],
    ['--maxcalls', '--max-calls'],
    ['--dryrun', '--dry-run'],
    ['--dry_run', '--dry-run'],
    ['--datasets', '--dataset'],
    ['--quite', '--quiet'],
    ['--hlep', '--help'],
    ['-tickers', '--tickers'],
    ['-help', '--help'],
    ['—force', '--force'],
    ['–from-date', '--from-date'],
  ])('%s: did you mean %s?', (flag, meant) => {
    expect(problemsOf([flag])).toEqual([`unknown option ${flag} (did you mean ${meant}?).`])
  })

  test.each([
    '--bogus',
    '--no-force',
    '--adj-close',
    '--strat',
    '--x',
    '--foo-bar-baz',
    '-z',
    '--key',
    '--token',
    '--apikey',
  ])('%s is like none: nothing is guessed', (flag) => {
    expect(problemsOf([flag]).join('\n')).not.toContain('did you mean')
  })

  test('is looked for among the options of the command alone', () => {
    expect(problemsOf(['demo', '--output', 'x'])).toEqual(['unknown option --output (did you mean --out?).'])
    expect(problemsOf(['demo', '--symbols', 'x'])).toEqual(['unknown option --symbols.'])
    expect(problemsOf(['status', '--max-age', '3', '--symbols', 'x'])).toEqual([
      'unknown option --max-age (did you mean --max-behind?).',
      'unknown option --symbols (did you mean --tickers?).',
    ])
    expect(problemsOf(['databricks', '--s3-bucket', 'x'])).toEqual([
      'unknown option --s3-bucket (did you mean --bucket?).',
    ])
  })
})

describe('a value in another spelling', () => {
  test.each([
    ['--dataset', 'price', 'prices'],
    ['--dataset', 'Prices', 'prices'],
    ['--dataset', 'eod', 'prices'],
    ['--dataset', 'fundamental', 'fundamentals'],
    ['--dataset', 'statements', 'fundamentals'],
    ['--dataset', 'income-statement', 'income'],
    ['--dataset', 'balance_sheet', 'balance'],
    ['--dataset', 'cash-flow', 'cashflow'],
    ['--dataset', 'price,income-statement', 'prices,income'],
    ['--period', 'quarterly', 'quarter'],
    ['--period', 'yearly', 'annual'],
    ['--period', 'Annual', 'annual'],
    ['--period', 'all', 'both'],
    ['--from-date', '20240930', '2024-09-30'],
    ['--from-date', '2024/09/30', '2024-09-30'],
    ['--from-date', '2024-9-3', '2024-09-03'],
    ['--from-date', '2024-09-30T00:00:00Z', '2024-09-30'],
    ['--max-calls', '1,000', '1000'],
    ['--backfill-days', '30d', '30'],
    ['--out', 's3a://my-bucket', 's3://my-bucket'],
    ['--out', 's3:/my-bucket', 's3://my-bucket'],
  ])('%s %s: did you mean %s?', (flag, value, meant) => {
    const datasets = flag === '--period' ? ['--dataset', 'income'] : []
    expect(problemsOf([flag, value, ...datasets])).toEqual([expect.stringContaining(` (did you mean ${meant}?).`)])
  })

  test.each([
    ['FMP_API', 'V3', 'v3'],
    ['FMP_API', 'legacy', 'v3'],
    ['RATE_LIMIT_SECONDS', '15s', '15'],
    ['NO_ADJ_CLOSE', 'on', 'true'],
    ['NO_ADJ_CLOSE', 'off', 'false'],
    ['STATEMENT_PERIOD', 'quarterly', 'quarter'],
  ])('%s=%s: did you mean %s?', (name, value, meant) => {
    expect(problemsOf([], { [name]: value })).toEqual([expect.stringContaining(` (did you mean ${meant}?).`)])
  })

  test.each([
    ['--from-date', '09/10/2024'],
    ['--from-date', '2024-02-30'],
    ['--from-date', 'yesterday'],
    ['--dataset', 'prices,weather'],
    ['--dataset', 'news'],
    ['--period', 'monthly'],
    ['--max-calls', 'many'],
    ['--max-calls', '-5'],
    ['--out', 's3://bucket/path'],
    ['--lookback', '1.5'],
  ])('%s %s: nothing is guessed', (flag, value) => {
    const datasets = flag === '--period' ? ['--dataset', 'income'] : []
    expect(problemsOf([flag, value, ...datasets])).toEqual([expect.not.stringContaining('did you mean')])
  })
})

describe('a word in the place of a command', () => {
  test.each([
    [['help'], 'ingest --help'],
    [['help', 'demo'], 'ingest demo --help'],
    [['help', 'databricks'], 'ingest databricks --help'],
    [['version'], 'ingest --version'],
    [['ingest'], 'ingest without a command'],
    [['run'], 'ingest without a command'],
    [['ingets'], 'ingest without a command'],
    [['fetch'], 'ingest without a command'],
    [['demos'], 'demo'],
    [['dmeo'], 'demo'],
    [['databrick'], 'ingest databricks'],
    [['bundle'], 'ingest databricks'],
    [['example'], 'ingest demo'],
    [['backfill'], 'ingest --backfill'],
    [['history'], 'ingest --backfill'],
    [['dry-run'], 'ingest --dry-run'],
    [['dryRun'], 'ingest --dry-run'],
    [['plan'], 'ingest --dry-run'],
    [['prices'], 'ingest --dataset prices'],
    [['fundamentals'], 'ingest --dataset fundamentals'],
    [['tickers.csv'], '--tickers-path tickers.csv'],
    [['./lake'], '--out ./lake'],
    [['s3://my-bucket'], '--out s3://my-bucket'],
    [['2024-09-16'], '--from-date 2024-09-16'],
  ])('%j: did you mean %s?', (argv, meant) => {
    expect(problemsOf(argv)).toEqual([expect.stringMatching(/^unknown command/)])
    expect(problemsOf(argv)[0]).toEndWith(`(did you mean ${meant}?).`)
  })

  test.each([
    [['AAPL', 'MSFT'], 'AAPL,MSFT'],
    [['AAPL'], 'AAPL'],
    [['AAPL,MSFT'], 'AAPL,MSFT'],
    [['AAPL,', 'MSFT'], 'AAPL,MSFT'],
    [['BRK.B', '^GSPC'], 'BRK.B,^GSPC'],
    [['RELIANCE.NS'], 'RELIANCE.NS'],
    [['EURUSD=X'], 'EURUSD=X'],
    [['7203.T', 'AAPL'], '7203.T,AAPL'],
    [['aapl', 'msft'], 'aapl,msft'],
    [['AAPL', '--dry-run', 'MSFT'], 'AAPL,MSFT'],
    [['--dry-run', 'AAPL', 'MSFT'], 'AAPL,MSFT'],
    [['--tickers', 'AAPL', 'MSFT'], 'AAPL,MSFT'],
    [['--tickers', 'AAPL,', 'MSFT,', 'VOO'], 'AAPL,MSFT,VOO'],
    [['--tickers', 'aapl', 'msft'], 'aapl,msft'],
  ])('%j: symbols are given with --tickers %s', (argv, list) => {
    expect(problemsOf(argv)).toEqual([expect.stringContaining(`symbols are given with --tickers ${list}.`)])
  })

  test.each([
    'FMP_API_KEY=HUNTER2HUNTER2',
    'KEY=HUNTER2',
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345',
    'https://hunter2@example.com',
  ])('%s may be a secret and is no symbol', (word) => {
    const problems = problemsOf([word]).join('\n')
    expect(problems).not.toContain('--tickers')
    expect(problems).not.toMatch(/hunter2/i)
  })

  test('that comes late is told so', () => {
    expect(problemsOf(['--force', 'demo'])).toEqual(['the command "demo" must come first.'])
    expect(problemsOf(['AAPL', 'demo'])).toEqual([
      expect.stringContaining('unknown command "AAPL"'),
      'the command "demo" must come first.',
    ])
  })
})
