// What GitHub Actions shows of a run besides its exit code: error annotations and the step summary.

import { describeError, IngestError } from '../core/errors.ts'
import { joinSame, moreErrors, type Message } from './messages.ts'
import { durationText } from './summary.ts'
import { failureSummary } from './step-summary.ts'
import { callIntervalSeconds, type ActionsJob, type Config } from '../core/config.ts'
import { grouped, oneLine, whereTrue } from '../core/text.ts'
import type { SymbolOutcome } from '../core/outcome.ts'

/**
 * GitHub shows 10 error annotations of a step and drops the rest silently (docs.github.com, "Workflow commands for GitHub
 * Actions").
 */
const MAX_ANNOTATIONS = 10

/** From the start of the job to the start of the program: checkout and build. */
const PREPARATION_SECONDS = 120

/** Error annotations, each a line for the log, and the step summary as Markdown. */
export type ActionsReport = { readonly annotations: readonly string[]; readonly summary: string }

/** The effects that sending a report needs. `appendText` rejects with an IngestError if the file cannot be written. */
type ActionsEffects = {
  readonly printError: (text: string) => void
  readonly appendText: (path: string, text: string) => Promise<void>
}

/**
 * Sends a report to GitHub Actions; does nothing if `job` is undefined. Resolves with an IngestError if the step summary
 * could not be written: that is not thrown, because other output contains all of it. Rejects with a defect only.
 */
export async function sendToActions(
  job: Pick<ActionsJob, 'summaryPath'> | undefined,
  report: ActionsReport,
  { printError, appendText }: ActionsEffects,
): Promise<IngestError | undefined> {
  if (job === undefined) return undefined
  for (const line of report.annotations) printError(line)
  if (job.summaryPath === undefined) return undefined
  try {
    await appendText(job.summaryPath, report.summary)
    return undefined
  } catch (error) {
    if (error instanceof IngestError) return error
    throw error
  }
}

/** The report of a program that ended before the first call; `text` says why. */
export function failureReport(text: string, isInterrupted: boolean): ActionsReport {
  return { annotations: [annotation('Ingestion', text)], summary: failureSummary(text, isInterrupted) }
}

/** One error annotation, as a line for the log. `title` and `text` are encoded, so they cannot begin another command. */
export function annotation(title: string, text: string): string {
  const property = encoded(oneLine(title, 100)).replaceAll(':', '%3A').replaceAll(',', '%2C')
  return `::error title=${property}::${encoded(text)}\n`
}

function encoded(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

/** The symbols that failed, with redacted reasons, each in one line. */
export function failuresIn(outcomes: readonly SymbolOutcome[], redact: (text: string) => string): readonly Message[] {
  return outcomes.flatMap(({ symbol, errors: [first, ...others] }): Message[] =>
    first === undefined ? [] : [[symbol, `${oneLine(redact(describeError(first)))}${moreErrors(others.length)}`]],
  )
}

/** The errors of a run as annotations, as many as GitHub shows: first those of the run, then those of symbols. */
export function annotations(runErrors: readonly string[], failures: readonly Message[]): readonly string[] {
  const all = [
    ...runErrors.map((text) => annotation('Ingestion', text)),
    ...joinSame(failures).map(([who, reason]) => annotation(who, `${who}: ${reason}`)),
  ]
  if (all.length <= MAX_ANNOTATIONS) return all
  const shown = all.slice(0, MAX_ANNOTATIONS - 1)
  return [...shown, annotation('Ingestion', `${grouped(all.length - shown.length)} more errors: see the step summary.`)]
}

/** Warnings that the job may end before the plan is done, each with what to do about it. None outside GitHub Actions. */
export function jobLimitWarnings(calls: number, config: Config): readonly string[] {
  if (config.actionsJob === undefined) return []
  const { timeoutMinutes, roleDurationSeconds } = config.actionsJob
  const seconds = calls * callIntervalSeconds(config)
  const time = durationText(seconds)
  const otherCure = 'or fetch fewer symbols or dates at once; what is done is kept, and the next run goes on'
  const warnings: readonly [boolean, string][] = [
    [
      timeoutMinutes !== undefined && seconds + PREPARATION_SECONDS > timeoutMinutes * 60,
      `The calls take ${time}, but this job is ended after ${timeoutMinutes} min: set the variable JOB_TIMEOUT_MINUTES higher (GitHub's own runners allow 360), ${otherCure}.`,
    ],
    [
      roleDurationSeconds !== undefined && seconds > roleDurationSeconds,
      `The calls take ${time}, but the role's credentials expire after ${durationText(roleDurationSeconds ?? 0)}: raise the role's maximum session duration and the variable ROLE_DURATION_SECONDS (at most 43200), ${otherCure}.`,
    ],
  ]
  return whereTrue(warnings)
}
