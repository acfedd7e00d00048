// Whether the vendor's newest sessions look wrong for the whole market: the first answers of a run judged together. Plain
// data, no I/O. Single symbols move by anything; half of them do not move alike by these bounds. In thirteen years of real
// bars the median volume was 0.22 to 2.9 times that of the ten sessions before, the median return -10.7 % to +13.4 %, and one
// bar in 12,104 repeated the one before it.

import type { Calendar } from '../../core/calendar.ts'
import type { Row } from '../../core/dataset.ts'
import type { IsoDate } from '../../core/dates.ts'
import type { HeldSession } from '../../core/outcome.ts'
import { grouped } from '../../core/text.ts'

/** So many symbols' answers are judged together. */
export const FIRST_ANSWERS = 40

/** Of fewer symbols nothing is said. */
export const MIN_ANSWERS = 20

/** A session is held while it is among so many last finished ones. */
const HELD_SESSIONS = 3

/** Sessions before those are looked at too: the bars after a wrong one are compared with the last good one. */
const EARLIER_SESSIONS = 5

/** The sessions before one, from which its usual volume follows, and how many of them must have a bar. */
const USUAL_SESSIONS = 10
const MIN_USUAL_BARS = 5

/** Bounds of a volume, in times the usual one, and of the median return; and the share of the symbols that must be beyond. */
const VOLUME_BAND = { low: 0.1, high: 10 }
const MAX_MEDIAN_RETURN = 0.25
const MARKET_SHARE = 0.5

/** The share of the symbols whose old prices may have changed at once. */
const MAX_MOVED_SHARE = 0.25

/** What the answer of one symbol says of the market. */
export type MarketAnswer = {
  /** Its newest rows by date. */
  readonly rows: ReadonlyMap<IsoDate, Row>
  /** Whether the prices of its old stored rows have changed; undefined where nothing was compared, or all is accepted. */
  readonly isMoved: boolean | undefined
}

export type MarketVerdict = {
  /** Nothing of this session nor after it is stored. Undefined where nothing is held. */
  readonly heldFrom: IsoDate | undefined
  readonly held: readonly HeldSession[]
  /** Sessions that look wrong and are stored all the same: older, or accepted. */
  readonly suspect: readonly HeldSession[]
  /** The symbols whose old prices have changed, where they are too many at once. */
  readonly moved: { readonly symbols: number; readonly of: number } | undefined
}

export const NOTHING_HELD: MarketVerdict = { heldFrom: undefined, held: [], suspect: [], moved: undefined }

export type MarketContext = {
  readonly calendar: Calendar
  /** The newest session that the run may store. */
  readonly newest: IsoDate
  /** Sessions that are stored whatever they look like. */
  readonly accepted: readonly IsoDate[]
}

/** The first day whose rows the verdict needs. */
export function marketFrom({ calendar, newest }: Pick<MarketContext, 'calendar' | 'newest'>): IsoDate {
  return calendar.sessionsBack(newest, HELD_SESSIONS + EARLIER_SESSIONS + USUAL_SESSIONS)
}

/** The sessions that may be held, oldest first. */
export function heldCandidates({ calendar, newest }: Pick<MarketContext, 'calendar' | 'newest'>): readonly IsoDate[] {
  return calendar.sessions({ from: calendar.sessionsBack(newest, HELD_SESSIONS), to: newest })
}

/** Judges the newest sessions, oldest first: each is compared with those before it that look right. */
export function judgeMarket(answers: readonly MarketAnswer[], context: MarketContext): MarketVerdict {
  const { calendar, newest, accepted } = context
  const sessions = calendar.sessions({ from: marketFrom(context), to: newest })
  const candidates = new Set(heldCandidates(context))
  const good: IsoDate[] = []
  const held: HeldSession[] = []
  const suspect: HeldSession[] = []
  for (const [index, date] of sessions.entries()) {
    const bars = answers.flatMap(({ rows }) => {
      const row = rows.get(date)
      return row === undefined ? [] : [barOf(row, rows, good)]
    })
    const reason = index < USUAL_SESSIONS ? undefined : strangeness(bars)
    if (reason === undefined) good.push(date)
    else if (candidates.has(date) && !accepted.includes(date)) held.push({ date, reason })
    else suspect.push({ date, reason })
  }
  return { heldFrom: held[0]?.date, held, suspect, moved: movedAtOnce(answers) }
}

function movedAtOnce(answers: readonly MarketAnswer[]): MarketVerdict['moved'] {
  const compared = answers.filter(({ isMoved }) => isMoved !== undefined)
  const symbols = compared.filter(({ isMoved }) => isMoved).length
  const isTooMany = compared.length >= MIN_ANSWERS && symbols > MAX_MOVED_SHARE * compared.length
  return isTooMany ? { symbols, of: compared.length } : undefined
}

/** A bar beside those before it. A field is undefined where too little came before it. */
type MarketBar = {
  readonly isRepeated: boolean | undefined
  /** Its volume in times the usual one. */
  readonly volumeRatio: number | undefined
  readonly change: number | undefined
  /** Whether it has no volume or one price, in a series whose bars usually have both. */
  readonly isEmpty: boolean | undefined
}

/** `good`: the sessions before it that look right, oldest first. */
function barOf(row: Row, rows: MarketAnswer['rows'], good: readonly IsoDate[]): MarketBar {
  const last = good.at(-1)
  const before = last && rows.get(last)
  const usual = good.slice(-USUAL_SESSIONS).flatMap((date) => rows.get(date) ?? [])
  const isKnown = usual.length >= MIN_USUAL_BARS
  const usualVolume = isKnown ? median(usual.flatMap((bar) => numberOf(bar, 'volume') ?? [])) : undefined
  const [volume, close, closeBefore] = [numberOf(row, 'volume'), numberOf(row, 'close'), numberOf(before, 'close')]
  const isUsuallyEmpty = usual.filter(isEmptyBar).length * 2 >= usual.length
  return {
    isRepeated: before && ['open', 'high', 'low', 'close', 'volume'].every((name) => row[name] === before[name]),
    volumeRatio: volume !== undefined && usualVolume ? volume / usualVolume : undefined,
    change: close !== undefined && closeBefore ? close / closeBefore - 1 : undefined,
    isEmpty: isKnown && !isUsuallyEmpty ? isEmptyBar(row) : undefined,
  }
}

function isEmptyBar(row: Row): boolean {
  return (numberOf(row, 'volume') ?? 0) === 0 || ['high', 'low', 'close'].every((name) => row[name] === row['open'])
}

/** What is wrong with a session for more than half of the symbols, with the figures; undefined where nothing is. */
function strangeness(bars: readonly MarketBar[]): string | undefined {
  const repeated = bars.flatMap(({ isRepeated }) => isRepeated ?? [])
  const ratios = bars.flatMap(({ volumeRatio }) => volumeRatio ?? [])
  const changes = bars.flatMap(({ change }) => change ?? [])
  const empty = bars.flatMap(({ isEmpty }) => isEmpty ?? [])
  const beyond = ratios.map((ratio) => ratio < VOLUME_BAND.low || ratio > VOLUME_BAND.high)
  const [change = 0, ratio = 1] = [median(changes), median(ratios)]
  const isMoved = changes.length >= MIN_ANSWERS && Math.abs(change) > MAX_MEDIAN_RETURN
  // Before the volumes: a market without volume is below their band too.
  if (isMost(empty)) return `${share(empty)} have no volume or a single price`
  if (isMost(repeated)) return `${share(repeated)} repeat the bar before it in all prices and the volume`
  if (isMost(beyond)) {
    const band = `${VOLUME_BAND.low} to ${VOLUME_BAND.high} times`
    return `${share(beyond)} have a volume outside ${band} the usual one, the median ${ratio.toPrecision(3)} times`
  }
  return isMoved ? `the median return of ${changes.length} symbols is ${(change * 100).toFixed(1)} %` : undefined
}

function isMost(flags: readonly boolean[]): boolean {
  return flags.length >= MIN_ANSWERS && flags.filter(Boolean).length > MARKET_SHARE * flags.length
}

/** `38 of 40 symbols`. */
function share(flags: readonly boolean[]): string {
  return `${grouped(flags.filter(Boolean).length)} of ${grouped(flags.length)} symbols`
}

function numberOf(row: Row | undefined, name: string): number | undefined {
  const value = row?.[name]
  return typeof value === 'number' ? value : undefined
}

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b)
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]]
  return low === undefined || high === undefined ? undefined : (low + high) / 2
}
