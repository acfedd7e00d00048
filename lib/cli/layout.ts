// Lays text out in columns of a terminal: lines end at a blank between two words, and no line ends with a blank.

/** From a narrower terminal on, the second column of a list stands below the first. */
const MIN_TABLE_COLUMNS = 56
/** Narrower lines would hold a word each. */
const MIN_COLUMNS = 24
const INDENT = '  '
const GAP = '  '

/**
 * Breaks a text at its blanks into lines of at most `columns` characters. A word is never broken, so a longer one stands
 * alone in its line.
 */
export function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ').filter((part) => part !== '')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

/** A list of names and their meanings in two columns; on a narrow terminal each meaning stands below its name. */
export function listLines(
  entries: readonly (readonly [name: string, meaning: string])[],
  columns: number,
): readonly string[] {
  const nameColumns = Math.max(...entries.map(([name]) => name.length))
  const isNarrow = columns < MIN_TABLE_COLUMNS
  const indent = isNarrow ? INDENT.repeat(3) : ' '.repeat(INDENT.length + nameColumns + GAP.length)
  return entries.flatMap(([name, meaning]) => {
    const [first, ...rest] = wrapped(meaning, Math.max(columns - indent.length, MIN_COLUMNS))
    if (first === undefined) return [`${INDENT}${name}`]
    const below = rest.map((line) => `${indent}${line}`)
    if (isNarrow) return [`${INDENT}${name}`, `${indent}${first}`, ...below]
    return [`${INDENT}${name.padEnd(nameColumns)}${GAP}${first}`, ...below]
  })
}

/** A command to copy: where it is longer than a line, the shell's mark of a continued line stands at each end but the last. */
export function commandLines(command: string, columns: number): readonly string[] {
  const [first = '', ...rest] = wrapped(command, Math.max(columns - INDENT.length * 2 - 2, MIN_COLUMNS))
  const lines = [`${INDENT}${first}`, ...rest.map((line) => `${INDENT.repeat(2)}${line}`)]
  return lines.map((line, index) => (index < lines.length - 1 ? `${line} \\` : line))
}

/** A remark above a command, each of its lines a comment of the shell. */
export function commentLines(text: string, columns: number): readonly string[] {
  return wrapped(text, Math.max(columns - INDENT.length - 2, MIN_COLUMNS)).map((line) => `${INDENT}# ${line}`)
}
