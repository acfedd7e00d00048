// What a ratio of two rounded prices can have been before rounding, as an interval.

export type Interval = { readonly low: number; readonly high: number }

export type Fraction = { readonly numerator: number; readonly denominator: number }

/** The vendor rounds to two decimals at least, and no double of a price tells more than eight. */
const [MIN_DECIMALS, MAX_DECIMALS] = [2, 8]

/** Half of the last decimal that a price is given with: what rounding can have taken or added. */
export function halfUnit(price: number): number {
  // Nearly all prices have two decimals, and text takes ten times as long.
  if (Math.round(price * 100) / 100 === price) return 0.005
  const [digits = '', exponent = '0'] = String(price).split('e')
  const decimals = (digits.split('.')[1]?.length ?? 0) - Number(exponent)
  return 0.5 * 10 ** -Math.max(MIN_DECIMALS, Math.min(MAX_DECIMALS, decimals))
}

/**
 * The factors that can have made `to` of `from`, both rounded: by `half` at most or, without it, as their decimals tell.
 * Undefined where one is no number above zero. The upper end is infinite where `from` can have been zero.
 */
export function factorsOf(from: unknown, to: unknown, half?: number): Interval | undefined {
  if (typeof from !== 'number' || typeof to !== 'number' || !(from > 0) || !(to > 0)) return undefined
  const [halfFrom, halfTo] = [half ?? halfUnit(from), half ?? halfUnit(to)]
  const high = from > halfFrom ? (to + halfTo) / (from - halfFrom) : Infinity
  return { low: (to - halfTo) / (from + halfFrom), high }
}

/** The common part of two intervals; undefined where they have none. */
export function intersection(a: Interval, b: Interval): Interval | undefined {
  const both = { low: Math.max(a.low, b.low), high: Math.min(a.high, b.high) }
  return both.low <= both.high ? both : undefined
}

export function contains({ low, high }: Interval, value: number): boolean {
  return low <= value && value <= high
}

/** The quotients of any value of `a` and any of `b`. */
export function quotient(a: Interval, b: Interval): Interval {
  return { low: a.low / b.high, high: a.high / b.low }
}

/** One value for an interval: 1 where that is in it, else its geometric middle. */
export function factorIn(interval: Interval): number {
  return contains(interval, 1) ? 1 : Math.sqrt(interval.low * interval.high)
}

/** Splits are told as whole numbers up to this (NYSE: 1281 for 1000; more is no ratio that anybody announced). */
const MAX_TERM = 2_100

/** The fraction with the smallest denominator in an interval (Stern-Brocot); undefined where its terms are too large. */
export function simplestFraction({ low, high }: Interval): Fraction | undefined {
  const floor = Math.floor(low)
  if (!(high >= low) || floor > MAX_TERM) return undefined
  if (floor === low) return { numerator: floor, denominator: 1 }
  if (floor + 1 <= high) return { numerator: floor + 1, denominator: 1 }
  const inner = simplestFraction({ low: 1 / (high - floor), high: 1 / (low - floor) })
  if (inner === undefined) return undefined
  const fraction = { numerator: floor * inner.numerator + inner.denominator, denominator: inner.numerator }
  return Math.max(fraction.numerator, fraction.denominator) <= MAX_TERM ? fraction : undefined
}

/** An interval must be so much narrower than the last decimal of a number in it, for that to be there by more than chance. */
const MIN_NARROWER = 5

/**
 * The number with the fewest decimals in an interval; undefined where the interval is so wide that it would hold one of as
 * many decimals anyway.
 */
export function simplestDecimal({ low, high }: Interval): number | undefined {
  for (let unit = 1; (high - low) * unit * MIN_NARROWER < 1 && unit <= 10 ** MAX_DECIMALS; unit *= 10) {
    const value = Math.round(((low + high) / 2) * unit) / unit
    if (contains({ low, high }, value)) return value
  }
  return undefined
}
