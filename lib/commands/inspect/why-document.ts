// The life of a company statement: one symbol and the end of one fiscal period.

import { targetLocation, type StatementName } from '../../core/config.ts'
import { newYorkClock, newYorkInstant, type IsoDate } from '../../core/dates.ts'
import { STATEMENTS } from '../../datasets/datasets.ts'
import {
  nextFetchOf,
  readDocumentCell,
  type DocumentCell,
  type DocumentContext,
} from '../../datasets/statements/cell.ts'
import { createStatement } from '../../datasets/statements/schema.ts'
import { runIdOf } from '../../report/json-schema.ts'
import { WHY_VERSION, type Why } from '../../report/why.ts'
import { stateOf } from '../../report/why-state.ts'
import { cellLife, cellRuns, whyEvent, whyObject, whyRuns } from './cell-runs.ts'
import { commandFor, type Lake } from './look.ts'

type Asked = {
  readonly symbol: string
  readonly date: IsoDate
  readonly dataset: StatementName
  readonly asksFmp: boolean
}

/** Throws an IngestError if the store fails, or FMP when it is asked. */
export async function whyDocument({ symbol, date, dataset: name, asksFmp }: Asked, lake: Lake): Promise<Why> {
  const { store, prices, calendar, asOf, startMs, config } = lake
  const statement = STATEMENTS.find((one) => one.name === name)
  if (statement === undefined) throw new Error('Every name has its statement')
  const dataset = createStatement(statement, { prefix: config.prefix, creator: prices.creator })
  const context = { store, dataset, today: newYorkClock(startMs).date }
  const cell = await readDocumentCell(symbol, date, context)
  const objects = cell.object === undefined ? [] : [cell.object]
  const sinceMs = newYorkInstant(date, '00:00:00')
  const runs = await cellRuns({ symbol, dataset: name, date }, { sinceMs, untilMs: startMs }, store)
  const facts = { symbol, dataset: name, date, objects, askedUntilMs: Infinity }
  const history = cellLife(runs, facts, calendar)
  const footer = cell.object !== undefined && 'footer' in cell.object ? cell.object.footer : undefined
  return {
    schema_version: WHY_VERSION,
    run_id: runIdOf(startMs),
    target: targetLocation(config.target),
    dataset: name,
    symbol,
    date,
    as_of: asOf,
    day: 'period_end',
    finished: null,
    ...stateOf({
      place: cell.place,
      history,
      stored: cell.stored,
      ingest: footer && runIdOf(footer.ingestMs),
      problem: cell.object !== undefined && 'problem' in cell.object ? cell.object.problem : undefined,
      tradesElsewhere: false,
    }),
    objects: objects.map((object) => whyObject(object, runs)),
    winner: footer === undefined ? null : dataset.key(symbol, date),
    winner_reason: footer === undefined ? null : 'a document has one object',
    history: history.map(whyEvent),
    ...whyRuns(runs),
    next: nextOf(cell, context, lake),
    fmp: asksFmp
      ? await (await import('./ask-fmp.ts')).askStatement(symbol, { date, object: cell.object }, dataset, lake)
      : null,
  }
}

function nextOf(cell: DocumentCell, context: DocumentContext, { listed, config }: Lake): Why['next'] {
  const { symbol } = cell.documents
  if (listed !== undefined && !listed.includes(symbol))
    return { on: null, action: 'none', detail: 'the ticker list does not have the symbol: no run asks for it' }
  const { on, isDue } = nextFetchOf(cell, context)
  if (isDue)
    return {
      on,
      action: 'fetch',
      detail: 'it asks FMP for all documents of the symbol, and replaces those that were restated',
    }
  const command = commandFor(['--dataset', context.dataset.name, '--tickers', symbol, '--force'], config)
  return {
    on,
    action: 'fetch',
    detail: `the first that asks again, because no newer document can be there before; now: ${command}`,
  }
}
