// One run from its settings to its exit code: list the symbols, survey the store, plan, ingest, account for it.

import { createCallBudget } from './budget.ts'
import { XNYS } from './calendar.ts'
import type { Dataset } from './datasets/dataset.ts'
import { createPrices } from './datasets/prices.ts'
import { createRedactor, IngestError } from './errors.ts'
import { createFmp } from './fmp.ts'
import { createHttp, type Http } from './http.ts'
import { graceOver, unlessStopped } from './interrupt.ts'
import { buildMetrics, storeMetrics, toJson, type RunFacts } from './metrics.ts'
import { resolvePeriod, type Period } from './period.ts'
import { ingestAll, type RunResult } from './pipeline.ts'
import { planRun, type SymbolPlan } from './plan.ts'
import { createProgress, type Progress } from './progress.ts'
import { callsOf, dryRunJson, dryRunText, newcomersNote, planLine, summaryText } from './report.ts'
import type { Config, Target } from './settings.ts'
import type { Store } from './store.ts'
import { newestEver, surveyAll, type Holdings, type Scope } from './survey.ts'
import { readSymbols } from './tickers-source.ts'
import { exitCodeOf, judgeNewest, newestOf, rangeOf, type Ending } from './verdict.ts'
import type { World } from './world.ts'

type Run = {
  readonly config: Config
  readonly world: World
  /** Milliseconds since 1970 of the run's start, as `--now` may have set it. */
  readonly startMs: number
  /** The same moment on the clock that measures durations. */
  readonly begunMs: number
  readonly runUuid: string
  readonly dataset: Dataset
  readonly period: Period
  readonly store: Store
  readonly progress: Progress
  readonly redact: (text: string) => string
}

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
  if (period.range === undefined) progress.note('There is no finished session in these dates: nothing to fetch.')

  const { mode } = config.dates
  const scope: Scope = { store, dataset, mode, period }
  const holdings = await unlessStopped(surveyAll(symbols, scope), world)
  const plans = planRun(holdings, { dataset, calendar: XNYS, mode, period, isForced: config.isForced })
  if (config.isDryRun) return await dryRun(plans, holdings, run)

  const newcomers = newcomersNote(plans, period, config)
  if (newcomers !== undefined) progress.note(newcomers)
  progress.note(`${planLine(callsOf(plans), config.rateLimitSeconds)}.`)
  const { http, result } = await execute(plans, scope, run)
  const code = await conclude(plans, result, { ...run, http })
  if (result.bug !== undefined) throw result.bug
  return code
}

async function dryRun(
  plans: readonly SymbolPlan[],
  holdings: readonly Holdings[],
  { config, world, progress }: Run,
): Promise<0 | 1> {
  const { isJson } = config
  await world.print(isJson ? `${JSON.stringify(dryRunJson(plans, config))}\n` : dryRunText(plans, holdings, config))
  const errors = plans.flatMap((plan) => plan.errors.map((error) => ({ symbol: plan.symbol, error })))
  for (const { symbol, error } of errors) progress.fail(error, symbol)
  return errors.length > 0 ? 1 : 0
}

async function execute(
  plans: readonly SymbolPlan[],
  scope: Scope,
  run: Run,
): Promise<{ http: Http; result: RunResult }> {
  const { config, world, progress, dataset, store } = run
  const { clock, random, stop } = world
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
  progress.begin({ symbols: plans.length, calls: callsOf(plans), rateLimitSeconds: config.rateLimitSeconds })
  const result = await ingestAll(plans, {
    ask: async (ask, reservation) => {
      const rows = await http.call(fmp.request(ask), (reply) => fmp.interpret(ask, reply), reservation)
      progress.called(ask.symbol)
      return rows
    },
    budget: createCallBudget(config.maxCalls),
    newestEver: async (symbol) => await newestEver(symbol, scope),
    onOutcome: progress.ended,
    stop,
    clock,
    maxWorkers: config.maxWorkers,
    maxUploads: config.uploadConcurrency,
    store,
    dataset,
    calendar: XNYS,
    today: run.period.today,
    isForced: config.isForced,
    ingestMs: run.startMs,
    version: world.version,
  })
  return { http, result }
}

/** Says what only the end can tell, stores the metrics, prints the summary. */
async function conclude(
  plans: readonly SymbolPlan[],
  { outcomes: ended, stoppedBy, bug }: RunResult,
  run: Run & { readonly http: Http },
): Promise<0 | 1 | 3> {
  const { config, world, period, progress, store } = run
  const newest = newestOf(period, XNYS)
  const { outcomes, error } = judgeNewest(ended, { newest, lastSession: period.lastSession, mode: config.dates.mode })
  for (const { symbol, errors, lateWarning } of outcomes) {
    for (const late of errors.filter(({ kind }) => kind === 'no-data')) progress.fail(late, symbol)
    if (lateWarning !== undefined) progress.warn(`${symbol}: ${lateWarning}`)
  }
  if (error !== undefined) progress.fail(error)
  if (stoppedBy !== undefined) progress.stopped(stoppedBy)
  const unknown = [...new Set(outcomes.flatMap(({ unknownFields }) => unknownFields))]
  if (unknown.length > 0) progress.note(`FMP sends fields that are not stored: ${unknown.join(', ')}.`)

  const facts: RunFacts = {
    config,
    dataset: run.dataset.name,
    version: world.version,
    runUuid: run.runUuid,
    startMs: run.startMs,
    durationSeconds: (world.clock.elapsedMs() - run.begunMs) / 1_000,
    range: rangeOf(plans),
    outcomes,
    runErrors: [error, runErrorIn(stoppedBy), bugIn(bug)].filter((found) => found !== undefined),
    stoppedBy,
    http: run.http.stats(),
    recoveredWrites: store.recoveredWrites(),
  }
  const metrics = buildMetrics(facts)
  const stored = await Promise.race([storeMetrics(store, metrics, facts, run.redact), impatience(run)]).catch(
    (failure: unknown) => {
      if (!(failure instanceof IngestError)) throw failure
      progress.fail(failure)
      return undefined
    },
  )
  const ending: Ending = {
    metrics,
    stoppedBy,
    metricsPlace: stored && store.locate(stored.key),
    isRejectsFileLost: stored?.rejectsError !== undefined,
    newest,
  }
  if (stored?.rejectsError !== undefined) progress.fail(stored.rejectsError)
  progress.clear()
  await world.print(config.isJson ? `${toJson(metrics, run.redact)}\n` : run.redact(summaryText(ending)))
  return exitCodeOf(ending)
}

/** How long an interrupted run waits for its metrics to be written. */
const METRICS_GRACE_MS = 2_000

/** An interrupted run does not wait for its metrics as long as a store may take: CI systems kill within ten seconds. */
async function impatience({ world }: Run): Promise<never> {
  await graceOver(world, METRICS_GRACE_MS)
  throw new IngestError('The metrics could not be written in time', { kind: 'store', scope: 'run' })
}

/** What stopped the run, where that is an error: a spent budget and an interrupt are none. */
function runErrorIn(stoppedBy: IngestError | undefined): IngestError | undefined {
  return stoppedBy?.kind === 'budget' || stoppedBy?.kind === 'interrupted' ? undefined : stoppedBy
}

function bugIn(bug: unknown): IngestError | undefined {
  if (bug === undefined) return undefined
  return new IngestError('A defect of this program ended the run; its trace follows', {
    kind: 'bug',
    scope: 'run',
    cause: bug,
  })
}
