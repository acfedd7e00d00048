// The symbols of a year's story, each named after what happens to it. A night has a position: 0 is the first.

import type { IsoDate } from '../../../lib/core/dates.ts'
import { cents } from '../bars.ts'
import { oneOf, wholeBetween, type Random } from '../random.ts'
import type { TradedBar } from '../servers/moving-past.ts'
import { drawSeries, type Series, type SeriesOptions, type ToldEvent } from './series.ts'
import type { Listing, Provisional } from './vendor.ts'

export type Member = { readonly symbol: string; readonly listings: readonly Listing[] }

/**
 * A night on which a symbol makes the run end with 1. `audit`: if the symbol is compared wholly. `holding`: if the program asks
 * for splits and holds sessions back.
 */
export type Failing = { readonly at: number; readonly symbol: string; readonly when: 'always' | 'audit' | 'holding' }

export type Cast = {
  readonly members: readonly Member[]
  readonly failing: readonly Failing[]
  /** Nights on which the run must be undisturbed, or a symbol would end otherwise than told. */
  readonly critical: ReadonlySet<number>
  /** The night on which REUSED is accepted. */
  readonly acceptedAt: number
  /** The night of a change of names; the old name is asked for some nights more. */
  readonly renamedAt: number
}

/** The dates of a story. */
export type Dates = {
  /** All sessions, stored ones and nights. */
  readonly sessions: readonly IsoDate[]
  /** The position in `sessions` of the first night. */
  readonly start: number
  /** The position in `sessions` of the oldest one that the vendor's plan serves on every night. */
  readonly served: number
  /** The last night on which anything may happen. */
  readonly last: number
  /** The first of the nights together that nobody runs. */
  readonly away: number
}

export const AWAY_NIGHTS = 5

type Draft = Partial<Omit<SeriesOptions, 'events'>> & {
  readonly events?: readonly ToldEvent[]
  readonly provisional?: readonly Provisional[]
  /** From when on the list of splits has it; `never` is as long as the story. */
  readonly listedFrom?: IsoDate | 'never'
  /** Sessions between dividends, and how much of the close, or of the currency, each is. */
  readonly every?: number
  readonly yield?: number
  readonly dividend?: number
  /** No dividend once the nights have begun. */
  readonly isQuietAtNight?: boolean
}

const FAR = '9999-12-31' as IsoDate

/** What the parts of a cast are drawn with. */
type Casting = {
  readonly random: Random
  readonly dates: Dates
  readonly members: Member[]
  readonly failing: Failing[]
  readonly on: (at: number) => IsoDate
  readonly add: (symbol: string, draft: Draft) => void
  readonly series: (draft: Draft) => Series
  /** Any night, not before `from`. */
  readonly anywhere: (from?: number) => number
  /** A night; the one before it and the `length` nights from it on are undisturbed. */
  readonly undisturbed: (length: number, from?: number) => number
}

export function drawCast(random: Random, dates: Dates): Cast {
  const { sessions, start, last, away } = dates
  const critical = new Set<number>()
  const series = (draft: Draft): Series => {
    const events = [...dividendsOf(random, draft, dates), ...(draft.events ?? [])]
    const price = 10 + random() * 290
    const [volatility, shares] = [0.008 + random() * 0.022, 10 ** (5 + random() * 2.5)]
    const own = { sessions, price, volatility, shares, ...draft }
    return drawSeries(random, { ...own, events: events.toSorted((a, b) => (a.exDate < b.exDate ? -1 : 1)) })
  }
  const casting: Casting = {
    random,
    dates,
    members: [],
    failing: [],
    series,
    on: (at) => sessions[start + at] ?? FAR,
    add(symbol, draft) {
      const { provisional = [], listedFrom } = draft
      const listing = { from: sessions[0] ?? FAR, ...series(draft), provisional }
      const listed = listedFrom === undefined ? {} : { listedFrom: listedFrom === 'never' ? FAR : listedFrom }
      casting.members.push({ symbol, listings: [{ ...listing, ...listed }] })
    },
    anywhere: (from = 2) => wholeBetween(random, from, last),
    undisturbed(length, from = 1) {
      for (;;) {
        const at = wholeBetween(random, from, last - length)
        const nights = Array.from({ length: length + 1 }, (_, index) => at - 1 + index)
        if (nights.some((night) => night >= away && night < away + AWAY_NIGHTS)) continue
        for (const night of nights) critical.add(night)
        return at
      }
    },
  }
  addSplits(casting)
  addDividends(casting)
  addMixed(casting)
  addUnsettled(casting)
  addWithdrawn(casting)
  addCorrected(casting)
  const acceptedAt = addReused(casting)
  const renamedAt = addRenamed(casting)
  return { members: casting.members, failing: casting.failing, critical, acceptedAt, renamedAt }
}

/** Every so many sessions, from a random one on. */
function dividendsOf(random: Random, draft: Draft, { sessions, start, last }: Dates): readonly ToldEvent[] {
  const { every = 0, dividend, yield: part = 0.003, isQuietAtNight = false } = draft
  if (every === 0) return []
  const offset = wholeBetween(random, 0, every - 1)
  return sessions
    .slice(0, isQuietAtNight ? start : start + last)
    .filter((_, index) => index > 0 && index % every === offset)
    .map((exDate) => (dividend === undefined ? { exDate, yield: part } : { exDate, dividend }))
}

/** Four dividends a year; none by night where another event must be seen alone. */
const QUARTERLY = { every: 63, yield: 0.006 }
const QUIET_AT_NIGHT = { ...QUARTERLY, isQuietAtNight: true }

function addSplits({ dates, on, add, anywhere }: Casting): void {
  const { last, away } = dates
  add('SPLIT', { ...QUARTERLY, events: [{ exDate: on(anywhere()), split: [4, 1] }] })
  const early = anywhere()
  add('EARLY', { ...QUARTERLY, events: [{ exDate: on(early), from: on(early - 1), split: [2, 1] }] })
  add('BOTH', { events: [{ exDate: on(anywhere()), split: [2, 1], yield: 0.012 }], every: 126, yield: 0.01 })
  const inAbsence: readonly ToldEvent[] = [
    { exDate: on(away + 1), split: [2, 1] },
    { exDate: on(away + 2), yield: 0.008 },
  ]
  add('AWAY', { events: inAbsence })
  add('REVERSE', { events: [{ exDate: on(anywhere()), split: [1, 8] }], price: 3, volatility: 0.035 })
  add('THREE', { ...QUARTERLY, events: [{ exDate: on(anywhere()), split: [3, 2] }] })
  add('STOCK', { ...QUARTERLY, events: [{ exDate: on(anywhere()), split: [21, 20] }] })
  const odd = anywhere()
  add('ODD', { ...QUARTERLY, events: [{ exDate: on(odd), from: on(Math.min(odd + 5, last)), split: [1046, 1000] }] })
  // So late that only an audit sees it, and no list has it before.
  const weeks = Math.min(37, Math.floor(last / 3))
  const unlisted = Math.min(anywhere(), last - weeks)
  const from = on(unlisted + weeks)
  add('UNLISTED', {
    ...QUARTERLY,
    events: [{ exDate: on(unlisted), from, split: [3, 1] }],
    listedFrom: from,
    price: 250,
  })
  // Its bar comes a night after its split.
  const tardy = anywhere()
  const bar = { date: on(tardy), until: on(tardy + 1), change: undefined }
  add('TARDY', { events: [{ exDate: on(tardy), split: [2, 1] }], provisional: [bar] })
  add('SPIN', { events: [{ exDate: on(anywhere()), spinOff: 0.85 }] })
}

function addDividends({ dates, on, add, anywhere }: Casting): void {
  add('TINY', { every: 63, dividend: 0.002, price: 24 })
  add('WEEKLY', { every: 5, yield: 0.0025 })
  add('MONTHLY', { every: 21, yield: 0.006 })
  add('QUARTER', { every: 63, dividend: 0.83, price: 400 })
  add('HALF', { every: 126, yield: 0.02, volatility: 0.008 })
  add('YEARLY', { every: 250, yield: 0.04 })
  add('SPECIAL', { ...QUARTERLY, events: [{ exDate: on(anywhere()), yield: 0.1 }] })
  add('PENNY', { every: 126, dividend: 0.01, price: 0.9 })
  add('FUND', { every: 250, yield: 0.07, isFund: true, price: 30 })
  // So much later that only an audit sees it.
  const amended = Math.min(anywhere(), dates.last - 18)
  const from = on(amended + 18)
  const amounts: readonly ToldEvent[] = [
    { exDate: on(amended), until: from, yield: 0.006 },
    { exDate: on(amended), from, yield: 0.0072 },
  ]
  add('AMEND', { events: amounts })
  add('STEADY', QUARTERLY)
  // Listed from the fourth night on, and never backfilled.
  add('FRESH', { every: 21, yield: 0.004, events: [{ exDate: on(anywhere(8)), split: [3, 1] }] })
  add('CALM', {})
}

const RATIOS = [
  ...[2, 3, 10, 20].map((shares) => [shares, 1] as const),
  ...[2, 10, 25, 150].map((shares) => [1, shares] as const),
  [3, 2],
  [5, 4],
  [103, 100],
  [707, 500],
  [1281, 1000],
  [10027, 10000],
] as const

/**
 * Symbols with three events of any kind, on the night of the ex date, the night before, or up to five nights later: a night
 * compares ten rows, and a few nights more may pass without a run.
 */
function addMixed({ random, on, add, anywhere }: Casting): void {
  const drawEvent = (at: number): ToldEvent => {
    const own = { exDate: on(at), from: on(at + (random() < 0.6 ? 0 : wholeBetween(random, -1, 5))) }
    const dice = random()
    if (dice < 0.45) return { ...own, split: oneOf(random, RATIOS) }
    if (dice < 0.6) return { ...own, spinOff: 0.7 + random() * 0.27 }
    if (dice < 0.7) return { ...own, split: oneOf(random, RATIOS), yield: 0.002 + random() * 0.03 }
    return { ...own, yield: 10 ** (-3.5 + random() * 2.5) }
  }
  for (const number of [1, 2, 3, 4, 5, 6]) {
    add(`MIXED${number}`, {
      events: [...new Set([anywhere(), anywhere(), anywhere()])].map(drawEvent),
      every: oneOf(random, [0, 0, 21, 63]),
      yield: 0.001 + random() * 0.01,
      price: 10 ** (1.7 + random() * 1.2),
      volatility: 0.005 + random() * 0.035,
      listedFrom: 'never',
    })
  }
}

/** What the vendor announces before it has done it, or does at one endpoint first. */
function addUnsettled({ on, add, failing, undisturbed }: Casting): void {
  const late = undisturbed(4)
  add('LATE', { ...QUIET_AT_NIGHT, events: [{ exDate: on(late), from: on(late + 2), split: [10, 1] }], price: 800 })
  const later = undisturbed(7)
  add('LATER', { ...QUIET_AT_NIGHT, events: [{ exDate: on(later), from: on(later + 5), split: [5, 1] }], price: 500 })
  // From the third session that waits on it is an error.
  failing.push(...[2, 3, 4].map((wait) => ({ at: later + wait, symbol: 'LATER', when: 'holding' as const })))
  const torn = undisturbed(2)
  add('TORN', { ...QUIET_AT_NIGHT, events: [{ exDate: on(torn), adjustedFrom: on(torn + 1), split: [2, 1] }] })
  const rent = undisturbed(2)
  const adjustedFirst = { exDate: on(rent), from: on(rent + 1), adjustedFrom: on(rent), split: [1, 5] } as const
  add('RENT', { ...QUIET_AT_NIGHT, events: [adjustedFirst], price: 15 })
}

/** What the vendor does or takes back for a while. */
function addWithdrawn({ random, dates, on, add, failing, undisturbed }: Casting): void {
  const { sessions, start, served, last } = dates
  const bogus = undisturbed(2)
  const wrong = { exDate: on(bogus), until: on(bogus + 1), split: [4, 1], isFalse: true } as const
  add('BOGUS', { ...QUIET_AT_NIGHT, events: [wrong] })
  failing.push({ at: bogus, symbol: 'BOGUS', when: 'always' })
  const nights = Math.min(15, Math.floor(last / 4))
  const lost = undisturbed(nights + 1)
  const exDate = sessions[served + Math.floor((start - served) * (0.3 + random() * 0.5))] ?? FAR
  const lostSplit: readonly ToldEvent[] = [
    { exDate, until: on(lost), split: [5, 1] },
    { exDate, from: on(lost + nights), split: [5, 1], isFalse: true },
  ]
  add('LOST', { ...QUIET_AT_NIGHT, events: lostSplit, price: 400 })
  for (let at = lost; at < lost + nights; at += 1) failing.push({ at, symbol: 'LOST', when: 'audit' })
  // A part of the past is lacking on an ex date.
  const thin = undisturbed(2)
  const lacking = sessions.slice(
    served + Math.floor((start - served) * 0.6),
    served + Math.floor((start - served) * 0.7),
  )
  add('THIN', {
    ...QUIET_AT_NIGHT,
    events: [{ exDate: on(thin), yield: 0.01 }],
    provisional: lacking.map((date) => ({ date, from: on(thin), until: on(thin + 1), change: undefined })),
  })
  failing.push({ at: thin, symbol: 'THIN', when: 'always' })
}

/** Bars that come late, are lacking or are put right. */
function addCorrected({ random, dates, members, on, add, series, anywhere }: Casting): void {
  const { sessions, start, served } = dates
  const late = [1, 2, 3].map((nights): Provisional => {
    const at = anywhere()
    return { date: on(at), until: on(at + nights), change: undefined }
  })
  add('LATEBAR', { ...QUARTERLY, provisional: late })
  const bare = [anywhere(), anywhere()].map((at): Provisional => {
    return { date: on(at), until: on(at + 1), change: 'adjusted' }
  })
  add('BARE', { ...QUARTERLY, provisional: bare })
  const halted = new Set([anywhere(), anywhere()].map(on))
  add('HALTED', { ...QUARTERLY, sessions: sessions.filter((session) => !halted.has(session)) })
  // A close of about two years ago, and a volume of last year.
  const own = series(QUARTERLY)
  const wrong = (back: number, change: (bar: TradedBar) => Partial<TradedBar>): readonly Provisional[] => {
    const bar = own.traded[Math.max(served, start - back) + wholeBetween(random, 0, 60)]
    return bar === undefined ? [] : [{ date: bar.date, until: on(anywhere()), change: change(bar) }]
  }
  const provisional = [
    ...wrong(500, (bar) => withClose(bar, cents(bar.close * 1.01))),
    ...wrong(250, ({ volume }) => ({ volume: volume + 1_300 })),
  ]
  members.push({ symbol: 'DEEP', listings: [{ from: sessions[0] ?? FAR, ...own, provisional }] })
}

/** The change of a bar to another close. */
export function withClose({ high, low }: TradedBar, close: number): Partial<TradedBar> {
  return { close, high: Math.max(high ?? close, close), low: Math.min(low ?? close, close) }
}

/** Another company takes a symbol over, with a past of its own. Gives the night on which that is accepted. */
function addReused({ dates, members, failing, on, series, undisturbed }: Casting): number {
  const { sessions, start, last } = dates
  const gap = Math.max(6, Math.min(20, Math.floor(last / 6)))
  const waits = 4
  const at = undisturbed(waits + 1, gap + 2)
  const fund = series({ sessions: sessions.slice(0, start + at - gap) })
  const company = series({ ...QUIET_AT_NIGHT, sessions: sessions.slice(Math.floor(start * 0.4)) })
  const listings = [
    { from: sessions[0] ?? FAR, ...fund, provisional: [] },
    { from: on(at), ...company, provisional: [] },
  ]
  members.push({ symbol: 'REUSED', listings })
  for (let wait = 0; wait < waits; wait += 1) failing.push({ at: at + wait, symbol: 'REUSED', when: 'always' })
  return at + waits
}

/** A symbol ends, and another goes on under a new name. Gives the night of that. */
function addRenamed({ random, dates, members, on, add, series, anywhere }: Casting): number {
  const { sessions, start, last } = dates
  add('ENDED', { ...QUARTERLY, sessions: sessions.slice(0, start + anywhere()) })
  const renamedAt = wholeBetween(random, 2, last - 12)
  const [all, none] = [series(QUARTERLY), { traded: [], events: [] }]
  const from = on(renamedAt)
  const old = [
    { from: sessions[0] ?? FAR, ...all, provisional: [] },
    { from, ...none, provisional: [] },
  ]
  members.push({ symbol: 'OLDNAME', listings: old })
  members.push({ symbol: 'NEWNAME', listings: [{ from, ...all, provisional: [] }] })
  return renamedAt
}
