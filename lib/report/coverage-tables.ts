// The tables of the page of `ingest coverage`, as HTML. They are all of it that needs no program.

import { grouped } from '../core/text.ts'
import type { Coverage, CoveredSymbol, SymbolState } from './coverage.ts'

const STATE_WORDS: Readonly<Record<SymbolState, string>> = {
  unreadable: 'unreadable file',
  held: 'held back',
  empty: 'nothing stored',
  gaps: 'gaps',
  behind: 'behind',
  complete: 'complete',
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text from outside as HTML, in an element or in a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? '')
}

/** A column: its title, and whether it holds figures or long texts. */
type TableColumn = { readonly title: string; readonly kind?: 'n' | 'long' }

/** The first cell of a row is its heading. End tags that HTML does not need are left out, because the rows are many. */
function table(name: string, columns: readonly TableColumn[], rows: readonly (readonly string[])[]): string {
  const classOf = (at: number) => (columns[at]?.kind === undefined ? '' : ` class=${columns[at].kind}`)
  const head = columns.map(({ title }, at) => `<th scope=col${classOf(at)}>${title}`).join('')
  const body = rows.map((cells) => {
    const shown = cells.map((cell, at) => `<${at === 0 ? 'th scope=row' : 'td'}${classOf(at)}>${escapeHtml(cell)}`)
    return `<tr>${shown.join('')}`
  })
  return `<div class="wide" role="region" aria-label="${name}" tabindex="0"><table><thead><tr>${head}<tbody>${body.join('\n')}</table></div>`
}

export function symbolTable(symbols: readonly CoveredSymbol[]): string {
  const columns: readonly TableColumn[] = [
    { title: 'Symbol' },
    { title: 'First' },
    { title: 'Through' },
    { title: 'Sessions', kind: 'n' },
    { title: 'Missing', kind: 'n' },
    { title: 'Carried', kind: 'n' },
    { title: 'Last compared' },
    { title: 'Last mend' },
    { title: 'State' },
  ]
  const rows = symbols.map((symbol) => [
    symbol.symbol,
    symbol.first_date ?? '',
    symbol.through_date ?? '',
    grouped(symbol.sessions),
    grouped(symbol.missing),
    figure(symbol.carried_rows),
    symbol.last_compared ?? '',
    symbol.last_mended ?? '',
    STATE_WORDS[symbol.state],
  ])
  return table('Symbols', columns, rows)
}

/** A section that is there even without rows: nothing to tell is told too. */
function section(title: string, note: string, content: string): string {
  return `<section><h2>${title}<small>${escapeHtml(note)}</small></h2>${content}</section>`
}

export function runsOf({ runs }: Coverage): string {
  const columns: readonly TableColumn[] = [
    { title: 'Start, UTC' },
    { title: 'Exit code', kind: 'n' },
    { title: 'Calls', kind: 'n' },
    { title: 'Duration', kind: 'n' },
    { title: 'Metrics' },
  ]
  const rows = runs.map((run) => [
    timeOf(run.run_id),
    run.exit_code === null ? '' : String(run.exit_code),
    run.calls === null ? '' : grouped(run.calls),
    run.duration_seconds === null ? '' : `${grouped(run.duration_seconds, 1)} s`,
    run.problem === null ? run.key : `${run.key} ${run.problem}`,
  ])
  return section('Runs', noteOf(runs.length), runs.length === 0 ? '' : table('Runs', columns, rows))
}

export function changesOf({ changes, left_out: leftOut }: Coverage): string {
  const columns: readonly TableColumn[] = [
    { title: 'Symbol' },
    { title: 'Run, UTC' },
    { title: 'Verdict' },
    { title: 'Steps', kind: 'long' },
    { title: 'Mended files', kind: 'n' },
    { title: 'Corrected', kind: 'n' },
    { title: 'Carried', kind: 'n' },
    { title: 'Held' },
  ]
  const rows = changes.map((change) => [
    change.symbol,
    timeOf(change.run_id),
    change.verdict,
    change.steps.join(', '),
    figure(change.mended_files),
    figure(change.corrected_sessions),
    figure(change.carried_rows),
    change.held ? 'held' : '',
  ])
  const more =
    leftOut === 0 ? '' : `; ${grouped(leftOut)} older entries of this list and of the doubted rows are left out`
  const content = changes.length === 0 ? '' : table('Mends', columns, rows)
  return section('Mends, corrections and holds', `${noteOf(changes.length)}${more}`, content)
}

export function doubtsOf({ doubts }: Coverage): string {
  const columns: readonly TableColumn[] = [
    { title: 'Symbol' },
    { title: 'Run, UTC' },
    { title: 'Rejected rows', kind: 'n' },
    { title: 'Suspect rows', kind: 'n' },
  ]
  const rows = doubts.map((doubt) => [
    doubt.symbol,
    timeOf(doubt.run_id),
    figure(doubt.rejected_rows),
    figure(doubt.suspect_rows),
  ])
  const content = doubts.length === 0 ? '' : table('Doubted rows', columns, rows)
  return section('Rejected and suspect rows', noteOf(doubts.length), content)
}

/** Nothing for zero: most cells are, and the others are to be seen. */
function figure(count: number): string {
  return count === 0 ? '' : grouped(count)
}

function noteOf(count: number): string {
  return count === 0 ? 'none in the last runs' : grouped(count)
}

/** `2024-09-17 13:00`. */
export function timeOf(runId: string): string {
  return runId.slice(0, 16).replace('T', ' ')
}
