// The life of a price: one symbol and one date.

import { finishedMs } from '../../core/calendar.ts'
import { targetLocation } from '../../core/config.ts'
import { addDays, newYorkInstant, type IsoDate } from '../../core/dates.ts'
import { holdsCell } from '../../datasets/cell.ts'
import { listSymbolFiles, type SymbolFiles } from '../../datasets/inventory.ts'
import { createAudit } from '../../datasets/prices/audit.ts'
import { readPriceCell, type PriceCell } from '../../datasets/prices/cell.ts'
import { nextRunOn, type NextRun } from '../../datasets/prices/next-run.ts'
import type { SessionDataset } from '../../datasets/prices/schema.ts'
import { runIdOf } from '../../report/json-schema.ts'
import { WHY_VERSION, type Why } from '../../report/why.ts'
import { stateOf } from '../../report/why-state.ts'
import { cellLife, cellRuns, whyEvent, whyObject, whyRuns } from './cell-runs.ts'
import { commandFor, LOOKBACK, nightlyPeriod, symbolsOf, type Lake } from './look.ts'

type Asked = { readonly symbol: string; readonly date: IsoDate; readonly asksFmp: boolean }

/** Throws an IngestError if the store fails, or FMP when it is asked. */
export async function whyPrice({ symbol, date, asksFmp }: Asked, lake: Lake): Promise<Why> {
  const { store, prices, calendar, asOf, startMs, config } = lake
  const files = await listSymbolFiles(symbol, { store, dataset: prices })
  const cell = await readPriceCell(files, date, { store, dataset: prices, calendar, asOf })
  const isSession = calendar.isSession(date)
  // A bar of another exchange may be there from the day's first hour on.
  const sinceMs = isSession ? finishedMs(date) : newYorkInstant(date, '00:00:00')
  const runs = await cellRuns({ symbol, dataset: 'prices', date }, { sinceMs, untilMs: startMs }, store)
  const askedUntilMs = isSession || cell.tradesElsewhere ? lastAskedMs(date, lake) : undefined
  const facts = { symbol, dataset: 'prices', date, objects: cell.objects, askedUntilMs }
  const history = cellLife(runs, facts, calendar)
  const { winner } = cell
  const state = stateOf({
    place: cell.place,
    history,
    stored: cell.stored,
    ingest: winner && runIdOf(winner.footer.ingestMs),
    problem: cell.objects.flatMap((object) => ('problem' in object ? [object.problem] : []))[0],
    tradesElsewhere: cell.tradesElsewhere,
  })
  return {
    schema_version: WHY_VERSION,
    run_id: runIdOf(startMs),
    target: targetLocation(config.target),
    dataset: 'prices',
    symbol,
    date,
    as_of: asOf,
    day: isSession ? 'session' : dayOff(date),
    finished: isSession ? runIdOf(finishedMs(date)) : null,
    ...state,
    objects: cell.objects.map((object) => whyObject(object, runs)),
    winner: winner?.file.key ?? null,
    winner_reason: winner === undefined ? null : winnerText(cell),
    history: history.map(whyEvent),
    ...whyRuns(runs),
    next: await nextOf({ files, cell, date, isHeld: state.state === 'held' }, lake),
    fmp: asksFmp ? await (await import('./ask-fmp.ts')).askPrice(symbol, date, lake) : null,
  }
}

function dayOff(date: IsoDate): 'weekend' | 'holiday' {
  return [0, 6].includes(new Date(date).getUTCDay()) ? 'weekend' : 'holiday'
}

function winnerText({ objects }: PriceCell): string {
  return objects.filter(holdsCell).length === 1
    ? 'the only one that holds it'
    : 'of both the one with the greater ingest_ts'
}

/** Until the fifth session after it nightly runs ask for a session, by their lookback. */
function lastAskedMs(date: IsoDate, { calendar }: Lake): number {
  const last = calendar.nthSessionAfter(date, LOOKBACK)
  return last === undefined ? Infinity : newYorkInstant(addDays(last, 1), '00:00:00')
}

type Cell = {
  readonly files: SymbolFiles<SessionDataset>
  readonly cell: PriceCell
  readonly date: IsoDate
  readonly isHeld: boolean
}

async function nextOf({ files, cell, date, isHeld }: Cell, lake: Lake): Promise<Why['next']> {
  const { store, prices, calendar, startMs, asOf, listed, config } = lake
  const { symbol } = files
  if (listed !== undefined && !listed.includes(symbol))
    return { on: null, action: 'none', detail: 'the ticker list does not have the symbol: no run asks for it' }
  const isSession = calendar.isSession(date)
  if (isSession && date > asOf) return futureText(date)
  const isStored = cell.winner !== undefined
  if (!isSession && !isStored && !cell.tradesElsewhere)
    return { on: null, action: 'none', detail: 'no run asks for a day without a session' }
  const symbols = await symbolsOf(lake)
  const run = await nextRunOn(files, date, {
    store,
    dataset: prices,
    calendar,
    nowMs: startMs,
    periodAt: (nowMs) => nightlyPeriod(lake, nowMs),
    audit: createAudit(symbols.length, undefined, calendar),
  })
  if (run === undefined || run.role === 'none') {
    const days = ['--from-date', date, '--to-date', date, '--tickers', symbol]
    const command = commandFor(isStored ? [...days, '--force'] : days, config)
    return { on: null, action: 'none', detail: `it does not look at the day; to ask FMP for it: ${command}` }
  }
  return { on: run.on, action: run.role, detail: roleText(run, { isStored, isHeld }) }
}

type Shown = { readonly isStored: boolean; readonly isHeld: boolean }

function futureText(date: IsoDate): Why['next'] {
  return { on: addDays(date, 1), action: 'fetch', detail: 'it asks FMP for the session, which is finished then' }
}

function roleText({ role, isAudited }: NextRun, { isStored, isHeld }: Shown): string {
  const covered = isAudited ? "in the symbol's turn to be compared wholly" : 'with the last stored sessions'
  const texts = {
    fetch: `it asks FMP for the session and stores it${isHeld ? ', unless it is held back again' : ''}`,
    along: 'it stores the session if FMP has it by then, along with newer ones',
    compare: isStored
      ? `it compares the row with FMP's, ${covered}`
      : 'its call covers the day, of which nothing is stored: it writes nothing of it',
    none: 'it does not look at it',
  }
  return texts[role]
}
