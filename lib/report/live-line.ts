// Lines on stderr and, on a terminal, one live line below them, which is drawn anew every second and never wraps.

import { oneLine } from '../core/text.ts'

/** The time between two drawings of the live line when nothing happens. */
const TICK_MS = 1_000

/** How wide a terminal is that does not say so. */
const DEFAULT_COLUMNS = 80

export type Terminal = {
  /** Writes to stderr. */
  readonly write: (text: string) => void
  readonly isTerminal: boolean
  /** The width of the terminal as it is now; undefined when it does not say so. */
  readonly columns: () => number | undefined
  /** Calls `tick` every `ms` milliseconds until the returned function is called. */
  readonly every: (ms: number, tick: () => void) => () => void
  readonly redact: (text: string) => string
}

export type LiveLine = {
  /** Prints a line that stays. */
  readonly printLine: (text: string) => void
  /** Draws the live line now. Nothing without a terminal. */
  readonly draw: () => void
  /** Draws the live line every second from now on. Nothing without a terminal. */
  readonly start: () => void
  /** Removes the live line and stops its timer. */
  readonly clear: () => void
}

/**
 * A live line that shows the first of the texts of `textsNow` that fits: they say the same, the longest comes first. Without
 * a text nothing is drawn.
 */
export function createLiveLine(terminal: Terminal, textsNow: () => readonly string[]): LiveLine {
  const { write, isTerminal, redact } = terminal
  let isShown = false
  let stop: (() => void) | undefined
  const wipe = (): void => {
    if (isShown) write('\r\u001B[K')
    isShown = false
  }
  const draw = (): void => {
    const texts = textsNow()
    if (!isTerminal || texts.length === 0) return
    // The last column stays empty: some terminals begin a new line as soon as it is filled.
    write(`\r\u001B[K${fitting(texts, (terminal.columns() ?? DEFAULT_COLUMNS) - 1)}`)
    isShown = true
  }
  return {
    printLine(text) {
      wipe()
      write(`${oneLine(redact(text))}\n`)
    },
    draw,
    start() {
      if (isTerminal) stop ??= terminal.every(TICK_MS, draw)
    },
    clear() {
      stop?.()
      stop = undefined
      wipe()
    },
  }
}

/** The first text that fits into so many columns; the last one is cut if none does. */
function fitting(texts: readonly string[], columns: number): string {
  return texts.find((text) => Bun.stringWidth(text) <= columns) ?? cutToColumns(texts.at(-1) ?? '', columns)
}

/** As much of a text as fits into so many columns, with an ellipsis where it is cut. No character is cut apart. */
export function cutToColumns(text: string, columns: number): string {
  if (Bun.stringWidth(text) <= columns) return text
  let cut = ''
  for (const { segment } of new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(text)) {
    if (Bun.stringWidth(`${cut}${segment}…`) > columns) break
    cut += segment
  }
  return columns < 1 ? '' : `${cut}…`
}
