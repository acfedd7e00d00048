// What somebody meant who typed a word that the program does not know: a near word, or one that other programs use.

import { DATASET_WORDS } from '../core/config.ts'
import type { SchemaName } from './schemas.ts'

/** Words for options that other programs use, by the option that is meant. In small letters, without dashes before them. */
const FLAG_SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  '--tickers': ['symbols', 'symbol', 'stocks', 'stock', 'securities', 'instruments', 'names', 'ticker-list', 't', 's'],
  '--tickers-path': [
    'tickers-file',
    'ticker-file',
    'ticker-path',
    'symbols-file',
    'symbols-path',
    'symbol-file',
    'list',
    'file',
    'input',
    'csv',
    'watchlist',
    'universe',
    'i',
  ],
  '--skip-bad-tickers': [
    'skip-bad',
    'skip-invalid',
    'skip-bad-symbols',
    'ignore-bad-tickers',
    'ignore-invalid',
    'ignore-errors',
  ],
  '--backfill': ['history', 'full', 'full-history', 'historical', 'yearly', 'by-year', 'bulk'],
  '--backfill-days': ['days', 'days-back', 'last-days', 'history-days', 'back'],
  '--from-date': ['start-date', 'start', 'since', 'from', 'begin', 'begin-date', 'date-from', 'first-date', 'after'],
  '--to-date': ['end-date', 'end', 'until', 'till', 'to', 'date-to', 'last-date', 'before', 'through'],
  '--lookback': ['look-back', 'sessions', 'lookback-days', 'lookback-sessions', 'window'],
  '--force': ['overwrite', 'refresh', 'refetch', 'redownload', 'replace', 'no-cache', 'f'],
  '--out': [
    'output',
    'output-dir',
    'output-path',
    'output-folder',
    'out-dir',
    'dir',
    'directory',
    'folder',
    'dest',
    'destination',
    'target',
    'to-dir',
    'lake',
    'bucket',
    's3-bucket',
    's3',
    'o',
    'd',
  ],
  '--dataset': ['data', 'data-set', 'type', 'kind', 'endpoint', 'statement', 'statements', 'what'],
  '--period': ['frequency', 'freq', 'interval', 'reporting-period', 'annual', 'quarter', 'quarterly', 'p'],
  '--no-adj-close': [
    'no-adjusted',
    'no-adjusted-close',
    'no-adj',
    'unadjusted',
    'raw',
    'without-adj-close',
    'skip-adj-close',
  ],
  '--max-calls': ['limit', 'call-limit', 'max-requests', 'max-api-calls', 'budget', 'quota', 'calls', 'daily-limit'],
  '--dry-run': ['plan', 'preview', 'simulate', 'noop', 'no-op', 'what-if', 'whatif', 'check', 'estimate', 'n'],
  '--max-behind': ['max-age', 'max-stale', 'behind', 'tolerance', 'stale-after'],
  '--keys': ['list-keys', 'show-keys', 'files', 'list-files', 'show-files'],
  '--json': ['format', 'output-format', 'metrics', 'as-json', 'j'],
  '--quiet': ['silent', 'no-progress', 'no-output', 'q'],
  '--allow-unsafe-store': ['unsafe', 'allow-unsafe', 'unsafe-store', 'insecure'],
  '--now': ['as-of', 'asof', 'at', 'today', 'time', 'clock'],
  '--catalog': ['catalogue', 'unity-catalog', 'database'],
  '--prefix': ['raw-prefix', 's3-prefix', 's3-raw-prefix', 'key-prefix'],
  '--bucket': ['s3-bucket', 's3'],
  '--help': ['usage', 'man', 'info', '?'],
  '--version': ['ver', 'about', 'release'],
}

/** Words for commands that other programs use, by the command line that is meant. */
const COMMAND_SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  'ingest --help': ['help', 'usage', 'man', 'commands', 'options'],
  'ingest --version': ['version', 'about', 'ver'],
  'ingest without a command': [
    'ingest',
    'run',
    'start',
    'fetch',
    'sync',
    'update',
    'download',
    'get',
    'pull',
    'daily',
    'nightly',
    'load',
    'exec',
  ],
  'ingest --backfill': ['history', 'historical', 'full', 'bulk', 'initial', 'seed'],
  'ingest --dry-run': ['plan', 'preview', 'list', 'ls', 'check', 'estimate', 'diff'],
  'ingest --force': ['overwrite', 'refresh', 'refetch'],
  'ingest --dataset prices': ['prices', 'price', 'eod', 'ohlc', 'ohlcv', 'quotes', 'bars'],
  'ingest --dataset fundamentals': ['fundamentals', 'fundamental', 'statements', 'financials'],
  'ingest --dataset income': ['income', 'income-statement'],
  'ingest --dataset balance': ['balance', 'balance-sheet'],
  'ingest --dataset cashflow': ['cashflow', 'cash-flow'],
  'ingest demo': ['example', 'examples', 'sample', 'tutorial', 'tour', 'try', 'quickstart', 'test'],
  'ingest status': ['state', 'health', 'freshness', 'fresh', 'monitor', 'heartbeat'],
  'ingest doctor': ['diagnose', 'diagnostics', 'preflight', 'self-test', 'selftest', 'troubleshoot', 'debug', 'setup'],
  'ingest databricks': ['bundle', 'dab', 'lakehouse', 'spark', 'databrick', 'init'],
}

/** Words for values that other programs use, by the value that is meant. */
const VALUE_SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  prices: ['price', 'eod', 'ohlc', 'ohlcv', 'quotes', 'quote', 'bars', 'stocks', 'daily', 'historical', 'history'],
  fundamentals: ['fundamental', 'statements', 'statement', 'financials', 'financial-statements', 'company'],
  income: ['income-statement', 'income-statements', 'earnings', 'pnl', 'profit', 'revenue', 'is'],
  balance: ['balance-sheet', 'balance-sheets', 'balance-sheet-statement', 'balancesheet', 'bs', 'assets'],
  cashflow: ['cash-flow', 'cash-flows', 'cash-flow-statement', 'cashflows', 'cash', 'cf'],
  annual: ['annually', 'yearly', 'year', 'fy', 'a', 'y', '10-k', '12m', 'annual-report'],
  quarter: ['quarterly', 'quarters', 'qtr', 'q', '10-q', '3m', 'qoq'],
  both: ['all', 'any', 'annual-quarter', 'annual-and-quarter', 'annual,quarter', 'quarter,annual', '*'],
  stable: ['v4', 'v5', 'latest', 'new', 'current', 'default'],
  v3: ['3', 'legacy', 'old', 'v-3', 'api-v3'],
  true: ['on', 'y', 't', 'enabled', 'enable', 'ja', 'si', 'oui'],
  false: ['off', 'n', 'f', 'none', 'disabled', 'disable', 'nein', 'non'],
}

/** More letters than these may not differ. */
const MAX_DISTANCE = 2

/** The option that somebody meant, among those of the command; undefined where no guess is good. */
export function nearFlag(flag: string, known: readonly string[]): string | undefined {
  const plain = plainWord(flag)
  const all = [...known, '--help', '--version']
  const exact = all.find((name) => plainWord(name) === plain)
  return exact ?? all.find((name) => FLAG_SYNONYMS[name]?.includes(plain) === true) ?? nearest(`--${plain}`, all)
}

/** What somebody meant by a word in the place of a command: a command or a command line; undefined where no guess is good. */
export function nearCommand(word: string, commands: readonly string[], flags: readonly string[]): string | undefined {
  const plain = plainWord(word)
  const flag = flags.find((name) => name === `--${plain}`)
  if (flag !== undefined) return `ingest ${flag}`
  const near = nearest(plain, [...commands, 'ingest', 'help', 'version'])
  return lineMeant(plain) ?? (near === undefined ? undefined : (lineMeant(near) ?? near))
}

function lineMeant(word: string): string | undefined {
  return Object.entries(COMMAND_SYNONYMS).find(([, words]) => words.includes(word))?.[0]
}

/** ` (did you mean x?)`, or nothing. */
export function didYouMean(near: string | undefined): string {
  return near === undefined ? '' : ` (did you mean ${near}?)`
}

/** The value that somebody meant for a setting, by the name of its schema; undefined where no guess is good. */
export function nearValue(schema: SchemaName, text: string): string | undefined {
  const value = text.trim()
  const words = WORDS[schema]
  if (words !== undefined) return nearWord(value, words) ?? nearList(value.split(','), schema)
  if (schema === 'date') return nearDate(value)
  if (schema === 'target') return /^(?:s3[an]:|s3:\/(?!\/))\/*(.+)$/i.exec(value)?.[1]?.replace(/^/, 's3://')
  return nearNumber(value)
}

/** What a setting accepts, where that is a few words. */
const WORDS: { readonly [schema in SchemaName]?: readonly string[] } = {
  datasets: DATASET_WORDS,
  periods: ['annual', 'quarter', 'both'],
  api: ['stable', 'v3'],
  switch: ['true', 'false'],
}

/** The word that somebody meant among those that are accepted; undefined where no guess is good. */
export function nearWord(value: string, accepted: readonly string[]): string | undefined {
  const plain = plainWord(value)
  return (
    accepted.find((word) => word === plain) ??
    accepted.find((word) => VALUE_SYNONYMS[word]?.includes(plain) === true) ??
    nearest(plain, accepted)
  )
}

function nearList(values: readonly string[], schema: SchemaName): string | undefined {
  const near = values.map((value) => nearWord(value.trim(), schema === 'datasets' ? DATASET_WORDS : []))
  return near.includes(undefined) ? undefined : [...new Set(near)].join(',')
}

/** A date that is written otherwise, as the program takes it; undefined where day and month could be exchanged. */
function nearDate(value: string): string | undefined {
  const parts = /^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[T ].*)?$/.exec(value) ?? /^(\d{4})()(\d\d)(\d\d)$/.exec(value)
  if (parts === null) return undefined
  const [, year = '', , month = '', day = ''] = parts
  const date = `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`
  return date === value || !isReal(date) ? undefined : date
}

/** Here and not from core/dates.ts, whose time zone takes --help as long to load as all the rest. */
function isReal(date: string): boolean {
  const ms = Date.parse(`${date}T00:00:00Z`)
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(date)
}

/** A number with its unit, or with marks between its thousands. */
function nearNumber(value: string): string | undefined {
  if (/^\d{1,3}(?:[,_' ]\d{3})+$/.test(value)) return value.replaceAll(/\D/g, '')
  return /^(\d+(?:\.\d+)?) ?(?:s|secs?|seconds?|d|days?|calls?|sessions?)$/i.exec(value)?.[1]
}

/** `--startDate`, `start_date` and `START-DATE` are one word. */
function plainWord(text: string): string {
  return text
    .replace(/^[-\u2010-\u2015\u2212]+/, '')
    .replaceAll(/([a-z])([A-Z])/g, '$1-$2')
    .replaceAll(/[_ ]/g, '-')
    .toLowerCase()
}

function nearest(word: string, known: readonly string[]): string | undefined {
  const [near] = known
    .map((other) => ({ other, distance: editDistance(word, other) }))
    .toSorted((a, b) => a.distance - b.distance)
  // Two letters of a short word are most of it.
  const most = Math.min(MAX_DISTANCE, Math.floor(word.replace(/^-+/, '').length / 2))
  return near !== undefined && near.distance <= most ? near.other : undefined
}

/** How many letters must be added, dropped or changed to make `b` of `a` (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
