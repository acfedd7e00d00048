// A row of bars in text, one a month: how much of what should be stored is.

const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const

/** What a month without anything stored shows, and one without a finished session. */
const NOTHING = '·'

/**
 * A bar for each month. The full one only where no symbol lacks a session, the lowest for anything above nothing, so that a hole
 * and a rest are both seen.
 */
export function sparkline(
  months: readonly { readonly sessions: number; readonly stored: number }[],
  symbols: number,
): string {
  return months.map(({ sessions, stored }) => barOf(stored, sessions * symbols)).join('')
}

function barOf(stored: number, all: number): string {
  if (stored === 0 || all === 0) return NOTHING
  const height = stored >= all ? BARS.length : Math.ceil((stored / all) * (BARS.length - 1))
  return BARS[height - 1] ?? NOTHING
}
