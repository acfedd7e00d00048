// Finishes a run: judges its outcomes, stores the metrics, prints the summary, and reports to GitHub Actions.

import { annotations, failuresIn, jobLimitWarnings, sendToActions } from '../../report/github.ts'
import { stepSummary } from '../../report/step-summary.ts'
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

/** The parts of a run that its start and its end both need. */
export type Run = {
  readonly config: Config
  readonly effects: Effects
  /** The run's start in milliseconds since 1970; with `--now`, that instant. */
  readonly startMs: number
  /** The run's start on the clock that measures durations. */
  readonly begunMs: number
  readonly runUuid: string
  /** The number of symbols in the list. */
  readonly symbols: number
  readonly jobs: readonly Job[]
  readonly store: Store
  readonly progress: Progress
  readonly redact: (text: string) => string
}

/** Finishes a run and returns its exit code. `http` counts the calls that it made. */
export async function finishRun(
  { outcomes: ended, stoppedBy, bug }: RunResult,
  run: Run & { readonly vendorStats: VendorStats },
): Promise<0 | 1 | 3> {
  const { config, effects, jobs, progress, store } = run
  const judged = jobs.map((job) => job.judge(ended.filter(({ dataset }) => dataset === job.dataset)))
  const outcomes = judged.flatMap((judgement) => judgement.outcomes)
  const sharedErrors = judged.flatMap(({ error }) => error ?? [])
  for (const { symbol, errors, lateWarning } of outcomes) {
    for (const error of errors.filter(({ kind }) => kind === 'no-data')) progress.fail(error, symbol)
    if (lateWarning !== undefined) progress.warn(`${symbol}: ${lateWarning}`)
  }
  for (const error of sharedErrors) progress.fail(error)
  if (stoppedBy !== undefined) progress.stopped(stoppedBy)
  const unknownFields = [...new Set(outcomes.flatMap((outcome) => outcome.unknownFields))]
  if (unknownFields.length > 0) {
    progress.note(`FMP sends fields that are not stored: ${unknownFields.join(', ')}.`)
  }

  const facts: RunFacts = {
    config,
    version: effects.version,
    runUuid: run.runUuid,
    startMs: run.startMs,
    durationSeconds: (effects.clock.elapsedMs() - run.begunMs) / 1_000,
    range: rangeAround(jobs.map(({ range }) => range)),
    outcomes,
    runErrors: [...sharedErrors, runErrorOf(stoppedBy), bugErrorOf(bug)].filter((found) => found !== undefined),
    stoppedBy,
    vendorStats: run.vendorStats,
    recoveredWrites: store.recoveredWrites(),
  }
  const metrics = buildMetrics(facts)
  // Nobody waits for the requests in flight any more, and the metrics must not be queued behind them.
  if (effects.interruption.aborted) store.abortInFlight?.()
  const failures: IngestError[] = []
  const stored = await storeMetrics(withWriteDeadline(run), metrics, facts, run.redact).catch((failure: unknown) => {
    if (!(failure instanceof IngestError)) throw failure
    failures.push(failure)
    return undefined
  })
  if (stored?.rejectsError !== undefined) failures.push(stored.rejectsError)
  for (const failure of failures) progress.fail(failure)
  const ending: Ending = {
    metrics,
    stoppedBy,
    metricsLocation: stored && store.locate(stored.key),
    isRejectsFileLost: stored?.rejectsError !== undefined,
    freshness: judged.find(({ freshness }) => freshness !== undefined)?.freshness,
    jobs,
  }
  progress.clear()
  const summary = run.redact(summaryText(ending))
  await effects.print(config.isJson ? `${toJson(metrics, run.redact)}\n` : summary)
  const all = [...sharedErrors, stoppedBy, bugErrorOf(bug), ...failures].filter((found) => found !== undefined)
  await reportElsewhere(ending, { outcomes, errors: all, summary }, run)
  return exitCodeOf(ending)
}

/** What is reported to GitHub Actions besides the ending. */
type ActionsFacts = {
  readonly outcomes: readonly SymbolOutcome[]
  /** Errors of the run, with the one that stopped it. */
  readonly errors: readonly IngestError[]
  readonly summary: string
}

/** Gives the summary to whoever asks for it, and sends error annotations and the step summary to GitHub Actions. */
async function reportElsewhere(ending: Ending, { outcomes, errors, summary }: ActionsFacts, run: Run): Promise<void> {
  const { config, effects, redact, progress } = run
  effects.onSummary?.(summary)
  if (config.actionsJob === undefined) return
  // With --json the workflow sends stdout to a file, so the log would not show how the run ended.
  if (config.isJson) effects.printError(summary)
  // Symbols are redacted too: a ticker list may contain an API key by mistake.
  const redacted = <T extends { readonly symbol: string }>(item: T) => ({ ...item, symbol: redact(item.symbol) })
  const shown = outcomes.map(redacted)
  const freshness = ending.freshness && { ...ending.freshness, late: ending.freshness.late.map(redacted) }
  const failures = failuresIn(shown, redact)
  const runErrors = errors.map((error) => redact(describeError(error)))
  const warnings = [...config.warnings, ...jobLimitWarnings(callsOf(run.jobs), config)]
  const notes = run.jobs.flatMap((job) => job.notes).map(redact)
  const facts = { ending: { ...ending, freshness }, outcomes: shown, failures, runErrors, warnings, notes, config }
  const text = stepSummary(facts)
  const report = { annotations: annotations(runErrors, failures), summary: text }
  const error = await sendToActions(config.actionsJob, report, effects)
  if (error !== undefined) progress.warn(describeError(error))
}

/** How long an interrupted run waits for its metrics to be written. */
const METRICS_GRACE_MS = 2_000

/** The store, but writes fail when the grace period after an interrupt is over: CI systems kill within ten seconds. */
function withWriteDeadline({ store, effects }: Run): Store {
  const graceOver = afterGrace(effects, METRICS_GRACE_MS)
  const giveUp = async (key: string): Promise<never> => {
    await graceOver
    throw new IngestError(`${store.locate(key)} could not be written in time`, { kind: 'store', scope: 'run' })
  }
  return {
    ...store,
    create: async (key, ...file) => await Promise.race([store.create(key, ...file), giveUp(key)]),
  }
}

/** What stopped the run, if that is an error. A spent budget and an interrupt are not. */
function runErrorOf(stoppedBy: IngestError | undefined): IngestError | undefined {
  return stoppedBy?.kind === 'budget' || stoppedBy?.kind === 'interrupted' ? undefined : stoppedBy
}

function bugErrorOf(bug: unknown): IngestError | undefined {
  if (bug === undefined) return undefined
  return new IngestError('A defect of this program ended the run; its trace follows', {
    kind: 'bug',
    scope: 'run',
    cause: bug,
  })
}
