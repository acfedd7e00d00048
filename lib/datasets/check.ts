// The hard rules of any dataset: raw rows to good rows and rejects, and what is said of bad and doubtful ones.

import { identityOf, type Dataset, type RawRow, type Row } from '../core/dataset.ts'
import { IngestError } from '../core/errors.ts'
import type { Reject } from '../core/outcome.ts'
import { counted } from '../core/text.ts'

/** A good row, the soft rules it broke, and what the vendor sent. */
type Good = { readonly row: Row; readonly suspicions: readonly string[]; readonly raw: RawRow }

export type CheckedRows = {
  /** One for each identity, in the order of their first rows. */
  readonly good: readonly Good[]
  readonly rejects: readonly Reject[]
  readonly unknownFields: readonly string[]
}

/**
 * The hard rules of any dataset. Of several good rows of one identity the last wins and the others are rejects. Throws an
 * IngestError of the symbol when a required field is in no row.
 */
export function checkRows(dataset: Dataset, raw: readonly RawRow[], symbol: string): CheckedRows {
  refuseMissingFields(dataset, raw, symbol)
  const good = new Map<string, Good>()
  const rejects: Reject[] = []
  const reject = (row: RawRow, reason: string) => {
    const date = typeof row['date'] === 'string' ? row['date'] : null
    rejects.push({ symbol, dataset: dataset.name, date, reason, row })
  }
  for (const candidate of raw) {
    const verdict = dataset.check(symbol, candidate)
    if ('reason' in verdict) {
      reject(candidate, verdict.reason)
      continue
    }
    const identity = identityOf(dataset, verdict.row)
    const earlier = good.get(identity)
    if (earlier !== undefined) reject(earlier.raw, `a later row has the same ${dataset.identity.join(' and ')}`)
    good.set(identity, { ...verdict, raw: candidate })
  }
  return { good: [...good.values()], rejects, unknownFields: unknownFieldsOf(dataset, raw) }
}

function refuseMissingFields(dataset: Dataset, raw: readonly RawRow[], symbol: string): void {
  if (raw.length === 0) return
  const missing = ['symbol', 'date', ...dataset.requiredFields].filter((field) =>
    raw.every((row) => row[field] === undefined),
  )
  if (missing.length === 0) return
  throw new IngestError(
    `None of FMP's ${raw.length} rows of ${dataset.name} for ${symbol} has the field ${missing.join(', ')}`,
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

/** Bad and doubtful rows: the rejects, how many rows broke a soft rule, and the first such rule with its row's date. */
export type RowFindings = {
  readonly rejects: readonly Reject[]
  readonly suspects: number
  readonly firstSuspicion: string | undefined
}

/** What is to be said of bad and doubtful rows of any dataset. */
export function rowWarnings({ rejects, suspects, firstSuspicion }: RowFindings): readonly string[] {
  const [first] = rejects
  const rejected = first && `${counted(rejects.length, 'row')} rejected, the first (${first.date}): ${first.reason}.`
  const doubtful = `${counted(suspects, 'row')} stored that look wrong, the first is ${firstSuspicion}.`
  return [rejected, suspects > 0 ? doubtful : undefined].filter((text) => text !== undefined)
}

/** The error of a symbol of whose `received` rows not one is any good; `title` is what they are rows of, if not prices. */
export function nothingValid(received: number, rejects: readonly Reject[], title?: string): IngestError {
  const reason = rejects[0] === undefined ? 'all lie outside the dates asked for' : `the first: ${rejects[0].reason}`
  return new IngestError(
    `No valid data after validation: ${counted(received, 'row')}${title === undefined ? '' : ` of ${title}`} received, ${rejects.length} rejected, ${reason}`,
    {
      kind: 'validation',
      scope: 'symbol',
      hint: rejects.length > 0 ? 'The rejects file beside the metrics holds the rows.' : undefined,
    },
  )
}
