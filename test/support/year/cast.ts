// The symbols of a year's story, each with what happens to it. A night has a position: 0 is the first.

import type { IsoDate } from '../../../lib/core/dates.ts'
import { cents } from '../bars.ts'
import { oneOf, wholeBetween, type Random } from '../random.ts'
import type { TradedBar } from '../servers/moving-past.ts'
import { drawSeries, type Series, type SeriesOptions, type ToldEvent } from './series.ts'
import type { Listing, Provisional } from './vendor.ts'

export type Member = { readonly symbol: string; readonly listings: readonly Listing[] }

/** Nights on which a symbol makes the run end with 1. `audit`: if the symbol is compared wholly. */
export type Failing = { readonly at: number; readonly symbol: string; readonly when: 'always' | 'audit' | 'holding' }

export type Cast = {
  readonly members: readonly Member[]
  readonly failing: readonly Failing[]
  /** Nights on which the run must be undisturbed, or a symbol would end otherwise than told. */
  readonly critical: ReadonlySet<number>
  readonly accepts: ReadonlyMap<number, string>
  /** The night of a change of names; the old name is asked for some nights more. */
  readonly renamedAt: number
}

/** The dates of a story. */
export type Dates = {
  /** All sessions, stored ones and nights. */
  readonly sessions: readonly IsoDate[]
  /** The position in `sessions` of the first night. */
  readonly start: number
  /** The last night on which anything may happen. */
  readonly last: number
  /** The first of five nights together that nobody runs. */
  readonly away: number
}

type Draft = Partial<Omit<SeriesOptions, 'events'>> & {
  readonly events?: readonly ToldEvent[]
  readonly provisional?: readonly Provisional[]
  readonly listedFrom?: IsoDate
  /** No split is ever listed. */
  readonly isUnlisted?: true
  /** Sessions between dividends; 0 for none. */
  readonly every?: number
  readonly yield?: number
  readonly dividend?: number
  /** No dividend once the nights have begun. */
  readonly isQuietAtNight?: true
}

/** So many symbols have events of any kind. */
const MIXED = 6

const RATIOS = [
  [2, 1],
  [3, 1],
  [10, 1],
  [20, 1],
  [3, 2],
  [5, 4],
  [103, 100],
  [707, 500],
  [1281, 1000],
  [10027, 10000],
  [1, 2],
  [1, 10],
  [1, 25],
  [1, 150],
] as const

/** An event on the night of its ex date, the night before, or up to nine nights later. */
function drawEvent(random: Random, at: number, on: (at: number) => IsoDate): ToldEvent {
  const exDate = on(at)
  const dice = random()
  const from = on(at + (random() < 0.6 ? 0 : wholeBetween(random, -1, 9)))
  if (dice < 0.45) return { exDate, from, split: oneOf(random, RATIOS) }
  if (dice < 0.6) return { exDate, from, spinOff: 0.7 + random() * 0.27 }
  if (dice < 0.7) return { exDate, from, split: oneOf(random, RATIOS), yield: 0.002 + random() * 0.03 }
  return { exDate, from, yield: 10 ** (-3.5 + random() * 2.5) }
}

const FAR = '9999-12-31' as IsoDate

export function drawCast(random: Random, dates: Dates): Cast {
  const { sessions, start, last, away } = dates
  const on = (at: number): IsoDate => sessions[start + at] ?? FAR
  const critical = new Set<number>()
  const failing: Failing[] = []
  const members: Member[] = []
  const isAway = (at: number) => at >= away && at < away + 5
  /** A night; the one before it and the `length` nights from it on are undisturbed. */
  const draw = (length: number, from = 0): number => {
    for (;;) {
      const at = wholeBetween(random, from, last - length)
      const nights = Array.from({ length: length + 1 }, (_, index) => at - 1 + index)
      if (nights.some(isAway)) continue
      for (const night of nights) critical.add(night)
      return at
    }
  }
  const anywhere = (from = 2) => wholeBetween(random, from, last)
  const series = (draft: Draft, own = sessions): Series =>
    drawSeries(random, {
      sessions: own,
      price: 10 + random() * 290,
      volatility: 0.008 + random() * 0.022,
      shares: 10 ** (5 + random() * 2.5),
      ...draft,
      events: [...dividendsOf(random, draft, dates), ...(draft.events ?? [])].toSorted((a, b) =>
        a.exDate < b.exDate ? -1 : 1,
      ),
    })
  const listed = (draft: Draft, from = sessions[0] ?? FAR): Listing => {
    const { traded, events } = series(draft)
    const listing = { from, traded, events, provisional: draft.provisional ?? [] }
    const listedFrom = draft.isUnlisted ? FAR : draft.listedFrom
    return listedFrom === undefined ? listing : { ...listing, listedFrom }
  }
  const add = (symbol: string, draft: Draft) => members.push({ symbol, listings: [listed(draft)] })
  const quarterly = { every: 63, yield: 0.002 + random() * 0.01 }
  const undisturbed = { every: 63, yield: 0.004, isQuietAtNight: true } as const

  // Splits.
  add('SPLIT', { ...quarterly, events: [{ exDate: on(anywhere()), split: [4, 1] }] })
  const early = anywhere()
  add('EARLY', { ...quarterly, events: [{ exDate: on(early), from: on(early - 1), split: [2, 1] }] })
  const late = draw(4)
  add('LATE', { ...undisturbed, events: [{ exDate: on(late), from: on(late + 2), split: [10, 1] }], price: 800 })
  const later = draw(7)
  add('LATER', { ...undisturbed, events: [{ exDate: on(later), from: on(later + 5), split: [5, 1] }], price: 500 })
  for (const wait of [2, 3, 4]) failing.push({ at: later + wait, symbol: 'LATER', when: 'holding' })
  const weeks = Math.min(37, Math.floor(last / 3))
  const unlisted = wholeBetween(random, 2, last - weeks)
  const unlistedSplit = { exDate: on(unlisted), from: on(unlisted + weeks), split: [3, 1] } as const
  add('UNLISTED', { ...quarterly, events: [unlistedSplit], listedFrom: on(unlisted + weeks), price: 250 })
  add('BOTH', { events: [{ exDate: on(anywhere()), split: [2, 1], yield: 0.012 }], every: 126, yield: 0.01 })
  add('AWAY', {
    events: [
      { exDate: on(away + 1), split: [2, 1] },
      { exDate: on(away + 2), yield: 0.008 },
    ],
  })
  add('REVERSE', { events: [{ exDate: on(anywhere()), split: [1, 8] }], price: 3, volatility: 0.035 })
  add('THREE', { ...quarterly, events: [{ exDate: on(anywhere()), split: [3, 2] }] })
  add('STOCK', { ...quarterly, events: [{ exDate: on(anywhere()), split: [21, 20] }] })
  const odd = wholeBetween(random, 2, last - 7)
  add('ODD', { ...quarterly, events: [{ exDate: on(odd), from: on(odd + 7), split: [1046, 1000] }] })

  // Dividends, and what is left after a spin-off.
  add('TINY', { every: 63, dividend: 0.002, price: 24 })
  add('WEEKLY', { every: 5, yield: 0.0025 })
  add('MONTHLY', { every: 21, yield: 0.006 })
  add('QUARTER', { every: 63, dividend: 0.83, price: 400 })
  add('HALF', { every: 126, yield: 0.02, volatility: 0.008 })
  add('YEARLY', { every: 250, yield: 0.04 })
  add('SPECIAL', { ...quarterly, events: [{ exDate: on(anywhere()), yield: 0.1 }] })
  add('PENNY', { every: 126, dividend: 0.01, price: 0.9 })
  add('FUND', { every: 250, yield: 0.07, isFund: true, price: 30 })
  add('SPIN', { events: [{ exDate: on(anywhere()), spinOff: 0.85 }] })
  const amended = wholeBetween(random, 2, last - 18)
  add('AMEND', {
    events: [
      { exDate: on(amended), until: on(amended + 18), yield: 0.006 },
      { exDate: on(amended), from: on(amended + 18), yield: 0.0072 },
    ],
  })

  // What the vendor gets wrong.
  const bogus = draw(2)
  add('BOGUS', {
    ...undisturbed,
    events: [{ exDate: on(bogus), until: on(bogus + 1), split: [4, 1], isFalse: true }],
  })
  failing.push({ at: bogus, symbol: 'BOGUS', when: 'always' })
  const lostFor = Math.min(15, Math.floor(last / 4))
  const lost = draw(lostFor + 1)
  const oldSplit = sessions[Math.floor(start * 0.7)] ?? FAR
  add('LOST', {
    ...undisturbed,
    events: [
      { exDate: oldSplit, until: on(lost), split: [5, 1] },
      { exDate: oldSplit, from: on(lost + lostFor), split: [5, 1], isFalse: true },
    ],
    price: 400,
  })
  for (let at = lost; at < lost + lostFor; at += 1) failing.push({ at, symbol: 'LOST', when: 'audit' })
  const torn = draw(2)
  add('TORN', { ...undisturbed, events: [{ exDate: on(torn), adjustedFrom: on(torn + 1), split: [2, 1] }] })
  const rent = draw(2)
  add('RENT', {
    ...undisturbed,
    events: [{ exDate: on(rent), from: on(rent + 1), adjustedFrom: on(rent), split: [1, 5] }],
    price: 15,
  })
  const corrected = series(quarterly)
  // About two years ago.
  const old = corrected.traded[start - Math.min(500, Math.floor(start * 0.4)) + wholeBetween(random, 0, 90)]
  const deep: Provisional[] =
    old === undefined
      ? []
      : [
          { date: old.date, until: on(anywhere()), change: withClose(old, cents(old.close * 1.01)) },
          { date: sessions[start - 100] ?? FAR, until: on(anywhere()), change: { volume: 1_234_500 } },
        ]
  members.push({ symbol: 'DEEP', listings: [{ from: sessions[0] ?? FAR, ...corrected, provisional: deep }] })
  add('LATEBAR', {
    ...quarterly,
    provisional: [1, 2, 3]
      .map((nights) => ({ at: anywhere(), nights }))
      .map(({ at, nights }) => ({ date: on(at), until: on(at + nights), change: undefined })),
  })
  const tardy = anywhere()
  add('TARDY', {
    events: [{ exDate: on(tardy), split: [2, 1] }],
    provisional: [{ date: on(tardy), until: on(tardy + 1), change: undefined }],
  })
  add('BARE', {
    ...quarterly,
    provisional: [1, 2].map(() => anywhere()).map((at) => ({ date: on(at), until: on(at + 1), change: 'adjusted' })),
  })
  // A twentieth of the past is lacking on an ex date.
  const thin = draw(2)
  const lacking = sessions.slice(Math.floor(start * 0.6), Math.floor(start * 0.65))
  add('THIN', {
    ...undisturbed,
    events: [{ exDate: on(thin), yield: 0.01 }],
    provisional: lacking.map((date) => ({ date, from: on(thin), until: on(thin + 1), change: undefined })),
  })
  failing.push({ at: thin, symbol: 'THIN', when: 'always' })
  const halted = new Set([anywhere(), anywhere()].map(on))
  add('HALTED', { ...quarterly, sessions: sessions.filter((session) => !halted.has(session)) })
  add('CALM', {})
  add('STEADY', quarterly)
  // Never backfilled.
  add('FRESH', { every: 21, yield: 0.004, events: [{ exDate: on(anywhere(8)), split: [3, 1] }] })

  for (let number = 1; number <= MIXED; number += 1) {
    const ats = new Set([anywhere(), anywhere(), anywhere()])
    add(`MIXED${number}`, {
      events: [...ats].map((at) => drawEvent(random, at, on)),
      every: oneOf(random, [0, 0, 21, 63]),
      yield: 0.001 + random() * 0.01,
      price: 10 ** (0.3 + random() * 2.5),
      volatility: 0.005 + random() * 0.035,
      isUnlisted: true,
    })
  }

  // Symbols that end, change their names or are taken over.
  const ended = anywhere()
  add('ENDED', { ...quarterly, sessions: sessions.slice(0, start + ended) })
  const renamedAt = wholeBetween(random, 2, last - 12)
  const { traded, events } = series(quarterly)
  const common = { traded, events, provisional: [] }
  const nothing = { traded: [], events: [], provisional: [] }
  members.push(
    {
      symbol: 'OLDNAME',
      listings: [
        { from: sessions[0] ?? FAR, ...common },
        { from: on(renamedAt), ...nothing },
      ],
    },
    { symbol: 'NEWNAME', listings: [{ from: on(renamedAt), ...common }] },
  )
  const gap = Math.max(6, Math.min(20, Math.floor(last / 6)))
  const reused = draw(5, gap + 2)
  const accepted = reused + 4
  const first = { from: sessions[0] ?? FAR, ...series({}, sessions.slice(0, start + reused - gap)), provisional: [] }
  const second = {
    from: on(reused),
    ...series({ every: 63, yield: 0.004, isQuietAtNight: true }, sessions.slice(Math.floor(start * 0.4))),
    provisional: [],
  }
  members.push({ symbol: 'REUSED', listings: [first, second] })
  for (let at = reused; at < accepted; at += 1) failing.push({ at, symbol: 'REUSED', when: 'always' })
  return { members, failing, critical, accepts: new Map([[accepted, 'REUSED']]), renamedAt }
}

/** Every so many sessions, from a random one on. */
function dividendsOf(random: Random, draft: Draft, { sessions, start, last }: Dates): readonly ToldEvent[] {
  const { every = 0, dividend, yield: part = 0.003, isQuietAtNight } = draft
  if (every === 0) return []
  const offset = wholeBetween(random, 0, every - 1)
  return sessions
    .slice(0, isQuietAtNight === true ? start : start + last)
    .filter((_, index) => index > 0 && index % every === offset)
    .map((exDate) => (dividend === undefined ? { exDate, yield: part } : { exDate, dividend }))
}

/** The change of a bar to another close. */
export function withClose({ high, low }: TradedBar, close: number): Partial<TradedBar> {
  return { close, high: Math.max(high ?? close, close), low: Math.min(low ?? close, close) }
}
