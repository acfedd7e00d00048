// The story of a year: what happens to the symbols, what the vendor gets wrong, and on which nights something happens to the
// run itself. Drawn by a seed. What each night ends with is told here, by the rules alone.

import { XNYS } from '../../../lib/core/calendar.ts'
import { FIRST_YEAR, LAST_YEAR, wholeYear, type DateRange, type IsoDate } from '../../../lib/core/dates.ts'
import { cents } from '../bars.ts'
import { oneOf, wholeBetween, type Random } from '../random.ts'
import type { PastEvent, TradedBar } from '../servers/moving-past.ts'
import { drawCast, withClose, type Cast, type Dates, type Failing } from './cast.ts'
import type { Market, Provisional } from './vendor.ts'

/** What happens to the run of a night, not to the vendor's data. */
export type Trouble =
  /** Nobody runs the program. */
  | { readonly kind: 'skipped' }
  /** The process is gone at its n-th write of prices; it is started once more that night, or not until the next. */
  | { readonly kind: 'kill'; readonly atWrite: number; readonly isWritten: boolean; readonly isRepeated: boolean }
  /** So many calls and no more: too few for all symbols, or enough for each but for no look at a past. */
  | { readonly kind: 'budget'; readonly calls: number }
  /** The vendor applies what it applies that night after so many calls. */
  | { readonly kind: 'moving'; readonly afterCalls: number }
  /** The program is run twice. */
  | { readonly kind: 'twice' }
  /** 503 to one request in three, to all of them, or no answer to those of one symbol. */
  | { readonly kind: 'shaky' }
  | { readonly kind: 'down' }
  | { readonly kind: 'silent'; readonly symbol: string }

export type Night = {
  readonly session: IsoDate
  readonly symbols: readonly string[]
  readonly trouble: Trouble | undefined
  readonly accept: string | undefined
  /** A symbol whose history is backfilled after the run. */
  readonly backfill: string | undefined
  /** The exit code of the run that is not killed. */
  readonly code: number
  /** The symbols that make it 1. */
  readonly failing: readonly string[]
}

export type Story = {
  readonly market: Market
  /** What is stored before the first night. */
  readonly stored: DateRange
  readonly nights: readonly Night[]
}

export type StoryOptions = {
  readonly firstStored: IsoDate
  readonly firstNight: IsoDate
  readonly nights: number
  /** Whether the program holds the market's sessions and asks for splits. */
  readonly isHolding: boolean
}

/** Nights at the end on which nothing happens, so that every symbol is compared wholly once more. */
const CALM_NIGHTS = 8

export function tellYear(random: Random, options: StoryOptions): Story {
  const { firstStored, firstNight, nights: count, isHolding } = options
  const all = XNYS.sessions({ from: firstStored, to: wholeYear(LAST_YEAR).to })
  const start = all.indexOf(firstNight)
  const last = count - CALM_NIGHTS - 1
  const dates = { sessions: all.slice(0, start + count), start, last, away: wholeBetween(random, 4, last - 8) }
  const cast = drawCast(random, dates)
  const reserve = createReserve(random, cast, dates)
  const faults = drawFaults(dates, reserve)
  const market = new Map(
    cast.members.map(({ symbol, listings }) => [
      symbol,
      listings.map(({ events, ...listing }) => ({
        ...listing,
        events: [...events, ...faults.events],
        provisional: [
          ...listing.provisional,
          ...faults.provisionalOf(listing.traded, events),
          ...(symbol === 'LOST' ? [] : unsettledBars(random, listing.traded, dates)),
        ],
      })),
    ]),
  )
  const failing = [...cast.failing, ...faults.failing].filter(({ when }) => isHolding || when !== 'holding')
  const nights = tellNights(random, { cast, dates, failing, reserve })
  return { market, stored: { from: firstStored, to: dates.sessions[start - 1] ?? firstNight }, nights }
}

/** Gives the first of so many nights together that nothing else needs; the first fits what is asked of it. */
type Reserve = (length: number, fits?: (at: number) => boolean) => number

function createReserve(random: Random, { critical }: Cast, { last, away }: Dates): Reserve {
  const taken = new Set([...critical, ...[0, 1, 2, 3, 4].map((at) => away + at)])
  return (length, fits = () => true) => {
    const firsts = Array.from({ length: last - length }, (_, at) => at).filter(
      (at) =>
        fits(at) && Array.from({ length }, (_, index) => at + index).every((night) => night > 0 && !taken.has(night)),
    )
    const at = oneOf(random, firsts)
    if (firsts.length === 0) throw new Error(`The story has no ${length} nights left: tell more of them.`)
    for (let index = 0; index < length; index += 1) taken.add(at + index)
    return at
  }
}

/** What the vendor gets wrong of every symbol. */
type Faults = {
  readonly failing: readonly Failing[]
  readonly events: readonly PastEvent[]
  readonly provisionalOf: (traded: readonly TradedBar[], events: readonly PastEvent[]) => readonly Provisional[]
}

/** So many sessions after that of × 100 volumes it is put right. */
const HUNDREDFOLD_SESSIONS = 6

function drawFaults({ sessions, start }: Dates, reserve: Reserve): Faults {
  const on = (at: number) => sessions[start + at] ?? wholeYear(LAST_YEAR).to
  const [hundredfold, repeated, absent, doubled] = [reserve(7), reserve(2), reserve(2), reserve(2)]
  return {
    failing: [
      // The session is held while it is among the last three.
      ...[0, 1, 2].map((wait) => ({ at: hundredfold + wait, symbol: 'all', when: 'holding' as const })),
      { at: repeated, symbol: 'all', when: 'holding' },
      { at: absent, symbol: 'all', when: 'always' },
      { at: doubled, symbol: 'all', when: 'always' },
    ],
    // Every price of every symbol is halved for one night.
    events: [{ exDate: on(doubled), until: on(doubled + 1), split: [2, 1] }],
    provisionalOf: (traded, events) =>
      traded.flatMap((bar, index): readonly Provisional[] => {
        const { date, volume } = bar
        if (date === on(hundredfold))
          return [{ date, until: on(hundredfold + HUNDREDFOLD_SESSIONS), change: { volume: volume * 100 } }]
        if (date === on(absent)) return [{ date, until: on(absent + 1), change: undefined }]
        const before = traded[index - 1]
        // On an ex date the bar before is on another base.
        const isExDate = events.some(({ exDate }) => exDate === date)
        if (date !== on(repeated) || before === undefined || isExDate) return []
        return [{ date, until: on(repeated + 1), change: { ...before, date } }]
      }),
  }
}

/** Volumes and closes that the vendor puts right the night after. */
function unsettledBars(random: Random, traded: readonly TradedBar[], dates: Dates): readonly Provisional[] {
  const { sessions, start, last } = dates
  const [from, to] = [sessions[start] ?? '', sessions[start + last] ?? '']
  return traded.flatMap((bar, index): readonly Provisional[] => {
    const next = traded[index + 1]?.date ?? sessions.find((session) => session > bar.date)
    if (bar.date < from || bar.date >= to || next === undefined) return []
    const volume = random() < 0.3 ? Math.round(bar.volume * (1 + (random() - 0.5) * 0.01)) : bar.volume
    const close = random() < 0.002 ? cents(bar.close * (1 + (random() - 0.5) * 0.04)) : bar.close
    if (volume === bar.volume && close === bar.close) return []
    return [{ date: bar.date, until: next, change: { ...withClose(bar, close), volume } }]
  })
}

type Telling = {
  readonly cast: Cast
  readonly dates: Dates
  readonly failing: readonly Failing[]
  readonly reserve: Reserve
}

function tellNights(random: Random, { cast, dates, failing, reserve }: Telling): readonly Night[] {
  const { sessions, start, last, away } = dates
  const troubles = drawTroubles(random, { cast, dates, reserve })
  return sessions.slice(start).map((session, at): Night => {
    const symbols = cast.members
      .map(({ symbol }) => symbol)
      .filter((symbol) => symbol !== 'NEWNAME' || at >= cast.renamedAt)
      .filter((symbol) => symbol !== 'FRESH' || at >= 3)
      .filter((symbol) => symbol !== 'OLDNAME' || at < cast.renamedAt + 10)
    const isAway = at >= away && at < away + 5
    const trouble = isAway ? ({ kind: 'skipped' } as const) : at > last ? undefined : troubles.get(at)?.(symbols)
    const own = failing.filter(
      ({ at: night, symbol, when }) => night === at && (when !== 'audit' || isTurn(symbol, session, symbols.length)),
    )
    const isOut = trouble?.kind === 'down' || trouble?.kind === 'silent'
    return {
      session,
      symbols,
      trouble,
      accept: cast.accepts.get(at),
      backfill: at === cast.renamedAt + 6 ? 'NEWNAME' : undefined,
      code: trouble?.kind === 'budget' ? 3 : isOut || own.length > 0 ? 1 : 0,
      failing: own.map(({ symbol }) => symbol),
    }
  })
}

type Troubles = ReadonlyMap<number, (symbols: readonly string[]) => Trouble>

function drawTroubles(random: Random, { cast, dates, reserve }: Omit<Telling, 'failing'>): Troubles {
  const often = Math.ceil(dates.last / 60)
  const nights = (count: number, make: (symbols: readonly string[]) => Trouble, fits?: (at: number) => boolean) =>
    Array.from({ length: count }, () => [reserve(1, fits), make] as const)
  const moves = (at: number) => hasLook(cast, dates, at)
  return new Map([
    // Where the newest rows of a symbol move, a look is asked for and a mend is interrupted.
    ...nights(often, (symbols) => ({ kind: 'budget', calls: 2 * symbols.length }), moves),
    ...nights(
      2 * often,
      () => ({
        kind: 'kill',
        atWrite: wholeBetween(random, 1, 30),
        isWritten: random() < 0.5,
        isRepeated: random() < 0.5,
      }),
      moves,
    ),
    ...nights(often, () => ({ kind: 'skipped' })),
    ...nights(1, () => ({ kind: 'budget', calls: 21 })),
    ...nights(1, (symbols) => ({ kind: 'moving', afterCalls: wholeBetween(random, 4, 2 * symbols.length - 4) })),
    ...nights(1, () => ({ kind: 'twice' })),
    ...nights(1, () => ({ kind: 'shaky' })),
    ...nights(1, () => ({ kind: 'down' })),
    ...nights(1, (symbols) => ({ kind: 'silent', symbol: oneOf(random, symbols) })),
  ])
}

/** Symbols of which the newest rows tell nothing of a dividend that their turn alone shows. */
const HIDDEN = new Set(['TINY', 'PENNY', 'FRESH', 'REUSED', 'OLDNAME', 'NEWNAME'])

/** Whether a symbol goes ex that night, out of its turn, so that its whole past is asked for by extra calls. */
function hasLook({ members }: Cast, { sessions, start }: Dates, at: number): boolean {
  const [session, before] = [sessions[start + at], sessions[start + at - 1]]
  if (session === undefined || before === undefined) return false
  return members.some(({ symbol, listings }) => {
    const [{ events, traded } = { events: [], traded: [] }] = listings
    const isEx = events.some(
      ({ exDate, from, until }) => exDate === session && from === undefined && until === undefined,
    )
    const isTrading = traded.some(({ date }) => date === session)
    return isEx && isTrading && !HIDDEN.has(symbol) && !isTurn(symbol, session, members.length)
  })
}

/** Whether a symbol is compared wholly by a run that stores this session alone. */
function isTurn(symbol: string, session: IsoDate, symbols: number): boolean {
  const every = Math.min(20, Math.ceil(symbols / 10))
  const position = XNYS.sessions({ from: wholeYear(FIRST_YEAR).from, to: session }).length - 1
  // FNV-1a of 32 bits.
  const hash = Buffer.from(symbol).reduce((sum, byte) => Math.imul(sum ^ byte, 0x01000193) >>> 0, 0x811c9dc5)
  return (position + hash) % every === 0
}
