// What can be wrong with settings that are each right: they contradict each other, belong to another dataset, are missing
// or are unsafe.

import { type Config, FMP_BASE_URL, type LakeConfig, STATEMENT_NAMES, type VendorSettings } from '../core/config.ts'
import { whereTrue } from '../core/text.ts'
import type { Reader } from './reader.ts'
import { isBaseUrl } from './schemas.ts'
import type { Setting } from './setting.ts'
import { FLAGS } from './settings.ts'
import { VARIABLES } from './variables.ts'

/** What is neither flag nor environment: how the program was started. */
export type Start = { readonly isCompiled: boolean }

/** Flags that cannot stand together. */
export const CONTRADICTIONS = [
  ['--tickers', '--tickers-path'],
  ['--backfill-days', '--from-date'],
  ['--backfill-days', '--to-date'],
  ['--lookback', '--from-date'],
  ['--lookback', '--to-date'],
  ['--lookback', '--backfill-days'],
  ['--lookback', '--backfill'],
] as const

/** Only a run has the flag; every command that asks FMP has the variable. */
const DAILY_LIMIT_ALONE =
  'DAILY_CALLS needs --ledger of a run, LEDGER=true of another command: without it no process knows of the calls of others. --max-calls limits those of one run.'

function isDailyLimitAlone({ dailyCalls, usesLedger }: Pick<VendorSettings, 'dailyCalls' | 'usesLedger'>): boolean {
  return dailyCalls !== undefined && !usesLedger
}

/** What flags contradict, each a sentence. */
export function contradictions(reader: Reader, config: Config): readonly string[] {
  const { isGiven } = reader
  const { dates } = config
  const { fromDate, toDate } = dates
  return [
    ...contradictingPairs(reader),
    ...whereTrue([
      [isGiven('--keys') && !isGiven('--dry-run'), '--keys needs --dry-run: only a plan has keys to show.'],
      [isDailyLimitAlone(config), DAILY_LIMIT_ALONE],
      [isGiven('--to-date') && !isGiven('--from-date') && !isGiven('--backfill-days'), '--to-date needs --from-date.'],
      [
        fromDate !== undefined && toDate !== undefined && fromDate > toDate,
        `--from-date ${fromDate} is after --to-date ${toDate}.`,
      ],
    ]),
  ]
}

/** The pairs of `CONTRADICTIONS` that are given, each a sentence. */
export function contradictingPairs({ isGiven }: Reader): readonly string[] {
  return CONTRADICTIONS.filter((pair) => pair.every(isGiven)).map(
    ([a, b]) => `${a} and ${b} contradict each other: give one.`,
  )
}

/** Flags that have a meaning only for datasets which the run does not fetch, each a sentence. */
export function misplacedSettings({ isGiven }: Reader, { datasets }: Config): readonly string[] {
  const hasPrices = datasets.includes('prices')
  const hasStatements = datasets.some((name) => name !== 'prices')
  const given: readonly Setting[] = Object.values(FLAGS).filter(({ flag }) => isGiven(flag))
  return given.flatMap(({ flag, only }) =>
    whereTrue([
      [only === 'prices' && !hasPrices, `${flag} is for prices, which --dataset leaves out.`],
      [only === 'statements' && !hasStatements, `${flag} is for statements: name them with --dataset.`],
    ]),
  )
}

/** What is missing for a run like this, or may not be there, each a sentence. */
export function missingSettings(reader: Reader, config: Config, start: Start): readonly string[] {
  const { apiKey, isDryRun, nowMs, apiBaseUrl } = config
  return [
    ...keyProblems(apiKey, !isDryRun, start),
    ...whereTrue([
      [
        isWithoutTarget(reader),
        'There is no place to store: set S3_BUCKET, or name a folder or s3://bucket with --out.',
      ],
      [
        nowMs !== undefined && !isDryRun && isVendor(apiBaseUrl),
        '--now is for rehearsals: add --dry-run, or point FMP_BASE_URL at a test server.',
      ],
    ]),
  ]
}

/** The same for a command that looks at a lake. */
export function missingForLake(reader: Reader, { vendor, nowMs }: LakeConfig, start: Start): readonly string[] {
  return [
    ...(vendor === undefined ? [] : keyProblems(vendor.apiKey, true, start)),
    ...missingLake(reader),
    ...whereTrue([
      [
        vendor !== undefined && nowMs !== undefined && isVendor(vendor.apiBaseUrl),
        '--now is for rehearsals: what FMP is asked is asked of today. Point FMP_BASE_URL at a test server.',
      ],
      [vendor !== undefined && isDailyLimitAlone(vendor), DAILY_LIMIT_ALONE],
    ]),
  ]
}

/** Where no lake is named, a sentence. */
export function missingLake(reader: Reader): readonly string[] {
  return whereTrue([
    [
      isWithoutTarget(reader),
      'There is no lake to look at: set S3_BUCKET, or name a folder or s3://bucket with --out.',
    ],
  ])
}

/**
 * What is wrong with the prefixes of the data and of the tables together, each a sentence: a reader of a folder reads all
 * that lies below it.
 */
export function prefixProblems({ prefix, tablePrefix }: { prefix: string; tablePrefix: string }): readonly string[] {
  const [data, tables] = [
    foldersOf(prefix, ['prices', 'fundamentals']),
    foldersOf(tablePrefix, ['prices', ...STATEMENT_NAMES]),
  ]
  const isMixed = data.some((one) => tables.some((other) => one.startsWith(other) || other.startsWith(one)))
  return whereTrue([
    [
      isMixed,
      `S3_TABLE_PREFIX "${tablePrefix}" and S3_RAW_PREFIX "${prefix}" put tables and data into one folder: choose others.`,
    ],
  ])
}

function foldersOf(prefix: string, names: readonly string[]): readonly string[] {
  return names.map((name) => (prefix === '' ? `${name}/` : `${prefix}/${name}/`))
}

function isWithoutTarget({ isGiven }: Reader): boolean {
  return !isGiven('--out') && !isGiven('S3_BUCKET')
}

function keyProblems(apiKey: string, isNeeded: boolean, { isCompiled }: Start): readonly string[] {
  const dotEnv = isCompiled ? ' This binary reads no .env file, only the one that --env-file names.' : ''
  return whereTrue([
    [
      apiKey === '' && isNeeded,
      `FMP_API_KEY is not set: put the key of your FMP account into the environment, never on the command line.${dotEnv}`,
    ],
    // Not shown: what is wrong with it is enough.
    [/[^\x21-\x7E]/.test(apiKey), 'FMP_API_KEY has blanks or characters that no key has.'],
  ])
}

/** Settings that are allowed and unsafe, each a sentence with its cure. */
export function unsafeSettings({ read }: Reader): readonly string[] {
  const endpoint = read(VARIABLES.endpoint) ?? read(VARIABLES.anyEndpoint)
  return whereTrue([
    [
      read(VARIABLES.skipsCertificates) === '0',
      'NODE_TLS_REJECT_UNAUTHORIZED=0 is set: certificates are not checked, and whoever answers can read the API key. Unset it.',
    ],
    [
      endpoint !== undefined && endpoint.startsWith('http://') && !isBaseUrl(endpoint),
      'The S3 endpoint is plain HTTP on another machine: data and signatures can be read and changed on the way. Use https://.',
    ],
  ])
}

function isVendor(url: string): boolean {
  const host = new URL(FMP_BASE_URL).hostname
  const hostname = new URL(url).hostname.replace(/\.$/, '')
  return hostname === host || hostname.endsWith(`.${host}`)
}
