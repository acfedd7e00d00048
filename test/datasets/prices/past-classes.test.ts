// How often the verdict leads to the right action, over random series with every class of change: at least as often as in the
// prototype of the rule, whose figures these are (300 series a class).

import { expect, test } from 'bun:test'
import type { Row } from '../../../lib/core/dataset.ts'
import type { PastVerdict } from '../../../lib/core/outcome.ts'
import { COMPARED_SESSIONS } from '../../../lib/datasets/prices/recent-files.ts'
import { comparePast, glanceAt } from '../../../lib/datasets/prices/past.ts'
import {
  asIs,
  between,
  changedPast,
  dividend,
  from,
  joined,
  makeSeries,
  movedClose,
  PRICE_NAMES,
  rounded,
  spinOff,
  split,
  times,
  UNCHANGED,
  withStored,
  type Bases,
  type ChangedPast,
  type Event,
  type Series,
} from '../../support/changed-pasts.ts'
import { oneOf, seededRandom, wholeBetween, type Random } from '../../support/random.ts'

/** The same series in every run: the figures below are theirs. */
const SEEDS = Array.from({ length: 300 }, (_, index) => index + 1)
const SERIES = SEEDS.map((seed) => makeSeries(seededRandom(seed)))

type Action = 'nothing' | 'correct' | 'mend' | 'hold'

const ACTIONS: Readonly<Record<PastVerdict, Action>> = {
  same: 'nothing',
  corrected: 'correct',
  revolumed: 'correct',
  rebased: 'mend',
  readjusted: 'mend',
  restated: 'mend',
  unsettled: 'hold',
  implausible: 'hold',
  other: 'hold',
}

type Act = { readonly action: Action; readonly isLook: boolean }

/** What a night does that compares ten rows, and all of them where those tell that the past has moved. */
function actionOfNight({ pairs, next }: ChangedPast): Act {
  const recent = pairs.slice(0, COMPARED_SESSIONS)
  if (glanceAt(recent, false) === 'look') return { action: actionOfAudit({ pairs, next }), isLook: true }
  return { action: ACTIONS[comparePast(recent, next).verdict], isLook: false }
}

/** What a night does that compares all rows. To correct many of them is to mend. */
function actionOfAudit({ pairs, next }: ChangedPast): Action {
  const { verdict, differing } = comparePast(pairs, next)
  return ACTIONS[verdict] === 'correct' && differing.length > COMPARED_SESSIONS ? 'mend' : ACTIONS[verdict]
}

const RATIOS: readonly (readonly [after: number, before: number])[] = [
  ...[2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25].map((after) => [after, 1] as const),
  ...[4, 5, 8, 10, 15, 20, 25, 30, 50, 100, 150].map((before) => [1, before] as const),
  [3, 2],
  [5, 4],
  [21, 20],
  [103, 100],
  [31, 1_000],
  [2_002, 1_000],
  [10_027_455, 10_000_000],
  [707, 500],
  [729, 1_000],
]

/** Larger than the move of an ordinary day. */
const LARGE_RATIOS = RATIOS.filter(([after, before]) => Math.abs(Math.log(after / before)) >= Math.log(1.2))

const MOST = 1_500

/** `level`: the newest close. */
type Drawn = { readonly event: Event; readonly level: number }

/** A split, and a level at which prices on both bases are `least` and more. */
function drawSplit(random: Random, ratios: typeof RATIOS = LARGE_RATIOS, least = 0.3, most = MOST): Drawn {
  const [after, before] = oneOf(random, ratios)
  return { event: split(after, before), level: between(random, least * Math.max(1, before / after), most) }
}

const drawLevel = (random: Random, least = 0.3) => between(random, least, MOST)
const drawDividend = (random: Random) => dividend(between(random, 0.001, 0.1))

/** A split or a dividend that shows in cents. */
function drawEvent(random: Random): Drawn {
  const drawn = drawSplit(random, LARGE_RATIOS, 2)
  return random() < 0.5 ? drawn : { ...drawn, event: drawDividend(random) }
}

/** An event whose ex date is that of the session after a position; the vendor has applied it since. */
function applied(series: Series, { event, level }: Drawn, at = 1): ChangedPast {
  return changedPast(series, { level, stored: from(at, event.unapplied), now: from(at, event.applied) })
}

function unchanged(random: Random, series: Series, least?: number): ChangedPast {
  return changedPast(series, { level: drawLevel(random, least), stored: asIs, now: asIs })
}

/** One close of these positions corrected by 0.1 to 3 %. */
function withCorrection(random: Random, past: ChangedPast, positions: readonly number[]): ChangedPast {
  const at = oneOf(random, positions)
  const factor = 1 + (random() < 0.5 ? -1 : 1) * between(random, 0.001, 0.03)
  return withStored(past, (row, position) => (position === at ? movedClose(row, factor) : undefined))
}

function withVolumes(past: ChangedPast, change: (position: number) => number): ChangedPast {
  return withStored(past, ({ volume }, position) => ({ volume: Math.round(Number(volume) * change(position)) }))
}

/** The rows that a vendor makes of the stored ones. */
function withNow(past: ChangedPast, change: (row: Row, position: number) => Partial<Row>): ChangedPast {
  const { next, pairs } = past
  return { next, pairs: pairs.map(({ stored }, at) => ({ stored, now: { ...stored, ...change(stored, at) } as Row })) }
}

function scaledRow(row: Row, price: () => number, volume: number): Partial<Row> {
  const prices = [...PRICE_NAMES, 'adjClose'].map((name) => [name, rounded(Number(row[name]) * price(), 2)])
  return { ...(Object.fromEntries(prices) as Partial<Row>), volume: Math.round(Number(row['volume']) * volume) }
}

type Class = {
  readonly action: Action
  /** How many of the 300 the prototype had right. */
  readonly atLeast: number
  /** How many of them on the night itself. */
  readonly atOnce?: number
  /** How many are looked at, where that is certain. */
  readonly looks?: number
  readonly make: (random: Random, series: Series) => ChangedPast
}

const CLASSES: Readonly<Record<string, Class>> = {
  'no change': { action: 'nothing', atLeast: 300, looks: 0, make: unchanged },
  'volumes corrected by up to 5 %': {
    action: 'correct',
    atLeast: 300,
    looks: 0,
    make: (random, series) =>
      withVolumes(unchanged(random, series), (at) => (at === 3 || random() < 0.3 ? 1.001 + random() * 0.049 : 1)),
  },
  'a volume corrected by one share': {
    action: 'correct',
    atLeast: 300,
    looks: 0,
    make: (random, series) =>
      withStored(unchanged(random, series), ({ volume }, at) => ({ volume: Number(volume) + (at === 2 ? 1 : 0) })),
  },
  'all volumes multiplied': {
    action: 'correct',
    atLeast: 300,
    looks: 0,
    make: (random, series) => {
      const factor = oneOf(random, [0.01, 0.1, 0.5, 1.02, 2, 3, 10, 100])
      return withVolumes(unchanged(random, series), () => factor)
    },
  },
  'one bar corrected': {
    action: 'correct',
    atLeast: 300,
    looks: 0,
    make: (random, series) => withCorrection(random, unchanged(random, series, 6), [0, 1, 2, 3, 4, 5, 6]),
  },
  'one bar corrected at the old edge': {
    action: 'correct',
    atLeast: 300,
    looks: 300,
    make: (random, series) => withCorrection(random, unchanged(random, series, 6), [7, 8, 9]),
  },
  split: { action: 'mend', atLeast: 299, make: (random, series) => applied(series, drawSplit(random, RATIOS)) },
  'split, four decimals': {
    action: 'mend',
    atLeast: 300,
    make: (random, series) => {
      const { event, level } = drawSplit(random, RATIOS)
      const [stored, now] = [from(1, event.unapplied), from(1, event.applied)]
      return changedPast(series, { level, stored, now, decimals: 4 })
    },
  },
  'split below a dollar': {
    action: 'mend',
    atLeast: 297,
    make: (random, series) => applied(series, drawSplit(random, RATIOS, 0.3, 1)),
  },
  'split by a vendor that rounds rounded values': {
    action: 'mend',
    atLeast: 298,
    make: (random, series) => {
      const drawn = drawSplit(random, RATIOS)
      const { price } = drawn.event.unapplied
      return withNow(applied(series, drawn), (row) => scaledRow(row, () => 1 / price, price))
    },
  },
  'dividend of 0.0005 to 5': {
    action: 'mend',
    atLeast: 300,
    atOnce: 229,
    make: (random, series) => {
      const level = drawLevel(random, 10)
      return applied(series, { event: dividend(between(random, 0.0005, 5) / level), level })
    },
  },
  'split and dividend on one day': {
    action: 'mend',
    atLeast: 299,
    make: (random, series) => {
      const { event, level } = drawSplit(random)
      return applied(series, { event: joined(event, drawDividend(random)), level })
    },
  },
  'two events between two runs': {
    action: 'mend',
    atLeast: 300,
    make: (random, series) => {
      const { event: older, level } = drawSplit(random, LARGE_RATIOS, 2)
      const newer = random() < 0.5 ? split(2, 1) : drawDividend(random)
      const now: Bases = (at) => (at === 0 ? newer.applied : times(older.applied, newer.applied))
      return changedPast(series, { level, stored: from(1, times(older.unapplied, newer.unapplied)), now })
    },
  },
  'spin-off of 3 to 30 % in prices alone': {
    action: 'mend',
    atLeast: 300,
    make: (random, series) => applied(series, { event: spinOff(0.7 + random() * 0.27), level: drawLevel(random) }),
  },
  'applied 1 to 60 sessions late': {
    action: 'mend',
    atLeast: 300,
    make: (random, series) =>
      applied(series, drawEvent(random), Math.min(1 + wholeBetween(random, 1, 60), series.length - 5)),
  },
  'dividend amended later': {
    action: 'mend',
    atLeast: 300,
    make: (random, series) => {
      const level = drawLevel(random, 5)
      const at = wholeBetween(random, 12, series.length - 5)
      const share = between(random, 0.001, 0.02)
      const { applied: amended } = dividend(share)
      const first = { ...amended, adjusted: (1 - share * (0.5 + random() * 0.4)) / (1 - share) }
      return changedPast(series, { level, stored: from(at, first), now: from(at, amended) })
    },
  },
  'event and corrections in one night': {
    action: 'mend',
    atLeast: 298,
    make: (random, series) => {
      const past = withCorrection(random, applied(series, drawEvent(random)), [0, 1])
      return withVolumes(past, (at) => (at < COMPARED_SESSIONS && random() < 0.3 ? 1 + (random() - 0.5) * 0.01 : 1))
    },
  },
  'bogus split': {
    action: 'hold',
    atLeast: 293,
    make: (random, series) => {
      const { event, level } = drawSplit(random)
      return changedPast(series, { level, stored: asIs, now: from(1, event.unapplied) })
    },
  },
  'split dated two sessions too early': {
    action: 'hold',
    atLeast: 293,
    make: (random, series) => {
      const { event, level } = drawSplit(random)
      const now: Bases = (at) => (at === 1 || at === 2 ? event.unapplied : UNCHANGED)
      return changedPast(series, { level, stored: from(1, event.unapplied), now })
    },
  },
  'old split lost': {
    action: 'hold',
    atLeast: 292,
    make: (random, series) => {
      const { event, level } = drawSplit(random)
      const at = wholeBetween(random, 12, series.length - 5)
      return changedPast(series, { level, stored: asIs, now: from(at, event.unapplied) })
    },
  },
  'endpoints torn, close first': {
    action: 'hold',
    atLeast: 295,
    make: (random, series) => {
      const { event, level } = drawSplit(random)
      const { unapplied } = event
      const now = from(1, { ...UNCHANGED, adjusted: unapplied.adjusted })
      return changedPast(series, { level, stored: from(1, unapplied), now })
    },
  },
  'endpoints torn, adjClose first': {
    action: 'hold',
    atLeast: 232,
    make: (random, series) => {
      const { event, level } = drawSplit(random)
      const { unapplied } = event
      const now = from(1, { ...unapplied, adjusted: 1 })
      return changedPast(series, { level, stored: from(1, unapplied), now })
    },
  },
  'another company’s series': {
    action: 'hold',
    atLeast: 300,
    make: (random, series) => {
      const [ours, theirs] = [unchanged(random, series, 1), unchanged(random, makeSeries(random), 1)]
      const pairs = ours.pairs.slice(0, theirs.pairs.length)
      return withNow({ next: theirs.next, pairs }, (row, at) => ({ ...theirs.pairs[at]?.now, date: row.date }))
    },
  },
  'split applied to a part of the rows': {
    action: 'hold',
    atLeast: 296,
    make: (random, series) => {
      const { event, level } = drawSplit(random)
      const share = 0.6 + random() * 0.3
      const isApplied = series.map(() => random() < share)
      const now: Bases = (at) => (at === 0 || isApplied[at] === true ? UNCHANGED : event.unapplied)
      return changedPast(series, { level, stored: from(1, event.unapplied), now })
    },
  },
  'every bar restated by up to 0.15 %, its volume by 3 %': {
    action: 'mend',
    atLeast: 298,
    make: (random, series) =>
      withNow(unchanged(random, series, 6), (row) =>
        scaledRow(row, () => 1 + (random() - 0.5) * 0.003, 1 + (random() - 0.5) * 0.06),
      ),
  },
}

/** Whether the program does what is right: at once, or by the audit where the night has seen nothing. */
function isRight(past: ChangedPast, night: Act, action: Action): boolean {
  if (night.action !== 'nothing' || action === 'nothing') return night.action === action
  const audit = actionOfAudit(past)
  // A change below half a cent may have changed no row anywhere.
  return audit === action || audit === 'nothing'
}

console.log(`classes of changes: seeds ${SEEDS[0]} to ${SEEDS.at(-1)}`)

test.each(Object.entries(CLASSES))('%s', (_, { action, atLeast, atOnce = 0, looks, make }) => {
  const cases = SERIES.map((series, index) => {
    const seed = SEEDS[index] ?? 0
    const past = make(seededRandom(seed + SERIES.length), series)
    const night = actionOfNight(past)
    return { seed, ...night, isRight: isRight(past, night, action) }
  })
  const wrong = cases.filter((one) => !one.isRight).map(({ seed }) => seed)
  expect(cases.length - wrong.length, `wrong of seeds ${wrong.join(', ')}`).toBeGreaterThanOrEqual(atLeast)
  expect(cases.filter((one) => one.action === action).length).toBeGreaterThanOrEqual(atOnce)
  if (looks !== undefined) expect(cases.filter(({ isLook }) => isLook)).toHaveLength(looks)
})
