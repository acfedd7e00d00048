// One run from its settings to its exit code: list the symbols, survey the store, plan, ingest, account for it.

import { shortages } from '../../report/github.ts'
import { makeAgenda, type Agenda } from '../../datasets/datasets.ts'
import { createAllowance } from '../../datasets/statements/plan-limits.ts'
import { createCallBudget } from '../../fmp/call-budget.ts'
import { XNYS } from '../../core/calendar.ts'
import { conclude, type Run } from './finish.ts'
import type { Dataset } from '../../core/dataset.ts'
import { createPrices } from '../../datasets/prices/schema.ts'
import { documentTask } from '../../datasets/statements/task.ts'
import type { Encoder } from '../../parquet/encoder.ts'
import { createFmp } from '../../fmp/fmp.ts'
import { createGcTrigger } from '../../core/garbage.ts'
import { createHttp, type Http } from '../../fmp/calls.ts'
import { unlessStopped } from '../../pipeline/interrupt.ts'
import type { FileSettings } from '../../parquet/parquet.ts'
import { resolvePeriod } from '../../core/period.ts'
import { ingestAll, type RunResult, type Task } from '../../pipeline/pipeline.ts'
import { createProgress } from '../../report/progress.ts'
import { callsOf, dryRunJson, dryRunText, newcomersNote, planLine } from '../../report/summary.ts'
import { sessionTask, type SessionContext } from '../../datasets/prices/task.ts'
import type { Config, Target } from '../../core/config.ts'
import { newestEver, type Scope } from '../../datasets/prices/survey.ts'
import { readSymbols } from '../../cli/ticker-source.ts'
import { createUploads } from '../../pipeline/uploads.ts'
import type { World } from '../effects.ts'
import { createRedactor } from '../../core/text.ts'

/**
 * The exit code of a run that was not interrupted. Throws an IngestError for what went wrong before the first call
 * could be made (of kind 'usage' for the user's own mistakes); a defect of this program is thrown as it is.
 */
export async function runIngest(config: Config, world: World): Promise<0 | 1 | 3> {
  const begunMs = world.clock.elapsedMs()
  const startMs = config.nowMs ?? world.nowMs
  const redact = createRedactor(config.secrets)
  const period = resolvePeriod(config.dates, XNYS, startMs)
  const speech = { write: world.printError, isTerminal: world.isTerminal, isQuiet: config.isQuiet, clock: world.clock }
  const progress = createProgress({ ...speech, redact })
  const options = { runUuid: crypto.randomUUID(), onWarning: progress.warn }
  const openStore = (target: Target) => world.openStore(target, config, options)

  const { symbols, duplicates } = await unlessStopped(readSymbols(config.tickers, { ...world, openStore }), world)
  if (duplicates.length > 0) progress.note(`Listed more than once and taken once: ${duplicates.join(', ')}.`)
  const dataset = createPrices({ api: config.api, withAdjClose: config.withAdjClose, prefix: config.prefix })
  const store = await openStore(config.target)
  const run: Run = {
    config,
    world,
    startMs,
    begunMs,
    runUuid: options.runUuid,
    dataset,
    period,
    store,
    progress,
    redact,
  }
  for (const caution of config.cautions) progress.warn(caution)
  for (const note of period.notes) progress.note(note)
  const hasPrices = config.datasets.includes('prices')
  if (hasPrices && period.range === undefined)
    progress.note('There is no finished session in these dates: nothing to fetch.')

  const agenda = await unlessStopped(makeAgenda(symbols, { config, store, dataset, period }), world)
  if (config.isDryRun) return await dryRun(agenda, run)

  const { all } = agenda
  const newcomers = newcomersNote(agenda.plans, period, config)
  if (newcomers !== undefined) progress.note(newcomers)
  progress.note(`${planLine(callsOf(all), config.rateLimitSeconds)}.`)
  for (const warning of shortages(all, config)) progress.warn(warning)
  const { http, result } = await execute(agenda, run)
  const code = await conclude(agenda, result, { ...run, http: http.stats() })
  if (result.bug !== undefined) throw result.bug
  return code
}

async function dryRun(agenda: Agenda, { config, world, progress }: Run): Promise<0 | 1> {
  const { isJson } = config
  await world.print(isJson ? `${JSON.stringify(dryRunJson(agenda, config))}\n` : dryRunText(agenda, config))
  const errors = agenda.plans.flatMap((plan) => plan.errors.map((error) => ({ symbol: plan.symbol, error })))
  for (const { symbol, error } of errors) progress.fail(error, symbol)
  return errors.length > 0 ? 1 : 0
}

async function execute(agenda: Agenda, run: Run): Promise<{ http: Http; result: RunResult }> {
  const { config, world, progress } = run
  const { clock, random, stop, interruption } = world
  const fmp = createFmp({ api: config.api, baseUrl: config.apiBaseUrl, key: config.apiKey })
  const http = createHttp({
    fetch: world.fetch,
    clock,
    random,
    intervalMs: config.rateLimitSeconds * 1_000,
    timeoutMs: config.apiTimeoutSeconds * 1_000,
    signal: stop.signal,
    redact: run.redact,
    onPause: (ms) => progress.note(`FMP refuses calls for now: all wait for ${Math.ceil(ms / 1_000)} s.`),
  })
  const { all } = agenda
  const datasets = config.datasets.length
  const { rateLimitSeconds } = config
  progress.begin({ symbols: all.length / datasets, datasets, calls: callsOf(all), rateLimitSeconds })
  const uploads = createUploads({ stop, interruption, clock, maxUploads: config.uploadConcurrency })
  const encoder = world.openEncoder(settingsOf(run.dataset, run), filesOf(agenda))
  const tasks = [...sessionTasks(agenda, run, encoder), ...documentTasks(agenda, run)]
  const gcTrigger = createGcTrigger()
  const result = await ingestAll(tasks, {
    ask: async (ask, reservation) => {
      const rows = await http.call(fmp.request(ask), (reply) => fmp.interpret(ask, reply), reservation)
      progress.called(ask.symbol)
      return rows
    },
    budget: createCallBudget(config.maxCalls),
    onOutcome: (outcome) => {
      progress.ended(outcome)
      gcTrigger()
    },
    stop,
    uploads,
    maxWorkers: config.maxWorkers,
  })
  encoder.close()
  return { http, result }
}

function settingsOf({ columns }: Dataset, { startMs, world, config }: Run): FileSettings {
  return { columns, ingestMs: startMs, version: world.version, note: config.fileNote }
}

function filesOf({ plans }: Agenda): number {
  return plans.reduce((sum, plan) => sum + plan.files.length, 0)
}

function sessionTasks({ plans }: Agenda, run: Run, encoder: Encoder): readonly Task[] {
  const { config, store, dataset, period, world } = run
  const scope: Scope = { store, dataset, mode: config.dates.mode, period }
  const context: SessionContext = {
    store,
    dataset,
    calendar: XNYS,
    today: period.today,
    isForced: config.isForced,
    newestEver: async (symbol) => await unlessStopped(newestEver(symbol, scope), world),
    encode: async ({ rows, asked }) => await encoder.encode({ rows, asked }),
  }
  return plans.map((plan) => sessionTask(plan, context))
}

function documentTasks({ documentPlans }: Agenda, run: Run): readonly Task[] {
  const allowance = createAllowance(run.progress.note)
  const { store, config } = run
  return documentPlans.map((plan) => {
    const settings = settingsOf(plan.dataset, run)
    return documentTask(plan, { store, settings, isForced: config.isForced, allowance })
  })
}
