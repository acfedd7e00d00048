// The step summary of GitHub Actions, as Markdown: of a run, of a dry run, and of a program that ended before its run.

import { callIntervalSeconds, type Config } from '../core/config.ts'
import { rangeAround } from '../core/dates.ts'
import { describeError } from '../core/errors.ts'
import type { SymbolOutcome } from '../core/outcome.ts'
import { grouped } from '../core/text.ts'
import type { Job } from '../pipeline/pipeline.ts'
import { inActionsWords, rerunCommand } from './actions-words.ts'
import type { Metrics } from './contract.ts'
import type { Ending } from './exit-code.ts'
import { commandCode, escaped, section, someOf, symbolSection, table } from './markdown.ts'
import type { Message } from './messages.ts'
import { partText } from './shard.ts'
import { comparedTextOf, headline, planLine, summaryEntries } from './summary.ts'

export type SummaryFacts = {
  readonly ending: Ending
  readonly outcomes: readonly SymbolOutcome[]
  readonly failures: readonly Message[]
  /** Errors of the run, in sentences. */
  readonly runErrors: readonly string[]
  /** Warnings that were printed before the first call. */
  readonly warnings: readonly string[]
  /** What the plan says of its symbols. */
  readonly notes: readonly string[]
  readonly config: Config
  /** The address of a page that shows the metrics, if the store has one. */
  readonly metricsPage: string | undefined
}

/** The run as Markdown for the step summary. */
export function stepSummary(facts: SummaryFacts): string {
  const { ending, outcomes, failures, runErrors, warnings, notes, config, metricsPage } = facts
  const gaps = outcomes.filter(({ missing }) => missing.length > 0)
  const { newest, symbols, late } = ending.freshness ?? { newest: '', symbols: 0, late: [] }
  const sections = [
    `## ${escaped(headline(ending))}`,
    ...warnings.map((text) => `> ⚠️ ${escaped(inActionsWords(text))}`),
    ...notes.map((text) => `> ℹ️ ${escaped(inActionsWords(text))}`),
    ...runErrors.map((text) => `> ❌ ${escaped(inActionsWords(text))}`),
    table(['', ''], [...runEntries(ending.metrics), ...summaryEntries(ending)]),
    whatNext(ending, config),
    symbolSection(
      'Failed symbols',
      ['Symbol', 'Why'],
      failures.map(([symbol, reason]) => [symbol, inActionsWords(reason)] as const),
    ),
    section('Warnings', ['What', 'Symbols'], warningsIn(outcomes)),
    symbolSection(
      'Missing sessions',
      ['Symbol', 'Sessions without a bar'],
      gaps.map(({ symbol, missing }) => [symbol, someOf(missing)] as const),
    ),
    // If no symbol has it, that is an error of the run, which is listed above.
    symbolSection(
      `Without the newest session, ${newest}`,
      ['Symbol', 'Newest stored'],
      late.length === symbols ? [] : late.map(({ symbol, through }) => [symbol, through ?? 'none'] as const),
    ),
    metricsLine(ending.metricsLocation, metricsPage),
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
  return `${what}: ${commandCode(rerunCommand(config))}`
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
  readonly warnings: readonly string[]
  readonly jobs: readonly Pick<Job, 'calls' | 'keys' | 'stored' | 'range' | 'notes' | 'errors' | 'compared'>[]
  readonly config: Config
  /** Removes secrets from a text. */
  readonly redact: (text: string) => string
}

/** The dry run as Markdown for the step summary. */
export function dryRunSummary({ jobs, config, warnings, redact }: DryRunFacts): string {
  const calls = jobs.reduce((sum, job) => sum + job.calls, 0)
  const files = jobs.reduce((sum, job) => sum + job.keys().length, 0)
  const range = rangeAround(jobs.map((job) => job.range))
  const shown = (text: string) => escaped(inActionsWords(redact(text)))
  const errors = jobs.flatMap((job) => job.errors)
  const compared = comparedTextOf(jobs)
  const part = partText(config.shard)
  const sections = [
    '## 📋 Dry Run: Nothing Was Fetched',
    ...warnings.map((text) => `> ⚠️ ${shown(text)}`),
    ...jobs.flatMap(({ notes }) => notes).map((text) => `> ℹ️ ${shown(text)}`),
    table(
      ['', ''],
      [
        ['⚙️ Mode', config.datasets.includes('prices') ? config.dates.mode : 'statements'],
        ['🗓️ Dates', range === undefined ? 'none' : `${range.from} to ${range.to}`],
        ['📁 Files that could be written', grouped(files)],
        ['⏱️ Time', planLine(calls, callIntervalSeconds(config))],
        ...(part === undefined ? [] : [['🧩 Shard', part]]),
        ...(compared === '' ? [] : [['🔎 Compared', compared]]),
      ],
    ),
    `To run it: ${commandCode(rerunCommand(config))}`,
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

/** The error that ended the program before the first call, as Markdown for the step summary. */
export function failureSummary(text: string, isInterrupted: boolean): string {
  const lines = text.split('\n').map((line) => escaped(line))
  const title = isInterrupted ? '🛑 Interrupted Before the First Call' : '❌ Nothing Was Ingested'
  // A word joiner (U+2060) at the start of a line keeps it from beginning a list.
  const shown = lines.filter((line) => line !== '').map((line) => `&#8288;${line}`)
  return `## ${title}\n\n${shown.join('<br>\n')}\n`
}

function metricsLine(location: string | undefined, page: string | undefined): string {
  if (location === undefined) return 'Metrics: could not be written'
  return `Metrics: ${escaped(location)}${page === undefined ? '' : ` ([open](${page}))`}`
}
