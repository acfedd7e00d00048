// The run's settings: flags over environment over defaults, each checked once, all problems named together. The only
// reader of flags and environment.

import * as v from 'valibot'
import type { CommandLine, Flags } from './cli.ts'
import { absences, cautionsOf, contradictions, type Reader, type Start } from './checks.ts'
import { usageError, type IngestError } from '../core/errors.ts'
import {
  type ActionsJob,
  type BundleSettings,
  type Config,
  type Target,
  type TickerSource,
  FMP_BASE_URL,
} from '../core/config.ts'
import { bucketOf, SCHEMAS } from './schemas.ts'
import { oneLine } from '../core/text.ts'

export type Environment = Readonly<Record<string, string | undefined>>

type RunLine = Extract<CommandLine, { kind: 'run' }>

/**
 * The settings of a run. Throws one usage error that names every problem: of argv, of values, of contradictions and of
 * what is missing.
 */
export function resolveConfig(line: RunLine, environment: Environment, start: Start): Config {
  const problems = [...line.problems]
  const reader = createReader(line.flags, environment, problems)
  const { raw, read, isOn } = reader
  const config: Config = {
    tickers: tickerSource(raw('--tickers'), read('--tickers-path')),
    dates: {
      mode: isOn('backfill') ? 'backfill' : 'daily',
      fromDate: read('--from-date'),
      toDate: read('--to-date'),
      backfillDays: read('--backfill-days'),
      lookback: read('--lookback') ?? 5,
    },
    fileNote: undefined,
    datasets: read('--dataset') ?? ['prices'],
    periods: read('--period') ?? ['annual', 'quarter'],
    isForced: isOn('force'),
    isDryRun: isOn('dry-run'),
    isJson: isOn('json'),
    isQuiet: isOn('quiet'),
    withAdjClose: !isOn('no-adj-close'),
    maxCalls: read('--max-calls'),
    nowMs: read('--now'),
    ...vendorSettings(reader),
    ...storeSettings(reader),
    actionsJob: actionsJob(reader, environment),
    cautions: cautionsOf(reader),
    secrets: secretsOf(environment),
  }
  problems.push(...contradictions(reader, config), ...absences(reader, config, start))
  if (problems.length > 0) throw usageErrorOf(problems)
  return Object.freeze(config)
}

function createReader(flags: Flags, environment: Environment, problems: string[]): Reader {
  const valueOf = (name: string) => new Map(Object.entries(flags)).get(name.slice(2))
  const raw = (name: string) => {
    // An empty variable is an unset one: that is how CI passes what is not set.
    const value = name.startsWith('--') ? valueOf(name) : environment[name]?.trim()
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  return {
    raw,
    read(name) {
      const value = raw(name)
      if (value === undefined) return undefined
      const parsed = v.safeParse(SCHEMAS[name], value)
      if (parsed.success) return parsed.output
      // An address may carry a password or a key.
      const shown = name === 'FMP_BASE_URL' ? 'is not accepted' : `is ${quoted(value)}`
      problems.push(`${name} ${shown}, expected ${parsed.issues[0].message}.`)
      return undefined
    },
    isOn: (flag) => flags[flag] === true,
  }
}

function vendorSettings({ raw, read }: Reader) {
  return {
    // Empty only in a dry run.
    apiKey: raw('FMP_API_KEY') ?? '',
    api: read('FMP_API') ?? 'stable',
    apiBaseUrl: (read('FMP_BASE_URL') ?? FMP_BASE_URL).replace(/\/+$/, ''),
    rateLimitSeconds: read('RATE_LIMIT_SECONDS') ?? 15,
    maxWorkers: read('MAX_WORKERS') ?? 5,
    apiTimeoutSeconds: read('API_TIMEOUT_SECONDS') ?? 30,
  } as const
}

function storeSettings({ raw, read, isOn }: Reader) {
  // The bucket counts only where --out does not override it.
  const bucket = raw('--out') === undefined ? read('S3_BUCKET') : undefined
  return {
    target: targetOf(read('--out'), bucket) ?? { kind: 's3', bucket: '' },
    prefix: read('S3_RAW_PREFIX') ?? 'raw',
    allowsUnsafeStore: isOn('allow-unsafe-store'),
    uploadConcurrency: read('UPLOAD_CONCURRENCY') ?? 192,
    defaultRegion: raw('AWS_DEFAULT_REGION'),
    hasCustomEndpoint: raw('AWS_ENDPOINT_URL_S3') !== undefined || raw('AWS_ENDPOINT_URL') !== undefined,
  } as const
}

/** Where GitHub Actions wants the step summary; undefined outside of it. */
export function actionsSummary(environment: Environment): Pick<ActionsJob, 'summaryPath'> | undefined {
  if (environment['GITHUB_ACTIONS'] !== 'true') return undefined
  return { summaryPath: environment['GITHUB_STEP_SUMMARY'] || undefined }
}

/** When GitHub ends a job of its own runners, whatever the workflow says. */
const MAX_HOSTED_MINUTES = 360

function actionsJob({ raw, read }: Reader, environment: Environment): ActionsJob | undefined {
  const summary = actionsSummary(environment)
  if (summary === undefined) return undefined
  const timeoutMinutes = read('JOB_TIMEOUT_MINUTES')
  const isHosted = raw('RUNNER_ENVIRONMENT') === 'github-hosted'
  return {
    ...summary,
    timeoutMinutes: isHosted ? Math.min(timeoutMinutes ?? MAX_HOSTED_MINUTES, MAX_HOSTED_MINUTES) : timeoutMinutes,
    roleDurationSeconds: read('ROLE_DURATION_SECONDS'),
  }
}

/** The demo's folder. Throws a usage error that names every problem. */
export function resolveDemoFolder({ flags, problems }: RunLine): string {
  const folder = typeof flags.out === 'string' ? flags.out : './lake'
  const all = /^[a-z][a-z0-9+.-]*:\/\//i.test(folder) ? [...problems, '--out of the demo is a folder.'] : problems
  if (all.length > 0) throw usageErrorOf(all)
  return folder
}

/** What the Databricks bundle is to be written for. Throws a usage error that names every problem. */
export function resolveBundle({ flags, problems: wrong }: RunLine, environment: Environment): BundleSettings {
  const problems = [...wrong]
  const { raw, read, isOn } = createReader(flags, environment, problems)
  const folder = typeof flags.dir === 'string' ? flags.dir : './databricks'
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(folder)) problems.push(`DIR is ${quoted(folder)}, expected a folder.`)
  // The environment speaks where the flag does not; what is overridden need not be right.
  const bucket = raw('--bucket') === undefined ? read('S3_BUCKET') : read('--bucket')
  const prefix = (raw('--prefix') === undefined ? read('S3_RAW_PREFIX') : read('--prefix')) ?? 'raw'
  const catalog = read('--catalog') ?? 'main'
  if (problems.length > 0) throw usageErrorOf(problems)
  return { folder, bucket, prefix, catalog, isForced: isOn('force') }
}

/** What must never be shown. */
export function secretsOf(environment: Environment): readonly string[] {
  const names = ['FMP_API_KEY', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']
  return names.flatMap((name) => environment[name]?.trim() || [])
}

/** Takes out of an environment the variables that are set to nothing. */
export function unsetEmpty(environment: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(environment)) {
    if (value === '') delete environment[name]
  }
}

/** The usage error that names all problems of a call. */
function usageErrorOf(problems: readonly string[]): IngestError {
  const list = problems.map((problem) => `\n  ${oneLine(problem)}`).join('')
  const many = problems.length === 1 ? 'One problem' : `${problems.length} problems`
  return usageError(`${many}, nothing was called (see --help):${list}`)
}

function tickerSource(list: string | undefined, path: string | undefined): TickerSource {
  if (list !== undefined) return { kind: 'flag', list }
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(path ?? '') ?? []
  if (bucket !== undefined && key !== undefined) return { kind: 's3', bucket, key }
  return { kind: 'file', path: path ?? 'tickers.csv' }
}

function targetOf(out: string | undefined, bucket: string | undefined): Target | undefined {
  if (out?.startsWith('s3://') === true) return { kind: 's3', bucket: bucketOf(out) }
  if (out !== undefined) return { kind: 'folder', folder: out }
  return bucket === undefined ? undefined : { kind: 's3', bucket }
}

function quoted(value: string): string {
  return JSON.stringify(oneLine(value, 100))
}
