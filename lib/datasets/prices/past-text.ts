// A symbol's past in words.

import type { IsoDate } from '../../core/dates.ts'
import { counted } from '../../core/text.ts'
import type { Past } from './past.ts'
import type { PastStep, RowPair } from './past-steps.ts'

/** `4:1 before 2020-08-31`, `dividend 0.83 before 2026-11-19`; of many steps the newest three. */
export function stepsText(steps: readonly PastStep[]): string {
  const texts = steps.map(({ before, ratio, priceFactor, adjFactor, dividend }) => {
    const parts = [
      priceFactor === 1 ? undefined : (ratio ?? `prices × ${priceFactor.toFixed(6)}`),
      dividend === undefined ? undefined : `dividend ${Number(dividend.toPrecision(3))}`,
    ].filter((part) => part !== undefined)
    return `${parts.length === 0 ? `adjusted close × ${adjFactor.toFixed(6)}` : parts.join(' and ')} before ${before}`
  })
  return texts.length > 3 ? `${texts.slice(0, 3).join(', ')} and ${texts.length - 3} more` : texts.join(', ')
}

/** The newest session that differs, with the closes of both sides. */
export function differenceText({ differing }: Past, pairs: readonly RowPair[]): string {
  const [newest] = differing
  const pair = pairs.find(({ now }) => now.date === newest)
  if (pair === undefined) return 'its rows came differently in two calls'
  const name = pair.stored['close'] === pair.now['close'] ? 'adjClose' : 'close'
  const figures = `${name} of ${pair.now.date} was ${pair.stored[name]} and is ${pair.now[name]} now`
  return `${counted(differing.length, 'session')} differ, ${figures}`
}

/** The cure where a series is held back. */
export function holdHint(symbol: string): string {
  return `Wait for FMP to put it right, or take it as it is with --accept ${symbol}; of a symbol that another company has taken over move its folder away and backfill.`
}

/** How long new sessions have waited. */
export function waitingText(symbol: string, sessions: readonly IsoDate[]): string {
  return `FMP's prices and adjusted closes of ${symbol} are on different bases: ${counted(sessions.length, 'new session')} left for a later run`
}
