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
  const truth = new Map(vendor.map((bar) => [bar.date, bar]))
  const dates = [...rows.keys()].toSorted().slice(-NEAR)
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

const NAMES = ['open', 'high', 'low', 'close', 'adjClose', 'volume'] as const

/** A symbol at the end: what is stored, what the vendor has now and had when it was stored first, and what its plan serves. */
export type End = {
  readonly rows: Rows
  readonly vendor: readonly Bar[]
  readonly first: readonly Bar[]
  readonly served: IsoDate
  /** Another company has taken the symbol over: what FMP does not serve of it stays as it was stored first. */
  readonly isReused: boolean
}

/**
 * The stored rows that are not the vendor's. Those that its plan serves no more were carried over: they may be off by the
 * unit to which they were rounded when they were stored, which a reverse split has multiplied since.
 */
export function differencesOf({ isReused, ...end }: End): readonly string[] {
  const { vendor, first, served } = end
  if (!isReused) return differingRows(end)
  const own = vendor[0]?.date ?? served
  const [from, isOld] = [own > served ? own : served, (bar: Bar) => bar.date < own || bar.date < served]
  const old = first.filter(isOld)
  return [
    ...differingRows({ ...end, vendor: vendor.filter(({ date }) => date >= from) }),
    ...differingRows({ ...end, vendor: old, first: old, served: old[0]?.date ?? served }),
  ]
}

function differingRows({ rows, vendor, first, served }: Omit<End, 'isReused'>): readonly string[] {
  const before = new Map(first.map((bar) => [bar.date, bar]))
  const oldest = [...rows.keys()].toSorted()[0] ?? served
  return vendor.flatMap((bar) => {
    const row = rows.get(bar.date)
    if (row === undefined) return bar.date >= served && bar.date >= oldest ? [`${bar.date}: lacking`] : []
    return NAMES.flatMap((name) => {
      const [stored, now] = [row[name] ?? 0, bar[name] ?? 0]
      const growth = Math.max(1, now / (before.get(bar.date)?.[name] || now || 1))
      const unit = growth * (name === 'volume' ? 1 : UNIT) * MAX_UNITS
      const isEqual = bar.date >= served ? row[name] === bar[name] : Math.abs(stored - now) <= unit
      const carried = bar.date >= served ? '' : `, carried: ${Math.abs(stored - now) / unit} units`
      return isEqual ? [] : [`${bar.date}: ${name} ${row[name]} is ${bar[name]} at FMP${carried}`]
    })
  })
}
