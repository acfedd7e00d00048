// The story of a year: what happens to the symbols, what the vendor gets wrong, and on which nights something happens to the
// run itself. Drawn by a seed. What each night ends with is told here, by the rules alone.

import { XNYS } from '../../../lib/core/calendar.ts'
import { FIRST_YEAR, LAST_YEAR, wholeYear, type DateRange, type IsoDate } from '../../../lib/core/dates.ts'
import { cents } from '../bars.ts'
import { oneOf, wholeBetween, type Random } from '../random.ts'
import type { PastEvent, TradedBar } from '../servers/moving-past.ts'
import { AWAY_NIGHTS, drawCast, withClose, type Cast, type Dates, type Failing } from './cast.ts'
import { oldestServedOn, type Market, type Provisional } from './vendor.ts'

/** What happens to the run of a night, not to the vendor's data. */
export type Trouble =
  /** Nobody runs the program, or it is run twice. */
  | { readonly kind: 'skipped' | 'twice' }
  /** The process is gone at its n-th write of prices; it is started once more that night, or not until the next. */
  | { readonly kind: 'kill'; readonly atWrite: number; readonly isWritten: boolean; readonly isRepeated: boolean }
  /** So many calls and no more: too few for all symbols, or enough for each but for no look at a past. */
  | { readonly kind: 'budget'; readonly calls: number }
  /** The vendor applies what it applies that night after so many calls. */
  | { readonly kind: 'moving'; readonly afterCalls: number }
  /** One request in three gets a 503 first; all of them do, always. */
  | { readonly kind: 'shaky' | 'down' }
  /** There is no answer to the requests of one symbol. */
  | { readonly kind: 'silent'; readonly symbol: string }

export type Night = {
  readonly session: IsoDate
  readonly symbols: readonly string[]
  readonly trouble: Trouble | undefined
  readonly accept: string | undefined
  /** A symbol whose history is backfilled after the run. */
  readonly backfill: string | undefined
  /** The exit code of each run that is not killed. */
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
  /** What the vendor's plan serves once the nights have begun. */
  readonly depthYears: number
  /** Whether the program holds the market's sessions and asks for splits. */
  readonly isHolding: boolean
}

/** Nights at the end on which nothing happens, so that every symbol is compared wholly once more. */
const CALM_NIGHTS = 8

export function tellYear(random: Random, options: StoryOptions): Story {
  const { firstStored, isHolding } = options
  const dates = drawDates(random, options)
  const cast = drawCast(random, dates)
  const reserve = createReserve(random, cast, dates)
  const faults = drawFaults(dates, reserve)
  const market = new Map(
    cast.members.map(({ symbol, listings }) => [
      symbol,
      listings.map((listing) => ({
        ...listing,
        events: [...listing.events, ...faults.events],
        provisional: [
          ...listing.provisional,
          ...faults.provisionalOf(listing.traded, listing.events),
          ...(symbol === 'LOST' ? [] : unsettledBars(random, listing.traded, dates)),
        ],
      })),
    ]),
  )
  const failing = [...cast.failing, ...faults.failing].filter(({ when }) => isHolding || when !== 'holding')
  const troubles = drawTroubles(random, { cast, dates, reserve })
  const nights = dates.sessions
    .slice(dates.start)
    .map((session, at) => tellNight(at, session, { cast, dates, failing, troubles }))
  return { market, stored: { from: firstStored, to: dates.sessions[dates.start - 1] ?? firstStored }, nights }
}

function drawDates(random: Random, { firstStored, firstNight, nights, depthYears }: StoryOptions): Dates {
  const all = XNYS.sessions({ from: firstStored, to: wholeYear(LAST_YEAR).to })
  const start = all.indexOf(firstNight)
  const last = nights - CALM_NIGHTS - 1
  const sessions = all.slice(0, start + nights)
  const oldest = oldestServedOn(sessions.at(-1) ?? firstNight, depthYears)
  const served = sessions.findIndex((session) => session >= oldest)
  return { sessions, start, served, last, away: wholeBetween(random, 4, last - 8) }
}

/** Gives the first of so many nights together that nothing else needs. `fits`: what else the first must be. */
type Reserve = (length: number, fits?: (at: number) => boolean) => number

function createReserve(random: Random, { critical }: Cast, { last, away }: Dates): Reserve {
  const positions = Array.from({ length: last }, (_, at) => at)
  const free = new Set(positions.filter((at) => at > 0 && !critical.has(at) && (at < away || at >= away + AWAY_NIGHTS)))
  return (length, fits = () => true) => {
    const own = (first: number) => Array.from({ length }, (_, index) => first + index)
    const firsts = positions.filter((at) => fits(at) && own(at).every((night) => free.has(night)))
    if (firsts.length === 0) throw new Error(`The story has no ${length} nights left: tell more of them.`)
    const first = oneOf(random, firsts)
    for (const night of own(first)) free.delete(night)
    return first
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

/** Enough for each symbol and for nothing else. */
function unpaid(symbols: readonly string[]): Trouble {
  return { kind: 'budget', calls: 2 * symbols.length }
}

type Troubles = ReadonlyMap<number, (symbols: readonly string[]) => Trouble>

type Troubling = { readonly cast: Cast; readonly dates: Dates; readonly reserve: Reserve }

function drawTroubles(random: Random, { cast, dates, reserve }: Troubling): Troubles {
  const often = Math.ceil(dates.last / 60)
  const isLookedAt = (at: number) => hasLook(cast, dates, at)
  const nights = (count: number, make: (symbols: readonly string[]) => Trouble, fits?: (at: number) => boolean) =>
    Array.from({ length: count }, () => [reserve(1, fits), make] as const)
  const killed = (): Trouble => {
    const [isWritten, isRepeated] = [random() < 0.5, random() < 0.5]
    return { kind: 'kill', atWrite: wholeBetween(random, 1, 30), isWritten, isRepeated }
  }
  return new Map<number, (symbols: readonly string[]) => Trouble>([
    // The night before is quiet: a run that fills two sessions compares wholly what has its turn on either.
    ...Array.from({ length: often }, () => [reserve(2, (at) => isLookedAt(at + 1)) + 1, unpaid] as const),
    ...nights(2 * often, killed, isLookedAt),
    ...nights(often, () => ({ kind: 'skipped' })),
    ...nights(1, () => ({ kind: 'budget', calls: 21 })),
    ...nights(1, (symbols) => ({ kind: 'moving', afterCalls: wholeBetween(random, 4, 2 * symbols.length - 4) })),
    ...nights(1, () => ({ kind: 'twice' })),
    ...nights(1, () => ({ kind: 'shaky' })),
    ...nights(1, () => ({ kind: 'down' })),
    ...nights(1, (symbols) => ({ kind: 'silent', symbol: oneOf(random, symbols) })),
  ])
}

/** Symbols that are not asked for each night. */
const PASSING = new Set(['FRESH', 'REUSED', 'OLDNAME', 'NEWNAME'])
/** So much is seen in any row. */
const SEEN_DIVIDEND = 0.01

/** Whether a symbol goes ex that night, out of its turn, so that its whole past is asked for by extra calls. */
function hasLook({ members }: Cast, { sessions, start }: Dates, at: number): boolean {
  const session = sessions[start + at]
  if (session === undefined) return false
  return members.some(({ symbol, listings }) => {
    const [{ events, traded } = { events: [], traded: [] }] = listings
    const isEx = events.some(
      ({ exDate, from = exDate, until, dividend = 1 }) =>
        exDate === session && from === session && until === undefined && dividend >= SEEN_DIVIDEND,
    )
    const isTrading = traded.some(({ date }) => date === session)
    return isEx && isTrading && !PASSING.has(symbol) && !isTurn(symbol, session, members.length)
  })
}

type Telling = Omit<Troubling, 'reserve'> & { readonly failing: readonly Failing[]; readonly troubles: Troubles }

/** Nights for which a run still asks for a name that has gone, and after which it is backfilled under the new one. */
const [OLD_NAME_NIGHTS, NEW_NAME_NIGHTS] = [10, 6]
/** The night from which on FRESH is listed. */
const FRESH_FROM = 3

function tellNight(at: number, session: IsoDate, { cast, dates, failing, troubles }: Telling): Night {
  const { renamedAt, acceptedAt } = cast
  const isListed: Readonly<Record<string, boolean>> = {
    FRESH: at >= FRESH_FROM,
    NEWNAME: at >= renamedAt,
    OLDNAME: at < renamedAt + OLD_NAME_NIGHTS,
  }
  const symbols = cast.members.map(({ symbol }) => symbol).filter((symbol) => isListed[symbol] ?? true)
  const isAway = at >= dates.away && at < dates.away + AWAY_NIGHTS
  const trouble = isAway ? ({ kind: 'skipped' } as const) : troubles.get(at)?.(symbols)
  const own = failing.filter(
    ({ at: night, symbol, when }) => night === at && (when !== 'audit' || isTurn(symbol, session, symbols.length)),
  )
  const isOut = trouble?.kind === 'down' || trouble?.kind === 'silent'
  return {
    session,
    symbols,
    trouble,
    accept: at === acceptedAt ? 'REUSED' : undefined,
    backfill: at === renamedAt + NEW_NAME_NIGHTS ? 'NEWNAME' : undefined,
    code: trouble?.kind === 'budget' ? 3 : isOut || own.length > 0 ? 1 : 0,
    failing: own.map(({ symbol }) => symbol),
  }
}

/** Whether a symbol is compared wholly by a run that stores this session alone. */
function isTurn(symbol: string, session: IsoDate, symbols: number): boolean {
  const every = Math.min(20, Math.ceil(symbols / 10))
  const position = XNYS.sessions({ from: wholeYear(FIRST_YEAR).from, to: session }).length - 1
  // FNV-1a of 32 bits.
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(symbol)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return (position + hash) % every === 0
}
