// What all company statements have in common. One row is one fiscal period, and one file (a document) holds the rows of one
// period end: a fourth quarter and its full year end on the same date and share a file.

import * as v from 'valibot'
import { parseIsoDate, type IsoDate } from '../../core/dates.ts'
import { type ReportPeriod, type StatementName, CREATOR } from '../../core/config.ts'
import { statementDate } from '../fields.ts'
import {
  INGEST_TS,
  type Ask,
  type Column,
  type Dataset,
  type FilePartition,
  type RawRow,
  type Row,
  type RowCheck,
} from '../../core/dataset.ts'
import { hiveValue } from '../keys.ts'
import { whereTrue } from '../../core/text.ts'
import {
  readAcceptedDate,
  readAmount,
  readCik,
  readDate,
  readFiscalYear,
  readSideFields,
  readText,
  type FieldReader,
} from './side-fields.ts'

/** A dataset of dated documents. A call is not limited to dates: the vendor sends the newest documents first. */
export interface DocumentDataset extends Dataset {
  /** The name of its documents in messages, in the plural. */
  readonly title: string
  /** The call for the newest `limit` rows of a period. */
  ask(symbol: string, period: ReportPeriod, limit: number): Ask
  key(symbol: string, date: IsoDate): string
  partitionOf(symbol: string, key: string): Extract<FilePartition, { kind: 'document' }> | undefined
}

/** What one statement does not share with the others. */
export type Statement = {
  /** Its name in `--dataset` and in keys. */
  readonly name: StatementName
  /** Its name in messages, in the plural. */
  readonly title: string
  /** The last segment of its API path, the same in both APIs. */
  readonly path: string
  /** The names of its amounts, in the order in which FMP sends them. */
  readonly amounts: readonly string[]
  /** From v3's names to these names, where they differ. */
  readonly v3Names: Readonly<Record<string, string>>
  /** Further fields of v3 without a counterpart in the stable API. They are not stored. */
  readonly v3Others: readonly string[]
}

export type StatementOptions = {
  /** Key prefix of the data, without slashes at its ends; may be empty. */
  readonly prefix: string
  /** The writer's name in the files; `CREATOR` if absent. */
  readonly creator?: string
}

/** Some statements are older than the first session of the calendar. */
const FIRST_STATEMENT_YEAR = 1900

/** The columns before the amounts, in FMP's order. */
const COMMON_COLUMNS: readonly Column[] = [
  { name: 'date', type: 'date', isNullable: false },
  { name: 'symbol', type: 'string', isNullable: false },
  { name: 'reportedCurrency', type: 'string', isNullable: true },
  { name: 'cik', type: 'string', isNullable: true },
  { name: 'filingDate', type: 'date', isNullable: true },
  { name: 'acceptedDate', type: 'instant', isNullable: true },
  { name: 'fiscalYear', type: 'int32', isNullable: true },
  { name: 'period', type: 'string', isNullable: false },
]

/** v3's names for these columns, and its links, which the stable API no longer sends. */
const V3_COMMON_NAMES = { fillingDate: 'filingDate', calendarYear: 'fiscalYear' }
const V3_LINKS = ['link', 'finalLink']

const PERIODS = ['FY', 'Q1', 'Q2', 'Q3', 'Q4']

/** The fields without which there is no row. All others are side fields. */
const RequiredFields = v.object({
  date: statementDate,
  symbol: v.string('symbol is missing'),
  period: v.picklist(PERIODS, 'period is not one of FY and Q1 to Q4'),
})

const COMMON_READERS: Readonly<Record<string, FieldReader>> = {
  reportedCurrency: readText,
  cik: readCik,
  filingDate: readDate,
  acceptedDate: readAcceptedDate,
  fiscalYear: readFiscalYear,
}

/** The dataset of one statement for the settings of one run. */
export function createStatement(
  statement: Statement,
  { prefix, creator = CREATOR }: StatementOptions,
): DocumentDataset {
  const { name, path, amounts } = statement
  const v3Names = new Map(Object.entries({ ...V3_COMMON_NAMES, ...statement.v3Names }))
  const readers = { ...COMMON_READERS, ...Object.fromEntries(amounts.map((field) => [field, readAmount])) }
  const root = `${prefix === '' ? '' : `${prefix}/`}fundamentals/type=${name}/`
  const folder = (symbol: string) => `${root}symbol=${hiveValue(symbol)}/`
  const key = (symbol: string, docDate: IsoDate) =>
    `${folder(symbol)}year=${docDate.slice(0, 4)}/docdate=${docDate}/${hiveValue(symbol)}-${docDate}.parquet`
  const fields = [...COMMON_COLUMNS.map(({ name: field }) => field), ...amounts]

  return {
    name,
    creator,
    title: statement.title,
    firstYear: FIRST_STATEMENT_YEAR,
    columns: [
      ...COMMON_COLUMNS,
      ...amounts.map((field) => ({ name: field, type: 'double', isNullable: true }) as const),
      INGEST_TS,
    ],
    requiredFields: ['period'],
    knownFields: new Set([...fields, ...v3Names.keys(), ...V3_LINKS, ...statement.v3Others]),

    ask: (symbol, period, limit) => ({
      path,
      symbol,
      query: { period, limit: String(limit) },
      name: `${path} (${period})`,
    }),

    check(symbol, raw): RowCheck {
      const renamed = renameFields(raw, v3Names)
      // Sets every key: for an absent key, valibot uses its own message instead of the schema's.
      const required = { date: renamed['date'], symbol: renamed['symbol'], period: renamed['period'] }
      const parsed = v.safeParse(RequiredFields, required, { abortEarly: true })
      if (!parsed.success) return { reason: parsed.issues[0].message }
      const side = readSideFields(readers, renamed)
      const row: Row = { ...side.fields, ...parsed.output, symbol }
      return { row, suspicions: [...side.suspicions, ...suspicionsOf(row)] }
    },

    primaryKey: ['date', 'period'],
    // A filing that was accepted later is the newer version, whatever the order of the rows. An unknown date loses.
    isNewer: (row, other) => (row['acceptedDate'] ?? '') >= (other['acceptedDate'] ?? ''),
    root,
    folder,
    key,
    partitionOf(symbol, fileKey) {
      const date = parseIsoDate(fileKey.slice(-18, -8))
      return date !== undefined && key(symbol, date) === fileKey ? { kind: 'document', date } : undefined
    },
  }
}

function renameFields(raw: RawRow, names: ReadonlyMap<string, string>): RawRow {
  return Object.fromEntries(Object.entries(raw).map(([field, value]) => [names.get(field) ?? field, value]))
}

function suspicionsOf({ date: docDate, filingDate, acceptedDate }: Row): readonly string[] {
  const isBefore = (value: Row[string]) => typeof value === 'string' && value.slice(0, 10) < docDate
  const rules: readonly [boolean, string][] = [
    [isBefore(filingDate ?? null), "the filing is dated before its period's end"],
    [isBefore(acceptedDate ?? null), "the filing was accepted before its period's end"],
  ]
  return whereTrue(rules)
}
