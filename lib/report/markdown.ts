// Markdown of the step summary: text from outside is escaped, and long lists are cut.

import { grouped, listed, oneLine } from '../core/text.ts'
import { joinSame, type Message } from './messages.ts'

/** GitHub silently drops a step summary of more than 1 MiB. These limits keep it far below, whatever the text. */
const MAX_ROWS = 50
const MAX_CELL_CHARACTERS = 500

/** The most entries of one list that are named; the rest is counted. */
const MAX_NAMED = 10

/** `a, b, c and 7 more`. */
export function someOf(entries: readonly string[]): string {
  return listed(entries, MAX_NAMED)
}

/** A heading with the number of rows, and a table of the first ones; empty without rows. */
export function section(
  title: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  count: number = rows.length,
): string {
  if (rows.length === 0) return ''
  const more = rows.length > MAX_ROWS ? `\n\nand ${grouped(rows.length - MAX_ROWS)} more: see the metrics.` : ''
  return `### ${escaped(title)} (${grouped(count)})\n\n${table(head, rows.slice(0, MAX_ROWS))}${more}`
}

/** A section with what is said of symbols. Many that say the same share a row; the heading counts all of them. */
export function symbolSection(title: string, head: readonly string[], messages: readonly Message[]): string {
  return section(title, head, joinSame(messages), messages.length)
}

/** A table; all cells are escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [tableRow(head), `| ${head.map(() => '---').join(' | ')} |`, ...rows.map(tableRow)].join('\n')
}

function tableRow(cells: readonly string[]): string {
  return `| ${cells.map(escaped).join(' | ')} |`
}

/**
 * Escapes text from outside, so that it contains no markup and no link and ends no table cell. All characters that Markdown
 * or HTML may interpret become character references. So does the dot after `www`, which GitHub would turn into a link.
 */
export function escaped(text: string): string {
  return (
    oneLine(text, MAX_CELL_CHARACTERS)
      .replaceAll(/[!-&*+/:-@[-`{-~]/g, (character) => `&#${character.charCodeAt(0)};`)
      // GitHub turns addresses into links after it reads references. The word joiner after the @ prevents that.
      .replaceAll('&#64;', '&#64;&#8288;')
      .replaceAll(/www\./gi, (start) => start.replace('.', '&#46;'))
  )
}

/** A command, to be copied. */
export function commandCode(command: string): string {
  return `<code>${escaped(command)}</code>`
}
