// Checks the rows of any dataset: sorts raw rows into valid rows and rejects, and words the warnings about both.

import { primaryKeyOf, type Dataset, type RawRow, type Row } from '../core/dataset.ts'
import { IngestError } from '../core/errors.ts'
import type { Reject } from '../core/outcome.ts'
import { counted, grouped } from '../core/text.ts'

/** A valid row, the soft rules that it broke, and the row as the vendor sent it. */
type GoodRow = { readonly row: Row; readonly suspicions: readonly string[]; readonly raw: RawRow }

export type CheckedRows = {
  /** One row per primary key, in the order of the first row of each key. */
  readonly good: readonly GoodRow[]
  readonly rejects: readonly Reject[]
  readonly unknownFields: readonly string[]
}

/**
 * Checks raw rows by the hard rules. Of several valid rows with one primary key, the newest wins and the others are rejects.
 * The newest is the last one, unless the dataset says otherwise.
 * Throws an IngestError of the symbol if no row has some required field.
 */
export function checkRows(dataset: Dataset, raw: readonly RawRow[], symbol: string): CheckedRows {
  requireFields(dataset, raw, symbol)
  const good = new Map<string, GoodRow>()
  const rejects: Reject[] = []
  const reject = (row: RawRow, reason: string) => {
    const date = typeof row['date'] === 'string' ? row['date'] : null
    rejects.push({ symbol, dataset: dataset.name, date, reason, row })
  }
  for (const candidate of raw) {
    const checked = dataset.check(symbol, candidate)
    if ('reason' in checked) {
      reject(candidate, checked.reason)
      continue
    }
    const primaryKey = primaryKeyOf(dataset, checked.row)
    const before = good.get(primaryKey)
    const isNewer = before === undefined || (dataset.isNewer?.(checked.row, before.row) ?? true)
    const [kept, left] = isNewer ? [{ ...checked, raw: candidate }, before?.raw] : [before, candidate]
    good.set(primaryKey, kept)
    if (left !== undefined)
      reject(
        left,
        `a ${dataset.isNewer === undefined ? 'later' : 'newer'} row has the same ${dataset.primaryKey.join(' and ')}`,
      )
  }
  return { good: [...good.values()], rejects, unknownFields: unknownFieldsOf(dataset, raw) }
}

function requireFields(dataset: Dataset, raw: readonly RawRow[], symbol: string): void {
  if (raw.length === 0) return
  const missing = ['symbol', 'date', ...dataset.requiredFields].filter((field) =>
    raw.every((row) => row[field] === undefined),
  )
  if (missing.length === 0) return
  throw new IngestError(
    `None of FMP's ${grouped(raw.length)} rows of ${dataset.name} for ${symbol} has the field ${missing.join(', ')}`,
    {
      kind: 'payload',
      scope: 'symbol',
      hint: 'FMP may have changed its API; nothing was stored for this symbol.',
    },
  )
}

function unknownFieldsOf(dataset: Dataset, raw: readonly RawRow[]): readonly string[] {
  const names = new Set(raw.flatMap((row) => Object.keys(row)))
  return [...names].filter((name) => !dataset.knownFields.has(name)).toSorted()
}

/** The rejects, the number of rows that broke a soft rule (suspects), and the first such rule with its row's date. */
export type RowFindings = {
  readonly rejects: readonly Reject[]
  readonly suspects: number
  readonly firstSuspicion: string | undefined
}

/** The warnings about rejects and suspects. */
export function rowWarnings({ rejects, suspects, firstSuspicion }: RowFindings): readonly string[] {
  const [first] = rejects
  const of = typeof first?.date === 'string' ? ` (${first.date})` : ''
  const rejectsText = first && `${counted(rejects.length, 'row')} rejected, the first${of}: ${first.reason}.`
  const suspectsText = `${counted(suspects, 'row')} stored that look${suspects === 1 ? 's' : ''} wrong, the first is ${firstSuspicion}.`
  return [rejectsText, suspects > 0 ? suspectsText : undefined].filter((text) => text !== undefined)
}

/** The error of a symbol none of whose `received` rows can be stored. `title` names the dataset, unless it is prices. */
export function noValidRowsError(received: number, rejects: readonly Reject[], title?: string): IngestError {
  const reason = rejects[0] === undefined ? 'all lie outside the dates asked for' : `the first: ${rejects[0].reason}`
  return new IngestError(
    `No valid data after validation: ${counted(received, 'row')}${title === undefined ? '' : ` of ${title}`} received, ${grouped(rejects.length)} rejected, ${reason}`,
    {
      kind: 'validation',
      scope: 'symbol',
      hint: rejects.length > 0 ? 'The rejects file beside the metrics holds the rows.' : undefined,
    },
  )
}
