// Symbols of other exchanges than New York's, whose calendar the program has, and the days on which only those may trade.

import type { Calendar } from '../../core/calendar.ts'
import { addDays, dayNumber, laterOf, type DateRange, type IsoDate } from '../../core/dates.ts'

/** Suffixes after a dot that a symbol of New York may have: units, warrants, rights, and shares when issued. */
const NEW_YORK_SUFFIXES: ReadonlySet<string> = new Set(['U', 'UN', 'WS', 'WT', 'W', 'R', 'RT', 'WI'])

/** The currencies in which the vendor quotes pairs (`EURUSD`, `BTCEUR`). */
const CURRENCIES = 'USD|EUR|GBP|JPY|CHF|CAD|AUD|NZD|CNY|HKD|SGD|SEK|NOK|DKK|MXN|ZAR|INR|BRL|TRY|KRW|PLN|ILS|THB|TWD'

/** Currencies and crypto (`EURUSD`), commodities (`GCUSD`), futures (`GC=F`): no US share has such a symbol. */
const PAIR = new RegExp(String.raw`^(?:[A-Z0-9]{3,}-?(?:${CURRENCIES})|[A-Z0-9]{2}USD|.*=.*)$`)

/**
 * Whether a symbol trades on other days than New York's sessions: its suffix names another exchange (`VOD.L`, `7203.T`), or
 * it is a pair of currencies, a coin or a commodity. An index (`^FTSE`) shows nothing of its exchange and counts as New York's.
 */
export function tradesElsewhere(symbol: string): boolean {
  const suffix = /\.([A-Z0-9]+)$/.exec(symbol)?.[1]
  return suffix === undefined ? PAIR.test(symbol) : !NEW_YORK_SUFFIXES.has(suffix)
}

/** The spans, each from the day after the session before it: another exchange may have traded on the days between. */
export function withClosedDays(
  spans: readonly DateRange[],
  range: DateRange,
  calendar: Calendar,
): readonly DateRange[] {
  return spans.map(({ from, to }) => {
    // Of the calendar's first session there is none before it.
    const before = calendar.sessionsBack(addDays(from, -1), 1)
    return { from: before < from ? laterOf(range.from, addDays(before, 1)) : from, to }
  })
}

/** The days of a window on which the calendar's market is closed. */
export function closedDaysIn({ from, to }: DateRange, calendar: Calendar): readonly IsoDate[] {
  const days = Array.from({ length: dayNumber(to) - dayNumber(from) + 1 }, (_, index) => addDays(from, index))
  return days.filter((day) => !calendar.isSession(day))
}
