// One run, from its settings to its exit code: reads the symbols, surveys the store, plans, ingests and reports.

import { describeError, IngestError } from '../../core/errors.ts'
import { jobLimitWarnings, sendToActions } from '../../report/github.ts'
import { XNYS } from '../../core/calendar.ts'
import { finishRun, type Run } from './finish.ts'
import { createGracePeriod, unlessStopped } from '../../pipeline/interrupt.ts'
import { isResumable } from '../../report/exit-code.ts'
import type { Encoder } from '../../parquet/parquet.ts'
import { resolvePeriod, type Period } from '../../core/period.ts'
import { ingestAll, type RunResult, type TaskContext } from '../../pipeline/pipeline.ts'
import { dryRunSummary } from '../../report/step-summary.ts'
import { callsTodayText, type CallsToday } from '../../report/calls-today.ts'
import { createProgress } from '../../report/progress.ts'
import { callsOf, dryRunJson, dryRunText, planLine, shardNotes, type BackfillInstead } from '../../report/summary.ts'
import { callIntervalSeconds, type Config, type Target } from '../../core/config.ts'
import type { Fmp } from '../../fmp/fmp.ts'
import { readSymbols } from '../../cli/ticker-source.ts'
import { createUploads } from '../../pipeline/uploads.ts'
import type { VendorStats } from '../../core/outcome.ts'
import { inShard } from '../../core/shard.ts'
import type { Effects } from '../effects.ts'
import { watchTables, type KeptTables, type RunTables } from '../tables.ts'
import { readCallsToday } from '../ledger.ts'
import { openVendor } from '../vendor.ts'
import { planJobs, type JobsContext } from '../../datasets/datasets.ts'
import { createRedactor } from '../../core/text.ts'
import { usageError } from '../../core/errors.ts'

/**
 * Runs an ingest and returns its exit code. Throws an IngestError if something fails before the first call (of kind 'usage'
 * for the user's mistakes). A defect of this program that ends the work is reported with the run; any other is thrown as it
 * is.
 */
export async function runIngest(config: Config, effects: Effects): Promise<number> {
  const begunMs = effects.clock.elapsedMs()
  const startMs = config.nowMs ?? effects.nowMs
  const redact = createRedactor(config.secrets)
  const period = resolvePeriod(config.dates, XNYS, startMs)
  const output = {
    write: effects.printError,
    isTerminal: effects.isTerminal,
    columns: effects.columns,
    every: effects.every,
    isQuiet: config.isQuiet,
    clock: effects.clock,
  }
  const progress = createProgress({ ...output, redact })
  try {
    return await ingestSymbols({ config, effects, startMs, begunMs, period, progress, redact })
  } finally {
    // Whatever ended the run, its live line and the timer of that end with it.
    progress.clear()
  }
}

/** The parts of a run that are known before anything is read. */
type Start = Pick<Run, 'config' | 'effects' | 'startMs' | 'begunMs' | 'progress' | 'redact'> & {
  readonly period: Period
}

async function ingestSymbols({ period, ...start }: Start): Promise<number> {
  const { config, effects, startMs, progress } = start
  const access = config.isDryRun ? 'plan' : 'write'
  const storeOptions = { runUuid: crypto.randomUUID(), onWarning: progress.warn, access } as const
  const openStore = (target: Target) => effects.openStore(target, config, storeOptions)

  progress.waiting('Reading the ticker list')
  const options = { skipsBad: config.skipsBadTickers }
  const list = await unlessStopped(readSymbols(config.tickers, { ...effects, openStore }, options), effects)
  const { duplicates, left } = list
  if (duplicates.length > 0) progress.note(`Listed more than once and taken once: ${duplicates.join(', ')}.`)
  refuseUnknown(config.accepts, list.symbols)
  const symbols = list.symbols.filter((symbol) => inShard(symbol, config.shard))
  for (const cell of left) progress.warn(`Left out of the ticker list: ${cell}.`)
  const opened = await openStore(config.target)
  const { version } = effects
  const { runUuid } = storeOptions
  const tables = watchTables(opened, config, { version, runId: runUuid, nowMs: startMs, onProblem: progress.warn })
  const { store, memory } = tables
  for (const warning of config.warnings) progress.warn(warning)
  for (const note of period.notes) progress.note(note)
  for (const note of shardNotes(config, symbols.length, list.symbols.length)) progress.note(note)
  progress.waiting('Looking at what is stored', symbols.length * config.datasets.length)
  const context: JobsContext = {
    config,
    store,
    calendar: XNYS,
    period,
    fileSettings: { ingestMs: startMs, version, note: config.fileNote, creator: config.creator },
    unlessStopped: async (work) => await unlessStopped(work, effects),
    onNote: progress.note,
    onSurveyed: progress.stepped,
    memory,
  }
  const jobs = await unlessStopped(planJobs(symbols, context), effects)
  for (const note of jobs.flatMap(({ notes }) => notes)) progress.note(note)
  for (const warning of jobs.flatMap(({ warnings }) => warnings)) progress.warn(warning)
  const run: Run = { ...start, runUuid, symbols: symbols.length, jobs, store: opened }
  const today = await unlessStopped(readCallsToday(config, { store: opened, effects }), effects)
  if (config.isDryRun) return await dryRun({ ...run, today }, await planBackfill(run, symbols, context))

  const plan = planLine(callsOf(jobs), callIntervalSeconds(config))
  progress.note(`${today === undefined ? plan : `${plan}; ${callsTodayText(today)}`}.`)
  for (const warning of jobLimitWarnings(callsOf(jobs), config)) progress.warn(warning)
  const { vendorStats, result } = await execute({ ...run, today })
  const kept = await keepTables(tables, result, run)
  return await finishRun(result, { ...run, vendorStats, tables: kept })
}

/** How long an interrupted run waits to give back the calls that it has leased; later their time passes. */
const GIVE_BACK_GRACE_MS = 1_000

async function giveBack(fmp: Fmp, { effects, progress }: Run): Promise<void> {
  const lost = await createGracePeriod(effects, GIVE_BACK_GRACE_MS)(fmp.giveBack().catch(unlessDefect))
  if (lost !== undefined)
    progress.warn(`Calls that were leased and not made count as made today: ${describeError(lost)}`)
}

function unlessDefect(error: unknown): IngestError {
  if (error instanceof IngestError) return error
  throw error
}

/** Brings the tables up to date, but not when the run failed or is interrupted: the next one does it then. */
async function keepTables(tables: RunTables, result: RunResult, { effects, progress }: Run): Promise<KeptTables> {
  const { stoppedBy, bug } = result
  const hasFailed = bug !== undefined || (stoppedBy !== undefined && !isResumable(stoppedBy))
  if (hasFailed) return NONE_KEPT
  progress.waiting('Updating the tables')
  return (await createGracePeriod(effects, 0)(tables.keep())) ?? NONE_KEPT
}

const NONE_KEPT: KeptTables = { filesWritten: 0, errors: [] }

/** Throws a usage error for symbols of --accept that the list does not have: a typo would be held back for ever. */
function refuseUnknown(accepts: readonly string[], symbols: readonly string[]): void {
  const unknown = accepts.filter((name) => name !== 'all' && !symbols.includes(name))
  if (unknown.length === 0) return
  throw usageError(
    `--accept names ${unknown.join(', ')}, which the ticker list does not have: name symbols of the list, or all.`,
  )
}

/** What `--backfill` would make of a daily dry run: its prices planned once more. Undefined where nobody reads it. */
async function planBackfill(
  { config, startMs, jobs, progress, effects }: Run,
  symbols: readonly string[],
  context: JobsContext,
): Promise<BackfillInstead | undefined> {
  if (config.dates.mode === 'backfill' || config.isJson) return undefined
  const dates = { ...config.dates, mode: 'backfill' } as const
  const period = resolvePeriod(dates, context.calendar, startMs)
  if (!config.datasets.includes('prices') || period.range === undefined) return undefined
  progress.waiting('Looking at what a backfill would fetch', symbols.length)
  const planned = planJobs(symbols, { ...context, config: { ...config, dates, datasets: ['prices'] }, period })
  const [prices] = await unlessStopped(planned, effects)
  if (prices === undefined) return undefined
  return { range: period.range, jobs: [prices, ...jobs.filter(({ dataset }) => dataset !== 'prices')] }
}

type PlannedRun = Run & { readonly today: CallsToday | undefined }

async function dryRun(run: PlannedRun, instead: BackfillInstead | undefined): Promise<0 | 1> {
  const { effects, progress, jobs, redact, today } = run
  const config = { ...run.config, today }
  progress.clear()
  const text = config.isJson ? `${JSON.stringify(dryRunJson(jobs, config))}\n` : dryRunText(jobs, config, instead)
  await effects.print(text)
  // With --json the workflow sends stdout to a file, so the log would not show the plan.
  if (config.actionsJob !== undefined && config.isJson) effects.printError(redact(dryRunText(jobs, config)))
  const warnings = [...config.warnings, ...jobLimitWarnings(callsOf(jobs), config)]
  const report = { annotations: [], summary: dryRunSummary({ jobs, config, warnings, redact }) }
  const unsent = await sendToActions(config.actionsJob, report, effects)
  if (unsent !== undefined) progress.warn(describeError(unsent))
  const errors = jobs.flatMap((job) => job.errors)
  for (const { symbol, error } of errors) progress.fail(error, symbol)
  return errors.length > 0 ? 1 : 0
}

async function execute(run: PlannedRun): Promise<{ vendorStats: VendorStats; result: RunResult }> {
  const { config, effects, progress, jobs } = run
  const { clock, stop, interruption } = effects
  const { redact, runUuid: process, store } = run
  const plannedCalls = callsOf(jobs)
  const plan = { plannedCalls, madeToday: run.today?.made }
  const fmp = openVendor({ ...config, ...plan, store, process, redact, onNote: progress.note }, effects)
  progress.begin({
    symbols: run.symbols,
    datasets: jobs.length,
    calls: plannedCalls,
    intervalSeconds: callIntervalSeconds(config),
    nextCall: fmp.nextCall,
  })
  const uploads = createUploads({ stop, interruption, clock, maxUploads: config.uploadConcurrency })
  const encoders: Encoder[] = []
  const openEncoder: TaskContext['openEncoder'] = (settings, files) => {
    const encoder = effects.openEncoder(settings, files)
    encoders.push(encoder)
    return encoder
  }
  const tasks = jobs.flatMap((job) => job.tasks({ openEncoder }))
  const result = await ingestAll(tasks, {
    fmp,
    onFetched: progress.called,
    onOutcome: progress.ended,
    stop,
    admit: uploads.admit,
    maxWorkers: config.maxWorkers,
  })
  for (const encoder of encoders) encoder.close()
  await giveBack(fmp, run)
  return { vendorStats: fmp.stats(), result }
}
