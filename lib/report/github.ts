// What GitHub Actions is told besides the exit code: error annotations and the step summary.

import { describeError, IngestError } from '../core/errors.ts'
import { durationText, headline, planLine, summaryEntries } from './summary.ts'
import { inActionsWords, rerunCommand } from './actions-words.ts'
import type { ActionsJob, Config } from '../core/config.ts'
import type { Ending } from './exit-code.ts'
import type { Metrics } from './contract.ts'
import { rangeAround } from '../core/dates.ts'
import type { Job } from '../pipeline/pipeline.ts'
import { grouped, oneLine, whereTrue } from '../core/text.ts'
import type { SymbolOutcome } from '../core/outcome.ts'

/**
 * How many error annotations of one step GitHub shows (docs.github.com, "Workflow commands for GitHub Actions"): 10; the
 * rest vanish without a word.
 */
const MAX_ANNOTATIONS = 10

/** GitHub drops a step summary of more than 1 MiB without a word; this many lines of any text stay far below. */
const MAX_ROWS = 50
const MAX_CELL_CHARACTERS = 500

/** From the start of the job to the program's: checking out and compiling. */
const PREPARATION_SECONDS = 120

/** Dates of one symbol that are named before the rest is counted. */
const MAX_DATES = 10

/** What is told: error annotations, each a line for the log, and the step summary as Markdown. */
export type ActionsReport = { readonly annotations: readonly string[]; readonly summary: string }

/** Where it goes. `appendText` rejects with an IngestError when the file takes none. */
type ActionsOutput = {
  readonly printError: (text: string) => void
  readonly appendText: (path: string, text: string) => Promise<void>
}

/**
 * Tells GitHub Actions how the program ended; nothing outside of it. Resolves with the error of a step summary that could
 * not be written, because everything in it is said elsewhere as well. Rejects with whatever is no IngestError.
 */
export async function tellActions(
  job: Pick<ActionsJob, 'summaryPath'> | undefined,
  report: ActionsReport,
  { printError, appendText }: ActionsOutput,
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

/** The report where the program ended before there was a run. `text` says why. */
export function failureReport(text: string, isInterrupted: boolean): ActionsReport {
  return { annotations: [annotation('Ingestion', text)], summary: failureSummary(text, isInterrupted) }
}

/** One error annotation, as a line for the log. What `title` and `text` hold cannot end the command or begin another. */
export function annotation(title: string, text: string): string {
  const property = encoded(oneLine(title, 100)).replaceAll(':', '%3A').replaceAll(',', '%2C')
  return `::error title=${property}::${encoded(text)}\n`
}

function encoded(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

/** A symbol that failed and why, in one line. */
type Failure = readonly [symbol: string, why: string]

/** The symbols that failed. `redact` blots secrets out. */
export function failuresIn(outcomes: readonly SymbolOutcome[], redact: (text: string) => string): readonly Failure[] {
  return outcomes.flatMap(({ symbol, errors: [first, ...others] }): Failure[] => {
    if (first === undefined) return []
    const more = others.length === 0 ? '' : ` (and ${others.length} more, see the metrics)`
    return [[symbol, `${oneLine(redact(describeError(first)))}${more}`]]
  })
}

/** The errors of a run as annotations: what concerns the whole run first, then symbols, as many as GitHub shows. */
export function annotations(runErrors: readonly string[], failures: readonly Failure[]): readonly string[] {
  const all = [
    ...runErrors.map((text) => annotation('Ingestion', text)),
    ...failures.map(([symbol, why]) => annotation(symbol, `${symbol}: ${why}`)),
  ]
  if (all.length <= MAX_ANNOTATIONS) return all
  const shown = all.slice(0, MAX_ANNOTATIONS - 1)
  return [...shown, annotation('Ingestion', `${all.length - shown.length} more errors: see the step summary.`)]
}

/** Why the plan may not come to its end in the job it runs in, each reason with its cure; none outside GitHub Actions. */
export function shortages(calls: number, config: Config): readonly string[] {
  if (config.actionsJob === undefined) return []
  const { timeoutMinutes, roleDurationSeconds } = config.actionsJob
  const seconds = calls * config.rateLimitSeconds
  const time = durationText(seconds)
  const cures = 'or fetch fewer symbols or dates at once; what is done is kept, and the next run goes on'
  const warnings: readonly [boolean, string][] = [
    [
      timeoutMinutes !== undefined && seconds + PREPARATION_SECONDS > timeoutMinutes * 60,
      `The calls take ${time}, but this job is ended after ${timeoutMinutes} min: set the variable JOB_TIMEOUT_MINUTES higher (GitHub's own runners allow 360), ${cures}.`,
    ],
    [
      roleDurationSeconds !== undefined && seconds > roleDurationSeconds,
      `The calls take ${time}, but the role's credentials expire after ${durationText(roleDurationSeconds ?? 0)}: raise the role's maximum session duration and the variable ROLE_DURATION_SECONDS (at most 43200), ${cures}.`,
    ],
  ]
  return whereTrue(warnings)
}

export type SummaryFacts = {
  readonly ending: Ending
  readonly outcomes: readonly SymbolOutcome[]
  readonly failures: readonly Failure[]
  /** What concerns the whole run, in sentences: errors, and what was to be said beforehand. */
  readonly runErrors: readonly string[]
  readonly warnings: readonly string[]
  readonly notes: readonly string[]
  readonly config: Config
}

/** The run as Markdown for the step summary. */
export function stepSummary(facts: SummaryFacts): string {
  const { ending, outcomes, failures, runErrors, warnings, notes, config } = facts
  const gaps = outcomes.filter(({ missing }) => missing.length > 0)
  const { newest, symbols, late } = ending.freshness ?? { newest: '', symbols: 0, late: [] }
  const sections = [
    `## ${plain(headline(ending))}`,
    ...warnings.map((text) => `> ⚠️ ${plain(inActionsWords(text))}`),
    ...notes.map((text) => `> ℹ️ ${plain(inActionsWords(text))}`),
    ...runErrors.map((text) => `> ❌ ${plain(inActionsWords(text))}`),
    table(['', ''], [...runEntries(ending.metrics), ...summaryEntries(ending)]),
    whatNext(ending, config),
    section(
      'Failed symbols',
      ['Symbol', 'Why'],
      failures.map(([symbol, why]) => [symbol, inActionsWords(why)]),
    ),
    section('Warnings', ['What', 'Symbols'], warningsIn(outcomes)),
    section(
      'Missing sessions',
      ['Symbol', 'Sessions without a bar'],
      gaps.map(({ symbol, missing }) => [symbol, someOf(missing)]),
    ),
    // When nobody has it, that is an error of the run and said above.
    section(
      `Without the newest session, ${newest}`,
      ['Symbol', 'Newest stored'],
      late.length === symbols ? [] : late.map(({ symbol, through }) => [symbol, through ?? 'none']),
    ),
    metricsLine(ending.metricsPlace, config),
  ]
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`
}

/** What the run was to do, and what it asked of FMP. */
function runEntries({ mode, date_range: dates, dataset, calls }: Metrics): readonly (readonly [string, string])[] {
  return [
    ['⚙️ Mode', dataset.split(',').includes('prices') ? mode : 'statements'],
    ['🗓️ Dates', dates.from === null || dates.to === null ? 'none' : `${dates.from} to ${dates.to}`],
    ['📞 Calls', grouped(calls)],
  ]
}

/** The command that goes on where a run ended early or failed. */
function whatNext({ stoppedBy, metrics }: Ending, config: Config): string {
  const isEarly = stoppedBy !== undefined
  if (!isEarly && metrics.errors === 0 && metrics.run_errors.length === 0) return ''
  const what = isEarly ? 'To go on where it stopped' : 'To fetch what is missing'
  return `${what}: ${code(rerunCommand(config))}`
}

/** Warnings that several symbols share are one row. */
function warningsIn(outcomes: readonly SymbolOutcome[]): readonly (readonly [string, string])[] {
  const symbols = new Map<string, string[]>()
  for (const { symbol, warnings } of outcomes) {
    for (const text of warnings) symbols.set(text, [...(symbols.get(text) ?? []), symbol])
  }
  return [...symbols].map(([text, names]) => [inActionsWords(text), someOf(names)])
}

export type DryRunFacts = {
  readonly jobs: readonly Pick<Job, 'calls' | 'keys' | 'stored' | 'range' | 'notes' | 'errors'>[]
  readonly config: Config
  /** Blots secrets out. */
  readonly redact: (text: string) => string
}

/** The dry run as Markdown for the step summary. */
export function dryRunSummary({ jobs, config, redact }: DryRunFacts): string {
  const calls = jobs.reduce((sum, job) => sum + job.calls, 0)
  const files = jobs.reduce((sum, job) => sum + job.keys().length, 0)
  const range = rangeAround(jobs.map((job) => job.range))
  const shown = (text: string) => plain(inActionsWords(redact(text)))
  const errors = jobs.flatMap((job) => job.errors)
  const sections = [
    '## 📋 Dry Run: Nothing Was Fetched',
    ...[...config.warnings, ...shortages(calls, config)].map((text) => `> ⚠️ ${shown(text)}`),
    ...jobs.flatMap(({ notes }) => notes).map((text) => `> ℹ️ ${shown(text)}`),
    table(
      ['', ''],
      [
        ['⚙️ Mode', config.datasets.includes('prices') ? config.dates.mode : 'statements'],
        ['🗓️ Dates', range === undefined ? 'none' : `${range.from} to ${range.to}`],
        ['📁 Files that could be written', grouped(files)],
        ['⏱️ Time', planLine(calls, config.rateLimitSeconds)],
      ],
    ),
    `To run it: ${code(rerunCommand(config))}`,
    section(
      'Errors',
      ['Symbol', 'Why'],
      errors.map(({ symbol, error }) => [redact(symbol), inActionsWords(redact(describeError(error)))]),
    ),
    section(
      'Stored',
      [''],
      jobs.flatMap((job) => job.stored()).map((line) => [redact(line)]),
    ),
  ]
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`
}

/** What ended the program before there was a run, as Markdown for the step summary. */
export function failureSummary(text: string, isInterrupted: boolean): string {
  const lines = text.split('\n').map((line) => plain(line))
  const title = isInterrupted ? '🛑 Interrupted Before the First Call' : '❌ Nothing Was Ingested'
  // The joiner keeps a line from beginning a list.
  const shown = lines.filter((line) => line !== '').map((line) => `&#8288;${line}`)
  return `## ${title}\n\n${shown.join('<br>\n')}\n`
}

function someOf(dates: readonly string[]): string {
  const shown = dates.slice(0, MAX_DATES).join(', ')
  return dates.length > MAX_DATES ? `${shown} and ${dates.length - MAX_DATES} more` : shown
}

function section(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return ''
  const more = rows.length > MAX_ROWS ? `\n\nand ${rows.length - MAX_ROWS} more: see the metrics.` : ''
  return `### ${plain(title)} (${rows.length})\n\n${table(head, rows.slice(0, MAX_ROWS))}${more}`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [tableRow(head), `| ${head.map(() => '---').join(' | ')} |`, ...rows.map(tableRow)].join('\n')
}

function tableRow(cells: readonly string[]): string {
  return `| ${cells.map(plain).join(' | ')} |`
}

/** A command, to be copied: what Markdown could read in it is text. */
function code(command: string): string {
  return `<code>${plain(command)}</code>`
}

function metricsLine(place: string | undefined, { target, hasCustomEndpoint }: Config): string {
  if (place === undefined) return 'Metrics: could not be written'
  const text = `Metrics: ${plain(place)}`
  // The AWS console knows nothing of an S3-compatible store elsewhere.
  if (target.kind !== 's3' || hasCustomEndpoint) return text
  const key = encodeURIComponent(place.slice(`s3://${target.bucket}/`.length))
  return `${text} ([open](https://console.aws.amazon.com/s3/object/${target.bucket}?prefix=${key}))`
}

/**
 * Text from outside as nothing but text: no markup, no link, no end of a table's cell. Everything that Markdown or HTML
 * could take for more becomes a character reference, and so does the start of what GitHub turns into links by itself.
 */
function plain(text: string): string {
  return (
    oneLine(text, MAX_CELL_CHARACTERS)
      .replaceAll(/[!-&*+/:-@[-`{-~]/g, (character) => `&#${character.charCodeAt(0)};`)
      // Addresses become links after references are read: a joiner ends them.
      .replaceAll('&#64;', '&#64;&#8288;')
      .replaceAll(/www\./gi, (start) => start.replace('.', '&#46;'))
  )
}
