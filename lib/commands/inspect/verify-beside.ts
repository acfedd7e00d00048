// What is wrong with a symbol beside the others of the lake: it is behind them, or was never compared with FMP.

import { laterOf, type IsoDate } from '../../core/dates.ts'
import type { Finding } from '../../core/findings.ts'
import { isPart } from '../../core/shard.ts'
import { counted } from '../../core/text.ts'
import type { Lake } from './look.ts'
import type { Walk, WalkedSymbol } from './verify-walk.ts'

/** A bar may come late: only after so many sessions FMP is believed to have none. */
const LATE_BAR_SESSIONS = 5

/** Whether FMP was asked for sessions long after the newest stored one, and had none. */
export function hasEnded(through: IsoDate, symbol: string, { calendar }: Lake, { history }: Walk): boolean {
  const { asked } = history.of(symbol)
  return asked !== undefined && asked.through <= through && isLongAfter(asked.upTo, through, calendar)
}

function isLongAfter(date: IsoDate, through: IsoDate, calendar: Lake['calendar']): boolean {
  const late = calendar.nthSessionAfter(through, LATE_BAR_SESSIONS)
  return late !== undefined && date >= late
}

/** The newest session that any symbol has; of the symbols of other shards what the runs tell. */
export function newestOf(
  symbols: readonly WalkedSymbol[],
  { calendar, config }: Lake,
  walk: Walk,
): IsoDate | undefined {
  const told = isPart(config.shard) ? (walk.history.newestStored ?? []) : []
  const newest = symbols
    .flatMap(({ through }) => through ?? [])
    .concat(told)
    .reduce<IsoDate | undefined>((a, b) => laterOf(a ?? b, b), undefined)
  return newest && calendar.sessionsBack(newest, 1)
}

/** What is wrong with a symbol beside the others. */
export function findingsOfSymbol(
  symbol: WalkedSymbol,
  newest: IsoDate | undefined,
  lake: Lake,
  walk: Walk,
): readonly Finding[] {
  const { symbol: name, files } = symbol
  if (files.year + files.day === 0) {
    if (lake.listed === undefined || walk.range !== undefined) return []
    const words = ['--tickers', name, '--backfill', '--backfill-days', '1825']
    return [
      { kind: 'listed_without_files', symbol: name, detail: 'is in the ticker list and has no file', cure: { words } },
    ]
  }
  const stale = staleFinding(symbol, newest, lake)
  if (stale !== undefined) return [stale]
  return isNeverCompared(symbol, lake, walk) ? [neverCompared(name)] : []
}

function staleFinding(
  { symbol, tradesElsewhere, knownThrough, askedThrough }: WalkedSymbol,
  newest: IsoDate | undefined,
  { calendar }: Lake,
): Finding | undefined {
  if (knownThrough === undefined || newest === undefined) return undefined
  const behind = calendar.sessions({ from: knownThrough, to: newest }).filter((date) => date > knownThrough).length
  // Another exchange may have been closed.
  if (behind <= (tradesElsewhere ? LATE_BAR_SESSIONS : 0)) return undefined
  if (askedThrough !== undefined && (askedThrough >= newest || isLongAfter(askedThrough, knownThrough, calendar)))
    return undefined
  const detail = `ends ${counted(behind, 'session')} before the newest of the lake, ${newest}`
  return { kind: 'stale_symbol', symbol, date: knownThrough, detail, cure: { words: ['--tickers', symbol] } }
}

/** Whether rows are older than the runs that are known of, and none of these compared all of them. */
function isNeverCompared({ symbol, oldestIngestMs, through }: WalkedSymbol, lake: Lake, walk: Walk): boolean {
  const { history, sinceMs } = walk
  const isOld = oldestIngestMs !== undefined && oldestIngestMs < sinceMs
  if (!history.isLongEnough || !isOld || history.of(symbol).comparedMs !== undefined) return false
  return through !== undefined && !hasEnded(through, symbol, lake, walk)
}

function neverCompared(symbol: string): Finding {
  const detail = 'no run of the last 40 sessions compared all of its rows with FMP'
  return { kind: 'never_compared', symbol, detail, cure: { words: ['--tickers', symbol, '--audit', '1'] } }
}
