// What FMP has now of one cell, for `ingest why --ask`.

import type { Ask } from '../../core/dataset.ts'
import type { IsoDate } from '../../core/dates.ts'
import { IngestError } from '../../core/errors.ts'
import { counted } from '../../core/text.ts'
import type { CellObject } from '../../datasets/cell.ts'
import { askPriceCell } from '../../datasets/prices/ask-cell.ts'
import { askDocument } from '../../datasets/statements/cell.ts'
import type { DocumentDataset } from '../../datasets/statements/schema.ts'
import type { Why } from '../../report/why.ts'
import { openVendor } from '../vendor.ts'
import type { Lake } from './look.ts'

/** The rows of a price, and the verdict on what is stored around it. */
export async function askPrice(symbol: string, date: IsoDate, lake: Lake): Promise<Why['fmp']> {
  const { store, prices, asOf } = lake
  const { call, calls } = connect(symbol, lake)
  const { row, reject, differs, verdict, steps, window, comparedSessions } = await askPriceCell(
    symbol,
    { date, asOf },
    { store, dataset: prices },
    call,
  )
  const compared =
    comparedSessions === 0 ? 'nothing compared' : `${counted(comparedSessions, 'stored session')} compared`
  return {
    rows: row === undefined ? [] : [row],
    problem: reject?.reason ?? null,
    differs: differs ?? null,
    verdict: verdict ?? null,
    detail: `asked for ${window.from} to ${window.to}, ${compared}${steps === '' ? '' : `: ${steps}`}`,
    calls: calls(),
  }
}

/** The rows of a document. */
export async function askStatement(
  symbol: string,
  cell: { readonly date: IsoDate; readonly object: CellObject | undefined },
  dataset: DocumentDataset,
  lake: Lake,
): Promise<Why['fmp']> {
  const { call, calls } = connect(symbol, lake)
  const { rows, problem, differs, span } = await askDocument(symbol, cell, { dataset, onNote: lake.warn }, call)
  return {
    rows,
    problem: problem ?? null,
    differs: differs ?? null,
    verdict: differs === undefined ? null : differs ? 'restated' : 'same',
    detail: span === undefined ? 'FMP sent nothing' : `FMP sent ${span.from} to ${span.to}`,
    calls: calls(),
  }
}

/** A connection that makes calls for one symbol, and counts them. */
function connect(symbol: string, { config, effects, process, redact, store, warn }: Lake) {
  const { vendor } = config
  if (vendor === undefined) throw new Error('A command that asks FMP has the settings for it')
  const fmp = openVendor({ ...vendor, store, process, maxCalls: undefined, redact, onNote: warn }, effects)
  const call = async (ask: Ask) => {
    const reservation = fmp.reserve(symbol, 1)
    if (reservation instanceof IngestError) throw reservation
    return await fmp.fetchRows(ask, reservation)
  }
  return { call, calls: () => fmp.stats().calls }
}
