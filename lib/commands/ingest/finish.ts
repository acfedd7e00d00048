// The end of a run: what only the end can tell is said, the metrics are stored, the summary is printed, and GitHub Actions
// gets its annotations and its step summary.

import { annotations, failuresIn, shortages, stepSummary, tellActions } from '../../report/github.ts'
import { describeError, IngestError } from '../../core/errors.ts'
import { afterGrace } from '../../pipeline/interrupt.ts'
import { buildMetrics, storeMetrics, toJson, type RunFacts } from '../../report/metrics.ts'
import type { RunResult, Job } from '../../pipeline/pipeline.ts'
import type { Progress } from '../../report/progress.ts'
import { callsOf, summaryText } from '../../report/summary.ts'
import type { Config } from '../../core/config.ts'
import type { Store } from '../../store/store.ts'
import { exitCodeOf, type Ending } from '../../report/exit-code.ts'
import type { Effects } from '../effects.ts'
import type { SymbolOutcome, VendorStats } from '../../core/outcome.ts'
import { rangeAround } from '../../core/dates.ts'

/** What a run is made of, from its start to its end. */
export type Run = {
  readonly config: Config
  readonly effects: Effects
  /** Milliseconds since 1970 of the run's start, as `--now` may have set it. */
  readonly startMs: number
  /** The same moment on the clock that measures durations. */
  readonly begunMs: number
  readonly runUuid: string
  /** How many there are in the list. */
  readonly symbols: number
  readonly jobs: readonly Job[]
  readonly store: Store
  readonly progress: Progress
  readonly redact: (text: string) => string
}

/** The end of a run: its exit code. `http` is what the calls took. */
export async function conclude(
  { outcomes: ended, stoppedBy, bug }: RunResult,
  run: Run & { readonly http: VendorStats },
): Promise<0 | 1 | 3> {
  const { config, effects, jobs, progress, store } = run
  const judged = jobs.map((job) => job.judge(ended.filter(({ dataset }) => dataset === job.dataset)))
  const outcomes = judged.flatMap((judgement) => judgement.outcomes)
  const sharedErrors = judged.flatMap(({ error }) => error ?? [])
  for (const { symbol, errors, lateWarning } of outcomes) {
    for (const late of errors.filter(({ kind }) => kind === 'no-data')) progress.fail(late, symbol)
    if (lateWarning !== undefined) progress.warn(`${symbol}: ${lateWarning}`)
  }
  for (const error of sharedErrors) progress.fail(error)
  if (stoppedBy !== undefined) progress.stopped(stoppedBy)
  const unknown = [...new Set(outcomes.flatMap(({ unknownFields }) => unknownFields))]
  if (unknown.length > 0) progress.note(`FMP sends fields that are not stored: ${unknown.join(', ')}.`)

  const facts: RunFacts = {
    config,
    version: effects.version,
    runUuid: run.runUuid,
    startMs: run.startMs,
    durationSeconds: (effects.clock.elapsedMs() - run.begunMs) / 1_000,
    range: rangeAround(jobs.map(({ range }) => range)),
    outcomes,
    runErrors: [...sharedErrors, runErrorIn(stoppedBy), bugIn(bug)].filter((found) => found !== undefined),
    stoppedBy,
    http: run.http,
    recoveredWrites: store.recoveredWrites(),
  }
  const metrics = buildMetrics(facts)
  // What is still under way has been given up, and would keep the metrics waiting for turns.
  if (effects.interruption.aborted) store.abortInFlight?.()
  const failures: IngestError[] = []
  const stored = await storeMetrics(hurried(run), metrics, facts, run.redact).catch((failure: unknown) => {
    if (!(failure instanceof IngestError)) throw failure
    failures.push(failure)
    return undefined
  })
  if (stored?.rejectsError !== undefined) failures.push(stored.rejectsError)
  for (const failure of failures) progress.fail(failure)
  const ending: Ending = {
    metrics,
    stoppedBy,
    metricsPlace: stored && store.locate(stored.key),
    isRejectsFileLost: stored?.rejectsError !== undefined,
    freshness: judged.find(({ freshness }) => freshness !== undefined)?.freshness,
    jobs,
  }
  progress.clear()
  const summary = run.redact(summaryText(ending))
  await effects.print(config.isJson ? `${toJson(metrics, run.redact)}\n` : summary)
  const all = [...sharedErrors, stoppedBy, bugIn(bug), ...failures].filter((found) => found !== undefined)
  await reportElsewhere(ending, { outcomes, errors: all, summary }, run)
  return exitCodeOf(ending)
}

type Telling = {
  readonly outcomes: readonly SymbolOutcome[]
  /** Of the run as a whole, what stopped it among them. */
  readonly errors: readonly IngestError[]
  readonly summary: string
}

/** Whoever asks gets the summary, and GitHub Actions its report. */
async function reportElsewhere(ending: Ending, { outcomes, errors, summary }: Telling, run: Run): Promise<void> {
  const { config, effects, redact, progress } = run
  effects.onSummary?.(summary)
  if (config.actionsJob === undefined) return
  // There stdout goes into a file, and the log would show nothing of the end.
  if (config.isJson) effects.printError(summary)
  // A ticker list may hold anything, a key by mistake too.
  const redacted = <T extends { readonly symbol: string }>(one: T) => ({ ...one, symbol: redact(one.symbol) })
  const shown = outcomes.map(redacted)
  const freshness = ending.freshness && { ...ending.freshness, late: ending.freshness.late.map(redacted) }
  const failures = failuresIn(shown, redact)
  const runErrors = errors.map((error) => redact(describeError(error)))
  const warnings = [...config.warnings, ...shortages(callsOf(run.jobs), config)]
  const notes = run.jobs.flatMap((job) => job.notes).map(redact)
  const facts = { ending: { ...ending, freshness }, outcomes: shown, failures, runErrors, warnings, notes, config }
  const text = stepSummary(facts)
  const report = { annotations: annotations(runErrors, failures), summary: text }
  const lost = await tellActions(config.actionsJob, report, effects)
  if (lost !== undefined) progress.warn(describeError(lost))
}

/** How long an interrupted run waits for its metrics to be written. */
const METRICS_GRACE_MS = 2_000

/** An interrupted run does not wait for its metrics as long as a store may take: CI systems kill within ten seconds. */
function hurried({ store, effects }: Run): Store {
  const end = afterGrace(effects, METRICS_GRACE_MS)
  const giveUp = async (key: string): Promise<never> => {
    await end
    throw new IngestError(`${store.locate(key)} could not be written in time`, { kind: 'store', scope: 'run' })
  }
  return {
    ...store,
    create: async (key, ...file) => await Promise.race([store.create(key, ...file), giveUp(key)]),
  }
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
