// Finishes a run: judges its outcomes, stores the metrics, prints the summary, and reports to GitHub Actions.

import { annotations, failuresIn, jobLimitWarnings, sendToActions } from '../../report/github.ts'
import { stepSummary } from '../../report/step-summary.ts'
import { describeError, IngestError } from '../../core/errors.ts'
import { afterGrace } from '../../pipeline/interrupt.ts'
import { buildMetrics, type RunFacts } from '../../report/metrics.ts'
import { replaceMetrics, storeMetrics, toJson } from '../../report/metrics-file.ts'
import type { RunResult, Job } from '../../pipeline/pipeline.ts'
import type { Progress } from '../../report/progress.ts'
import { callsOf, summaryText } from '../../report/summary.ts'
import type { Config } from '../../core/config.ts'
import type { Store } from '../../store/store.ts'
import type { Ending, InterruptCode } from '../../report/exit-code.ts'
import type { Effects } from '../effects.ts'
import type { KeptTables } from '../tables.ts'
import { defectText } from '../streams.ts'
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

/** Finishes a run and returns its exit code, unless it is interrupted later. `vendorStats` counts the calls that it made. */
export async function finishRun(
  { outcomes: ended, stoppedBy, bug }: RunResult,
  run: Run & { readonly vendorStats: VendorStats; readonly tables: KeptTables },
): Promise<number> {
  const { effects, jobs, progress, store, redact } = run
  const judged = jobs.map((job) => job.judge(ended.filter(({ dataset }) => dataset === job.dataset)))
  const outcomes = judged.flatMap((judgement) => judgement.outcomes)
  const sharedErrors = [...judged.flatMap(({ errors }) => errors), ...run.tables.errors]
  progress.symbols(outcomes)
  tellUnknownFields(outcomes, progress)
  for (const error of sharedErrors) progress.fail(error)
  // A defect is told by its trace, below the summary.
  if (stoppedBy !== undefined) progress.stopped(stoppedBy)

  const stopping = stoppedBy ?? bugErrorOf(bug)
  const facts: RunFacts = {
    config: run.config,
    version: effects.version,
    runUuid: run.runUuid,
    startMs: run.startMs,
    durationSeconds: (effects.clock.elapsedMs() - run.begunMs) / 1_000,
    range: rangeAround(jobs.map(({ range }) => range)),
    jobs,
    outcomes,
    runErrors: [...sharedErrors, runErrorOf(stopping)].filter((found) => found !== undefined),
    heldSessions: judged.flatMap(({ heldSessions }) => heldSessions),
    stoppedBy: stopping,
    interruptCode: interruptCodeOf(effects.interruption),
    lostFiles: [],
    vendorStats: run.vendorStats,
    recoveredWrites: store.recoveredWrites(),
    tableFilesWritten: run.tables.filesWritten,
  }
  const { lostFiles, ...left } = await leaveMetrics(facts, run)
  const { metrics } = left
  const freshness = judged.find((judgement) => judgement.freshness !== undefined)?.freshness
  const ending: Ending = { ...left, stoppedBy: stopping, freshness }
  progress.clear()
  const summary = redact(summaryText(ending))
  const { config } = run
  await printResult(config.isJson ? `${toJson(metrics, redact)}\n` : summaryIfShown(ending, summary, config), effects)
  const errors = [...sharedErrors, stopping, ...lostFiles].filter((found) => found !== undefined)
  await reportElsewhere(ending, { outcomes, errors, summary }, run)
  if (bug !== undefined) effects.printError(redact(defectText(bug)))
  return metrics.exit_code
}

function tellUnknownFields(outcomes: readonly SymbolOutcome[], progress: Progress): void {
  const unknownFields = [...new Set(outcomes.flatMap((outcome) => outcome.unknownFields))]
  if (unknownFields.length > 0) {
    progress.note(`FMP sends fields that are not stored: ${unknownFields.join(', ')}.`)
  }
}

/** The metrics as they are at the run's end, where the run's own files are, and the errors of those that are lost. */
type LeftMetrics = Pick<Ending, 'metrics' | 'metricsLocation' | 'rejectsLocation'> & {
  readonly lostFiles: readonly IngestError[]
}

/**
 * Stores the metrics and the rejected rows. Where that fails, or the user interrupts it, the run ends otherwise than the
 * stored document says: it is then replaced.
 */
async function leaveMetrics(facts: RunFacts, run: Run): Promise<LeftMetrics> {
  const { effects, progress, redact } = run
  progress.waiting('Storing the metrics')
  // Nobody waits for the requests in flight any more, and the metrics must not be queued behind them.
  if (effects.interruption.aborted) run.store.abortInFlight?.()
  const store = withWriteDeadline(run)
  const lostFiles: IngestError[] = []
  const lose = (failure: unknown): undefined => {
    if (!(failure instanceof IngestError)) throw failure
    lostFiles.push(failure)
    progress.fail(failure)
  }
  const first = buildMetrics(facts)
  const stored = await storeMetrics(store, first, facts, redact).catch(lose)
  if (stored?.rejectsError !== undefined) lose(stored.rejectsError)
  const interruptCode = interruptCodeOf(effects.interruption)
  const isAsStored = lostFiles.length === 0 && interruptCode === facts.interruptCode
  const metrics = isAsStored ? first : buildMetrics({ ...facts, interruptCode, lostFiles: [...lostFiles] })
  if (stored !== undefined && !isAsStored) await replaceMetrics(store, stored.key, metrics, redact).catch(lose)
  const locate = (key: string | undefined) => (key === undefined ? undefined : store.locate(key))
  return { metrics, metricsLocation: locate(stored?.key), rejectsLocation: locate(stored?.rejectsKey), lostFiles }
}

/** With `--quiet` a run without a failure prints nothing. */
function summaryIfShown({ metrics }: Ending, summary: string, { isQuiet }: Config): string {
  return isQuiet && metrics.exit_code === 0 ? '' : summary
}

/** Prints the result of a run. A reader that has gone changes nothing: the metrics document holds what it did not take. */
async function printResult(text: string, effects: Effects): Promise<void> {
  try {
    if (text !== '') await effects.print(text)
  } catch (error) {
    if (!(error instanceof IngestError) || error.kind !== 'closed-output') throw error
  }
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
  if (config.isJson) effects.printError(summaryIfShown(ending, summary, config))
  // Symbols are redacted too: a ticker list may contain an API key by mistake.
  const redacted = <T extends { readonly symbol: string }>(item: T) => ({ ...item, symbol: redact(item.symbol) })
  const shown = outcomes.map(redacted)
  const freshness = ending.freshness && { ...ending.freshness, late: ending.freshness.late.map(redacted) }
  const failures = failuresIn(shown, redact)
  const runErrors = errors.map((error) => redact(describeError(error)))
  const stored = run.jobs.flatMap((job) => job.warnings)
  const warnings = [...config.warnings, ...stored, ...jobLimitWarnings(callsOf(run.jobs), config)]
  const notes = run.jobs.flatMap((job) => job.notes).map(redact)
  const { metricsLocation } = ending
  const metricsPage = metricsLocation === undefined ? undefined : run.store.webPage?.(metricsLocation)
  const about = { ending: { ...ending, freshness }, outcomes: shown, failures, config, metricsPage }
  const text = stepSummary({ ...about, runErrors, warnings, notes })
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
    replace: async (key, ...file) => await Promise.race([store.replace(key, ...file), giveUp(key)]),
  }
}

/** The exit code of the signal that interrupted the run; undefined if none did. */
function interruptCodeOf({ aborted, reason }: AbortSignal): InterruptCode | undefined {
  if (!aborted) return undefined
  return (reason instanceof IngestError ? reason.data?.exitCode : undefined) ?? 130
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
