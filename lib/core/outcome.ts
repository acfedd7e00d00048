// The account of sessions: every (symbol, session) asked for ends in exactly one of these.

/** In sessions. */
export type Counts = {
  readonly stored: number
  readonly already_stored: number
  readonly no_data: number
  readonly missing: number
  readonly rejected: number
  readonly failed: number
  readonly not_reached: number
}

export type Fate = keyof Counts

export const NO_SESSIONS: Counts = {
  stored: 0,
  already_stored: 0,
  no_data: 0,
  missing: 0,
  rejected: 0,
  failed: 0,
  not_reached: 0,
}

/** The counts with `sessions` more of one fate. */
export function withFate(counts: Counts, fate: Fate, sessions: number = 1): Counts {
  return { ...counts, [fate]: counts[fate] + sessions }
}

export function addCounts(a: Counts, b: Counts): Counts {
  const fates = Object.keys(NO_SESSIONS) as Fate[]
  return fates.reduce((sum, fate) => withFate(sum, fate, b[fate]), a)
}

export function totalSessions(counts: Counts): number {
  return Object.values(counts).reduce((sum, sessions) => sum + sessions, 0)
}
