// By what stored rows are multiplied that the vendor no longer has: by what the oldest rows are that it has. Where a mend was
// interrupted between a year of such rows alone and the year of those oldest rows, the footer of the first tells of it.

import type { Row } from '../../core/dataset.ts'
import type { IsoDate } from '../../core/dates.ts'
import type { Footer } from '../../parquet/parquet.ts'
import type { PastStep } from './past-steps.ts'

export type Multipliers = { readonly price: number; readonly adjClose: number; readonly volume: number }

/** What is carried by the steps after a date, of rows on the base of the stored rows beside them. */
export function multipliersAt(date: IsoDate, steps: readonly PastStep[]): Multipliers {
  return steps
    .filter(({ before }) => date < before)
    .reduce<Multipliers>(
      ({ price, adjClose, volume }, { exactFactor, exactAdjFactor, isSplit }) => ({
        price: price * exactFactor,
        adjClose: adjClose * exactAdjFactor,
        volume: isSplit ? volume / exactFactor : volume,
      }),
      { price: 1, adjClose: 1, volume: 1 },
    )
}

/** A row on the base of the vendor's rows now, unrounded but for the volume. */
export function multiplied(row: Row, { price, adjClose, volume }: Multipliers): Row {
  const times = (name: string, factor: number) => {
    const value = row[name]
    return typeof value === 'number' ? value * factor : (value ?? null)
  }
  return {
    ...row,
    open: times('open', price),
    high: times('high', price),
    low: times('low', price),
    close: times('close', price),
    adjClose: times('adjClose', adjClose),
    volume: typeof row['volume'] === 'number' ? Math.round(row['volume'] * volume) : null,
  }
}

/** What is left to multiply by after `done`. */
export function remaining(all: Multipliers, done: Multipliers): Multipliers {
  return { price: all.price / done.price, adjClose: all.adjClose / done.adjClose, volume: all.volume / done.volume }
}

/** The mark in the footer of a year without a row of the vendor's. `beside` is the oldest year of the mend that has some. */
export function markOf({ price, adjClose, volume }: Multipliers, beside: number): string {
  return `price=${price} adjClose=${adjClose} volume=${volume} beside=${beside}`
}

const MARK = /^price=([^ ]+) adjClose=([^ ]+) volume=([^ ]+) beside=(\d{4})$/

/**
 * What the file of a year was multiplied by in a mend that did not reach the year beside it, whose rows are on the base before
 * the mend still. Undefined for a mend that did, and where nothing is marked.
 */
export function interruptedBy(
  year: number,
  files: ReadonlyMap<number, { readonly footer: Footer }>,
): Multipliers | undefined {
  const footer = files.get(year)?.footer
  const [, price, adjClose, volume, beside] = MARK.exec(footer?.carriedBy ?? '') ?? []
  if (footer === undefined || beside === undefined) return undefined
  const other = files.get(Number(beside))?.footer
  if (other !== undefined && other.ingestMs >= footer.ingestMs) return undefined
  const done = { price: Number(price), adjClose: Number(adjClose), volume: Number(volume) }
  return Object.values(done).every((factor) => factor > 0) ? done : undefined
}
