// What is wrong with settings that are each right: they contradict each other, something is missing, something is
// dangerous.

import type { Flags } from './cli.ts'
import { type Config, FMP_BASE_URL } from '../core/config.ts'
import { isBaseUrl, type Name, type Value } from './schemas.ts'
import { whereTrue } from '../core/text.ts'

/** Flags and environment under one roof; what does not fit its schema becomes a problem and reads as absent. */
export type Reader = {
  readonly raw: (name: string) => string | undefined
  readonly read: <N extends Name>(name: N) => Value<N> | undefined
  readonly isOn: (flag: keyof Flags) => boolean
}

/** What is neither flag nor environment: how the program was started. */
export type Start = { readonly isCompiled: boolean }

const CONTRADICTIONS = [
  ['--tickers', '--tickers-path'],
  ['--backfill-days', '--from-date'],
  ['--backfill-days', '--to-date'],
  ['--lookback', '--from-date'],
  ['--lookback', '--to-date'],
  ['--lookback', '--backfill-days'],
] as const

/** Settings that cannot stand together, each pair a sentence. */
export function contradictions({ raw, isOn }: Reader, { dates, datasets }: Config): readonly string[] {
  const problems: string[] = CONTRADICTIONS.filter(([a, b]) => raw(a) !== undefined && raw(b) !== undefined).map(
    ([a, b]) => `${a} and ${b} contradict each other: give one.`,
  )
  const { fromDate, toDate } = dates
  if (raw('--lookback') !== undefined && isOn('backfill')) {
    problems.push('--lookback and --backfill contradict each other: give one.')
  }
  if (raw('--to-date') !== undefined && raw('--from-date') === undefined && raw('--backfill-days') === undefined) {
    problems.push('--to-date needs --from-date.')
  }
  if (fromDate !== undefined && toDate !== undefined && fromDate > toDate) {
    problems.push(`--from-date ${fromDate} is after --to-date ${toDate}.`)
  }
  return [...problems, ...strangers({ raw, isOn }, datasets)]
}

const DATE_OPTIONS = ['--backfill-days', '--from-date', '--to-date', '--lookback'] as const
const DATE_FLAGS = ['backfill', 'no-adj-close'] as const

/** Options that belong to a dataset which the run does not fetch. */
function strangers({ raw, isOn }: Pick<Reader, 'raw' | 'isOn'>, datasets: readonly string[]): readonly string[] {
  const isWithout = (name: string) => !datasets.includes(name)
  const ofPrices = [
    ...DATE_OPTIONS.filter((name) => raw(name) !== undefined),
    ...DATE_FLAGS.filter((name) => isOn(name)).map((name) => `--${name}`),
  ]
  const hasStatements = datasets.some((name) => name !== 'prices')
  return [
    ...(isWithout('prices') ? ofPrices.map((name) => `${name} is for prices, which --dataset leaves out.`) : []),
    ...(raw('--period') !== undefined && !hasStatements
      ? ['--period is for statements: name them with --dataset.']
      : []),
  ]
}

/** What is missing for a run like this, or may not be there. */
export function absences({ raw }: Reader, config: Config, { isCompiled }: Start): readonly string[] {
  const { apiKey, isDryRun, nowMs, apiBaseUrl } = config
  const dotEnv = isCompiled ? ' This binary reads no .env file.' : ''
  const problems: readonly [boolean, string][] = [
    [
      apiKey === '' && !isDryRun,
      `FMP_API_KEY is not set: put the key of your FMP account into the environment, never on the command line.${dotEnv}`,
    ],
    // Not shown: what is wrong with it is enough.
    [/[^\x21-\x7E]/.test(apiKey), 'FMP_API_KEY has blanks or characters that no key has.'],
    [
      raw('--out') === undefined && raw('S3_BUCKET') === undefined,
      'There is no place to store: set S3_BUCKET, or name a folder or s3://bucket with --out.',
    ],
    [
      nowMs !== undefined && !isDryRun && isVendor(apiBaseUrl),
      '--now is for rehearsals: add --dry-run, or point FMP_BASE_URL at a test server.',
    ],
  ]
  return whereTrue(problems)
}

/** Settings that are allowed and dangerous, in sentences. */
export function cautionsOf({ raw }: Reader): readonly string[] {
  const endpoint = raw('AWS_ENDPOINT_URL_S3') ?? raw('AWS_ENDPOINT_URL')
  const cautions: readonly [boolean, string][] = [
    [
      raw('NODE_TLS_REJECT_UNAUTHORIZED') === '0',
      'NODE_TLS_REJECT_UNAUTHORIZED=0 is set: certificates are not checked, and whoever answers can read the API key. Unset it.',
    ],
    [
      endpoint !== undefined && endpoint.startsWith('http://') && !isBaseUrl(endpoint),
      'The S3 endpoint is plain HTTP on another machine: data and signatures can be read and changed on the way. Use https://.',
    ],
  ]
  return whereTrue(cautions)
}

function isVendor(url: string): boolean {
  const host = new URL(FMP_BASE_URL).hostname
  const hostname = new URL(url).hostname.replace(/\.$/, '')
  return hostname === host || hostname.endsWith(`.${host}`)
}
