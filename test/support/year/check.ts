// What a lake must be at the end of a night and of a year, by its rows and the vendor's alone.

import type { IsoDate } from '../../../lib/core/dates.ts'
import type { Bar } from '../bars.ts'
import type { LakeRow } from './lake.ts'

type Rows = ReadonlyMap<IsoDate, LakeRow>

/** The vendor rounds to cents. */
const UNIT = 0.01
/** A change of base is larger than this wherever rounding does not hide it. */
const TOLERANCE = 0.0005
const NEAR = 15

/** Where the newest rows of a lake take a step that the vendor's rows do not take. */
export function seamOf(rows: Rows, vendor: readonly Bar[]): string | undefined {
  const dates = [...rows.keys()].toSorted().slice(-NEAR)
  const [oldest = ''] = dates
  const truth = new Map(vendor.filter(({ date }) => date >= oldest).map((bar) => [bar.date, bar]))
  for (const name of ['close', 'adjClose'] as const) {
    const ratios = dates.flatMap((date) => {
      const [stored, now] = [rows.get(date)?.[name] ?? 0, truth.get(date)?.[name] ?? 0]
      return stored > 0 && now > 0 ? [{ date, log: Math.log(stored / now), noise: UNIT / now + UNIT / stored }] : []
    })
    const seam = ratios.find(({ log, noise }, index) => {
      const before = ratios[index - 1]
      return before !== undefined && Math.abs(log - before.log) > TOLERANCE + noise + before.noise
    })
    if (seam !== undefined) return `${name} takes a step of ${seam.log} at ${seam.date} that FMP's does not take`
  }
  return undefined
}

/** Factors are measured on rounded values: to so much more than a rounding unit their errors may add up. */
const MAX_UNITS = 1.1

/** Of a volume: two events that came in one night are told apart no better. */
const VOLUME_NOISE = 0.0005

const NAMES = ['open', 'high', 'low', 'close', 'adjClose', 'volume'] as const

/** A symbol at the end: what is stored, what the vendor has, and from when on its plan serves that. */
export type End = {
  readonly rows: Rows
  readonly vendor: readonly Bar[]
  readonly served: IsoDate
  /** What FMP had when it was stored first, if another company has taken the symbol over since: that stays where FMP lacks rows. */
  readonly first: readonly Bar[]
  /** By what splits have multiplied the prices since they were lowest, and the volumes since they were. */
  readonly growth: { readonly price: number; readonly volume: number }
}

/**
 * The stored rows that are not the vendor's. Those that its plan serves no more were carried over: they may be off by the
 * unit to which they were rounded when they were stored, which splits have multiplied since.
 */
export function differencesOf({ rows, vendor, served, first, growth }: End): readonly string[] {
  const oldest = [...rows.keys()].toSorted()[0] ?? served
  const before = new Map(first.map((bar) => [bar.date, bar]))
  const lacking = vendor.filter(({ date }) => date >= served && date >= oldest && !rows.has(date))
  const truth = new Map(vendor.map((bar) => [bar.date, bar]))
  const differing = [...rows.values()].flatMap((row) => {
    const bar = truth.get(row.date)
    const old = before.get(row.date)
    if ((bar === undefined || row.date < served) && old !== undefined && isEqual(row, old)) return []
    if (bar === undefined) return [`${row.date}: FMP never had it`]
    if (row.date >= served) return isEqual(row, bar) ? [] : [`${row.date}: ${text(row)} is ${text(bar)} at FMP`]
    const isNear = NAMES.every((name) => {
      const now = bar[name] ?? 0
      const unit = name === 'volume' ? Math.max(growth.volume, now * VOLUME_NOISE) : UNIT * growth.price * MAX_UNITS
      return Math.abs((row[name] ?? 0) - now) <= unit
    })
    return isNear ? [] : [`${row.date}: ${text(row)} is ${text(bar)} at FMP, carried over`]
  })
  return [...lacking.map(({ date }) => `${date}: lacking`), ...differing]
}

function isEqual(a: Bar, b: Bar): boolean {
  return NAMES.every((name) => a[name] === b[name])
}

function text(bar: Bar): string {
  return NAMES.map((name) => bar[name]).join(' ')
}
