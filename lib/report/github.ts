// What GitHub Actions shows of a run besides its exit code: error annotations and the step summary.

import { describeError, IngestError } from '../core/errors.ts'
import { durationText, headline, summaryEntries } from './summary.ts'
import type { ActionsJob, Config } from '../core/config.ts'
import type { Ending } from './exit-code.ts'
import { oneLine, whereTrue } from '../core/text.ts'
import type { SymbolOutcome } from '../core/outcome.ts'

/**
 * GitHub shows 10 error annotations of a step and drops the rest silently (docs.github.com, "Workflow commands for GitHub
 * Actions").
 */
const MAX_ANNOTATIONS = 10

/** GitHub silently drops a step summary of more than 1 MiB. These limits keep it far below, whatever the text. */
const MAX_ROWS = 50
const MAX_CELL_CHARACTERS = 500

/** From the start of the job to the start of the program: checkout and build. */
const PREPARATION_SECONDS = 120

/** The most dates of one symbol that are named; the rest is counted. */
const MAX_DATES = 10

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

/** A symbol that failed, and the reason in one line. */
type Failure = readonly [symbol: string, reason: string]

/** The symbols that failed, with redacted reasons. */
export function failuresIn(outcomes: readonly SymbolOutcome[], redact: (text: string) => string): readonly Failure[] {
  return outcomes.flatMap(({ symbol, errors: [first, ...others] }): Failure[] => {
    if (first === undefined) return []
    const more = others.length === 0 ? '' : ` (and ${others.length} more, see the metrics)`
    return [[symbol, `${oneLine(redact(describeError(first)))}${more}`]]
  })
}

/** The errors of a run as annotations, as many as GitHub shows: first those of the run, then those of symbols. */
export function annotations(runErrors: readonly string[], failures: readonly Failure[]): readonly string[] {
  const all = [
    ...runErrors.map((text) => annotation('Ingestion', text)),
    ...failures.map(([symbol, reason]) => annotation(symbol, `${symbol}: ${reason}`)),
  ]
  if (all.length <= MAX_ANNOTATIONS) return all
  const shown = all.slice(0, MAX_ANNOTATIONS - 1)
  return [...shown, annotation('Ingestion', `${all.length - shown.length} more errors: see the step summary.`)]
}

/** Warnings that the job may end before the plan is done, each with what to do about it. None outside GitHub Actions. */
export function jobLimitWarnings(calls: number, config: Config): readonly string[] {
  if (config.actionsJob === undefined) return []
  const { timeoutMinutes, roleDurationSeconds } = config.actionsJob
  const seconds = calls * config.rateLimitSeconds
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

export type SummaryFacts = {
  readonly ending: Ending
  readonly outcomes: readonly SymbolOutcome[]
  readonly failures: readonly Failure[]
  /** Errors of the run, in sentences. */
  readonly runErrors: readonly string[]
  /** Warnings that were printed before the first call. */
  readonly warnings: readonly string[]
  readonly config: Pick<Config, 'target' | 'hasCustomEndpoint'>
}

/** The run as Markdown for the step summary. */
export function stepSummary(facts: SummaryFacts): string {
  const { ending, outcomes, failures, runErrors, warnings, config } = facts
  const gaps = outcomes.filter(({ missing }) => missing.length > 0)
  const { newest, symbols, late } = ending.freshness ?? { newest: '', symbols: 0, late: [] }
  const sections = [
    `## ${escaped(headline(ending))}`,
    ...warnings.map((text) => `> ⚠️ ${escaped(text)}`),
    ...runErrors.map((text) => `> ❌ ${escaped(text)}`),
    table(['', ''], summaryEntries(ending)),
    section('Failed symbols', ['Symbol', 'Why'], failures),
    section(
      'Missing sessions',
      ['Symbol', 'Sessions without a bar'],
      gaps.map(({ symbol, missing }) => [symbol, someDates(missing)]),
    ),
    // If no symbol has it, that is an error of the run, which is listed above.
    section(
      `Without the newest session, ${newest}`,
      ['Symbol', 'Newest stored'],
      late.length === symbols ? [] : late.map(({ symbol, through }) => [symbol, through ?? 'none']),
    ),
    metricsLine(ending.metricsLocation, config),
  ]
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`
}

/** The error that ended the program before the first call, as Markdown for the step summary. */
export function failureSummary(text: string, isInterrupted: boolean): string {
  const lines = text.split('\n').map((line) => escaped(line))
  const title = isInterrupted ? '🛑 Interrupted Before the First Call' : '❌ Nothing Was Ingested'
  // A word joiner (U+2060) at the start of a line keeps it from beginning a list.
  const shown = lines.filter((line) => line !== '').map((line) => `&#8288;${line}`)
  return `## ${title}\n\n${shown.join('<br>\n')}\n`
}

function someDates(dates: readonly string[]): string {
  const shown = dates.slice(0, MAX_DATES).join(', ')
  return dates.length > MAX_DATES ? `${shown} and ${dates.length - MAX_DATES} more` : shown
}

function section(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return ''
  const more = rows.length > MAX_ROWS ? `\n\nand ${rows.length - MAX_ROWS} more: see the metrics.` : ''
  return `### ${escaped(title)} (${rows.length})\n\n${table(head, rows.slice(0, MAX_ROWS))}${more}`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [tableRow(head), `| ${head.map(() => '---').join(' | ')} |`, ...rows.map(tableRow)].join('\n')
}

function tableRow(cells: readonly string[]): string {
  return `| ${cells.map(escaped).join(' | ')} |`
}

function metricsLine(location: string | undefined, { target, hasCustomEndpoint }: SummaryFacts['config']): string {
  if (location === undefined) return 'Metrics: could not be written'
  const text = `Metrics: ${escaped(location)}`
  // The AWS console shows no S3-compatible store.
  if (target.kind !== 's3' || hasCustomEndpoint) return text
  const key = encodeURIComponent(location.slice(`s3://${target.bucket}/`.length))
  return `${text} ([open](https://console.aws.amazon.com/s3/object/${target.bucket}?prefix=${key}))`
}

/**
 * Escapes text from outside, so that it contains no markup and no link and ends no table cell. All characters that Markdown
 * or HTML may interpret become character references. So does the dot after `www`, which GitHub would turn into a link.
 */
function escaped(text: string): string {
  return (
    oneLine(text, MAX_CELL_CHARACTERS)
      .replaceAll(/[!-&*+/:-@[-`{-~]/g, (character) => `&#${character.charCodeAt(0)};`)
      // GitHub turns addresses into links after it reads references. The word joiner after the @ prevents that.
      .replaceAll('&#64;', '&#64;&#8288;')
      .replaceAll(/www\./gi, (start) => start.replace('.', '&#46;'))
  )
}
