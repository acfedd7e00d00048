// One run, from its settings to its exit code: reads the symbols, surveys the store, plans, ingests and reports.

import { describeError } from '../../core/errors.ts'
import { jobLimitWarnings, sendToActions } from '../../report/github.ts'
import { XNYS } from '../../core/calendar.ts'
import { finishRun, type Run } from './finish.ts'
import { createFmp } from '../../fmp/fmp.ts'
import { unlessStopped } from '../../pipeline/interrupt.ts'
import type { Encoder } from '../../parquet/parquet.ts'
import { resolvePeriod } from '../../core/period.ts'
import { ingestAll, type RunResult, type TaskContext } from '../../pipeline/pipeline.ts'
import { dryRunSummary } from '../../report/step-summary.ts'
import { createProgress } from '../../report/progress.ts'
import { callsOf, dryRunJson, dryRunText, planLine } from '../../report/summary.ts'
import type { Config, Target } from '../../core/config.ts'
import { readSymbols } from '../../cli/ticker-source.ts'
import { createUploads } from '../../pipeline/uploads.ts'
import type { VendorStats } from '../../core/outcome.ts'
import type { Effects } from '../effects.ts'
import { planJobs } from '../../datasets/datasets.ts'
import { createRedactor } from '../../core/text.ts'
import { usageError } from '../../core/errors.ts'

/**
 * Runs an ingest and returns the exit code that it has unless it was interrupted. Throws an IngestError if something fails
 * before the first call (of kind 'usage' for the user's mistakes). A defect of this program is thrown as it is.
 */
export async function runIngest(config: Config, effects: Effects): Promise<0 | 1 | 3> {
  const begunMs = effects.clock.elapsedMs()
  const startMs = config.nowMs ?? effects.nowMs
  const redact = createRedactor(config.secrets)
  const period = resolvePeriod(config.dates, XNYS, startMs)
  const output = {
    write: effects.printError,
    isTerminal: effects.isTerminal,
    isQuiet: config.isQuiet,
    clock: effects.clock,
  }
  const progress = createProgress({ ...output, redact })
  const storeOptions = { runUuid: crypto.randomUUID(), onWarning: progress.warn }
  const openStore = (target: Target) => effects.openStore(target, config, storeOptions)

  const options = { skipsBad: config.skipsBadTickers }
  const { symbols, duplicates, left } = await unlessStopped(
    readSymbols(config.tickers, { ...effects, openStore }, options),
    effects,
  )
  if (duplicates.length > 0) progress.note(`Listed more than once and taken once: ${duplicates.join(', ')}.`)
  refuseUnknown(config.accepts, symbols)
  for (const cell of left) progress.warn(`Left out of the ticker list: ${cell}.`)
  const store = await openStore(config.target)
  for (const warning of config.warnings) progress.warn(warning)
  for (const note of period.notes) progress.note(note)
  const jobs = await unlessStopped(
    planJobs(symbols, {
      config,
      store,
      calendar: XNYS,
      period,
      fileSettings: { ingestMs: startMs, version: effects.version, note: config.fileNote, creator: config.creator },
      unlessStopped: async (work) => await unlessStopped(work, effects),
      onNote: progress.note,
    }),
    effects,
  )
  for (const note of jobs.flatMap(({ notes }) => notes)) progress.note(note)
  const { runUuid } = storeOptions
  const run: Run = {
    config,
    effects,
    startMs,
    begunMs,
    runUuid,
    symbols: symbols.length,
    jobs,
    store,
    progress,
    redact,
  }
  if (config.isDryRun) return await dryRun(run)

  progress.note(`${planLine(callsOf(jobs), config.rateLimitSeconds)}.`)
  for (const warning of jobLimitWarnings(callsOf(jobs), config)) progress.warn(warning)
  const { vendorStats, result } = await execute(run)
  const code = await finishRun(result, { ...run, vendorStats })
  if (result.bug !== undefined) throw result.bug
  return code
}

/** Throws a usage error for symbols of --accept that the list does not have: a typo would be held back for ever. */
function refuseUnknown(accepts: readonly string[], symbols: readonly string[]): void {
  const unknown = accepts.filter((name) => name !== 'all' && !symbols.includes(name))
  if (unknown.length === 0) return
  throw usageError(`--accept names ${unknown.join(', ')}, which the ticker list does not have.`)
}

async function dryRun({ config, effects, progress, jobs, redact }: Run): Promise<0 | 1> {
  await effects.print(config.isJson ? `${JSON.stringify(dryRunJson(jobs, config))}\n` : dryRunText(jobs, config))
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

async function execute(run: Run): Promise<{ vendorStats: VendorStats; result: RunResult }> {
  const { config, effects, progress, jobs } = run
  const { clock, random, stop, interruption } = effects
  const fmp = createFmp({
    api: config.api,
    baseUrl: config.apiBaseUrl,
    key: config.apiKey,
    maxCalls: config.maxCalls,
    fetch: effects.fetch,
    clock,
    random,
    intervalMs: config.rateLimitSeconds * 1_000,
    timeoutMs: config.apiTimeoutSeconds * 1_000,
    signal: stop.signal,
    redact: run.redact,
    onPause: (ms) => progress.note(`FMP refuses calls for now: all wait for ${Math.ceil(ms / 1_000)} s.`),
    onFetched: progress.called,
  })
  const { rateLimitSeconds } = config
  progress.begin({ symbols: run.symbols, datasets: jobs.length, calls: callsOf(jobs), rateLimitSeconds })
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
    onOutcome: progress.ended,
    stop,
    admit: uploads.admit,
    maxWorkers: config.maxWorkers,
  })
  for (const encoder of encoders) encoder.close()
  return { vendorStats: fmp.stats(), result }
}
