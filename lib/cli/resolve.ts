// The settings of each command as values, all problems named together.

import type { CommandLine, Flags } from './cli.ts'
import { DATABRICKS, DEMO, SCHEMA } from './commands.ts'
import {
  contradictions,
  misplacedSettings,
  missingSettings,
  prefixProblems,
  unsafeSettings,
  type Start,
} from './checks.ts'
import { addVariables, MAX_ENV_FILE_BYTES, parseEnvFile, type PrivateFile } from './env-file.ts'
import { tickerSource, targetOf } from './places.ts'
import { createReader, quoted, textOf, usageErrorOf, type Environment, type Reader } from './reader.ts'
import type { Setting } from './setting.ts'
import { FLAGS } from './settings.ts'
import { readRunGroup, readShard } from './shard.ts'
import { didYouMean, nearWord } from './suggestions.ts'
import { VARIABLES } from './variables.ts'
import { type ActionsJob, type BundleSettings, type Config, CREATOR, type VendorSettings } from '../core/config.ts'
import type { Shard } from '../core/shard.ts'

export type RunLine = Extract<CommandLine, { kind: 'run' }>

/**
 * The settings of a run. Throws one usage error that names every problem: of argv, of values, of contradictions and of
 * what is missing.
 */
export function resolveConfig(line: RunLine, environment: Environment, start: Start): Config {
  const problems = [...line.problems]
  const reader = createReader(line.flags, environment, problems)
  const { read } = reader
  const { shard, problems: shardProblems } = readShard(reader)
  const config: Config = {
    tickers: tickerSource(reader),
    skipsBadTickers: read(FLAGS.skipsBadTickers),
    dates: {
      mode: read(FLAGS.backfill) ? 'backfill' : 'daily',
      fromDate: read(FLAGS.fromDate),
      toDate: read(FLAGS.toDate),
      backfillDays: read(FLAGS.backfillDays),
      lookback: read(FLAGS.lookback),
    },
    fileNote: undefined,
    creator: CREATOR,
    datasets: read(FLAGS.datasets),
    periods: read(FLAGS.periods),
    mending: read(FLAGS.mending),
    auditEvery: read(FLAGS.auditEvery),
    accepts: read(FLAGS.accepts) ?? [],
    acceptedSessions: read(FLAGS.acceptedSessions) ?? [],
    isForced: read(FLAGS.isForced),
    isDryRun: read(FLAGS.isDryRun),
    showsKeys: read(FLAGS.showsKeys),
    isJson: read(FLAGS.isJson),
    isQuiet: read(FLAGS.isQuiet),
    withAdjClose: !read(FLAGS.noAdjClose),
    keepsTables: read(FLAGS.keepsTables),
    maxCalls: read(FLAGS.maxCalls),
    nowMs: read(FLAGS.nowMs),
    runGroup: readRunGroup(reader, shard),
    ...vendorSettings(reader, shard),
    ...storeSettings(reader),
    actionsJob: actionsJob(reader, environment),
    warnings: unsafeSettings(reader),
    secrets: secretsOf(environment, line.flags),
  }
  // Only checked here: pings are sent where there is no configuration, too.
  read(FLAGS.ping)
  problems.push(
    ...shardProblems,
    ...contradictions(reader, config),
    ...misplacedSettings(reader, config),
    ...missingSettings(reader, config, start),
    ...(config.keepsTables ? prefixProblems(config) : []),
  )
  if (problems.length > 0) throw usageErrorOf(problems)
  return Object.freeze(config)
}

/** How FMP is asked. */
export function vendorSettings({ read }: Reader, shard: Shard | undefined): VendorSettings {
  return {
    // Whether it may be empty is for the checks to say.
    apiKey: read(VARIABLES.apiKey) ?? '',
    api: read(VARIABLES.api),
    apiBaseUrl: read(VARIABLES.apiBaseUrl),
    rateLimitSeconds: read(VARIABLES.rateLimitSeconds),
    shard,
    usesLedger: read(FLAGS.usesLedger),
    dailyCalls: read(VARIABLES.dailyCalls),
    maxWorkers: read(VARIABLES.maxWorkers),
    apiTimeoutSeconds: read(VARIABLES.apiTimeoutSeconds),
  }
}

/** Where and how a lake is stored. */
export function storeSettings({ isGiven, read }: Reader) {
  // What --out overrides need not be right.
  const bucket = isGiven('--out') ? undefined : read(VARIABLES.bucket)
  return {
    target: targetOf(read(FLAGS.out), bucket) ?? { kind: 's3', bucket: '' },
    prefix: read(VARIABLES.prefix),
    tablePrefix: read(VARIABLES.tablePrefix),
    allowsUnsafeStore: read(FLAGS.allowsUnsafeStore),
    uploadConcurrency: read(VARIABLES.uploadConcurrency),
    defaultRegion: read(VARIABLES.defaultRegion),
    addressingStyle: read(VARIABLES.addressingStyle),
  } as const
}

/** Where GitHub Actions wants the step summary; undefined outside of it. */
export function actionsSummary(environment: Environment): Pick<ActionsJob, 'summaryPath'> | undefined {
  const { read } = createReader(new Map(), environment, [])
  return read(VARIABLES.isInActions) === 'true' ? { summaryPath: read(VARIABLES.summaryPath) } : undefined
}

/** When GitHub ends a job of its own runners, whatever the workflow says. */
const MAX_HOSTED_MINUTES = 360

function actionsJob({ read }: Reader, environment: Environment): ActionsJob | undefined {
  const summary = actionsSummary(environment)
  if (summary === undefined) return undefined
  const timeoutMinutes = read(VARIABLES.timeoutMinutes)
  const isHosted = read(VARIABLES.runner) === 'github-hosted'
  return {
    ...summary,
    timeoutMinutes: isHosted ? Math.min(timeoutMinutes ?? MAX_HOSTED_MINUTES, MAX_HOSTED_MINUTES) : timeoutMinutes,
    roleDurationSeconds: read(VARIABLES.roleDurationSeconds),
  }
}

/** The demo's folder. Throws a usage error that names every problem. */
export function resolveDemoFolder(line: RunLine): string {
  const problems = [...line.problems]
  const folder = createReader(line.flags, {}, problems).read(DEMO.folder)
  if (problems.length > 0) throw usageErrorOf(problems)
  return folder
}

/** One of the `known` names, or undefined where none is given. Throws a usage error that names every problem. */
export function resolveName({ flags, problems }: Pick<RunLine, 'flags' | 'problems'>, known: readonly string[]) {
  const name = flags.get(SCHEMA.name.flag)
  const isUnknown = name !== undefined && !known.includes(name)
  const all = isUnknown
    ? [
        ...problems,
        `unknown schema ${quoted(name)}${didYouMean(nearWord(name, known))}, expected one of ${known.join(', ')}.`,
      ]
    : problems
  if (all.length > 0) throw usageErrorOf(all)
  return name
}

/** What the Databricks bundle is to be written for. Throws a usage error that names every problem. */
export function resolveBundle(line: RunLine, environment: Environment): BundleSettings {
  const problems = [...line.problems]
  const { read } = createReader(line.flags, environment, problems)
  const settings = {
    folder: read(DATABRICKS.folder),
    bucket: read(DATABRICKS.bucket),
    prefix: read(DATABRICKS.prefix),
    catalog: read(DATABRICKS.catalog),
    isForced: read(DATABRICKS.isForced),
  }
  if (problems.length > 0) throw usageErrorOf(problems)
  return settings
}

/** What must never be shown. */
export function secretsOf(environment: Environment, flags: Flags = new Map()): readonly string[] {
  const settings: readonly Setting[] = [...Object.values(VARIABLES), ...Object.values(FLAGS)]
  const secret = settings.filter(({ isSecret }) => isSecret === true)
  return secret.flatMap(({ flag = '', variable = '' }) =>
    [flags.get(flag), textOf(variable, environment)].filter((text) => text !== undefined),
  )
}

/** The URL to ping; undefined without --ping, with an invalid one, and in a dry run. */
export function pingSettings({ flags }: RunLine, environment: Environment) {
  const { read } = createReader(flags, environment, [])
  return { url: read(FLAGS.isDryRun) ? undefined : read(FLAGS.ping), isQuiet: read(FLAGS.isQuiet) }
}

/**
 * Adds the variables of --env-file, where there is one, to the environment. Throws a usage error that names every problem
 * of the file and of argv; rejects as `readFile` does.
 */
export async function readVariables(
  { flags, problems }: RunLine,
  environment: Record<string, string | undefined>,
  readFile: (path: string, maxBytes: number) => Promise<PrivateFile>,
): Promise<void> {
  const path = flags.get(FLAGS.envFile.flag)
  if (path === undefined) return
  const file = parseEnvFile(path, await readFile(path, MAX_ENV_FILE_BYTES))
  if (file.problems.length > 0) throw usageErrorOf([...problems, ...file.problems])
  addVariables(environment, file)
}

/** Takes out of an environment the variables that are set to nothing. */
export function unsetEmpty(environment: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(environment)) {
    if (value === '') delete environment[name]
  }
}
