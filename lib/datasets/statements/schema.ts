// Company statements: what the three have in common. One row a fiscal period, one file a period's end; a fourth quarter and
// the full year end on one date and share its file.

import * as v from 'valibot'
import { newYorkInstant, parseIsoDate, type IsoDate } from '../../core/dates.ts'
import type { ReportPeriod, StatementName } from '../../core/config.ts'
import { amount } from '../fields.ts'
import {
  INGESTED,
  type Ask,
  type Column,
  type Dataset,
  type RawRow,
  type Row,
  type RowCheck,
} from '../../core/dataset.ts'
import { hiveValue } from '../keys.ts'
import { whereTrue } from '../../core/text.ts'

/** A dataset of dated documents, which the vendor gives whole: all that it has, newest first. */
export interface DocumentDataset extends Dataset {
  /** What messages call its documents, in the plural. */
  readonly title: string
  /** The call for the newest `limit` rows of a period. */
  ask(symbol: string, period: ReportPeriod, limit: number): Ask
  key(symbol: string, date: IsoDate): string
  /** The date of the document with this key, or undefined where the key is none of this dataset's. */
  dateOf(symbol: string, key: string): IsoDate | undefined
}

/** What sets one statement apart from the others. */
export type Statement = {
  /** As `--dataset` and the keys name it. */
  readonly name: StatementName
  /** What messages call it, in the plural. */
  readonly title: string
  /** The last part of its path, the same in both APIs. */
  readonly path: string
  /** The amounts, in the order in which FMP sends them. */
  readonly amounts: readonly string[]
  /** What v3 calls some of them. */
  readonly v3Names: Readonly<Record<string, string>>
  /** What else v3 sends, of which stable has no counterpart. */
  readonly v3Others: readonly string[]
}

export type StatementOptions = {
  /** Where the files stand in the store, without slashes at its ends; may be empty. */
  readonly prefix: string
}

/** The fields before the amounts, in FMP's order. */
const HEAD: readonly Column[] = [
  { name: 'date', type: 'date', isNullable: false },
  { name: 'symbol', type: 'string', isNullable: false },
  { name: 'reportedCurrency', type: 'string', isNullable: true },
  { name: 'cik', type: 'string', isNullable: true },
  { name: 'filingDate', type: 'date', isNullable: true },
  { name: 'acceptedDate', type: 'instant', isNullable: true },
  { name: 'fiscalYear', type: 'int32', isNullable: true },
  { name: 'period', type: 'string', isNullable: false },
]

/** v3's names for fields of the head, and its links, which stable no longer has. */
const V3_HEAD_NAMES = { fillingDate: 'filingDate', calendarYear: 'fiscalYear' }
const V3_LINKS = ['link', 'finalLink']

const PERIODS = ['FY', 'Q1', 'Q2', 'Q3', 'Q4']

/** Where a field is a text, an empty one says as little as none. */
const text = (field: string) =>
  v.pipe(
    v.nullish(v.string(`${field} is not a text`), null),
    v.transform((value) => (value === '' ? null : value)),
  )

/** A date, or the day of a time: v3 once sent `filingDate` with a time. */
const date = (field: string) =>
  v.pipe(
    text(field),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      if (dataset.value === null) return null
      const [day = '', time, ...rest] = dataset.value.split(' ')
      const parsed = parseIsoDate(day)
      if (parsed !== undefined && rest.length === 0 && (time === undefined || TIME.test(time))) return parsed
      addIssue({ message: `${field} is not a real date` })
      return NEVER
    }),
  )

const TIME = /^(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d$/

/** When the SEC accepted a filing: US Eastern wall clock without a zone (measured against EDGAR's own UTC stamps). */
const accepted = v.pipe(
  text('acceptedDate'),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    if (dataset.value === null) return null
    const [day = '', time = '00:00:00', ...rest] = dataset.value.split(' ')
    const parsed = parseIsoDate(day)
    if (parsed !== undefined && TIME.test(time) && rest.length === 0) {
      return new Date(newYorkInstant(parsed, time)).toISOString()
    }
    addIssue({ message: 'acceptedDate is not a real date and time' })
    return NEVER
  }),
)

const fiscalYear = v.nullish(
  v.pipe(
    v.union([v.string(), v.number()], 'fiscalYear is not a year'),
    v.transform(Number),
    v.integer('fiscalYear is not a year'),
    v.minValue(1_900, 'fiscalYear is not a year'),
    v.maxValue(2_100, 'fiscalYear is not a year'),
  ),
  null,
)

const HEAD_SCHEMA = {
  date: v.pipe(
    date('date'),
    v.check((value) => value !== null, 'date is missing'),
  ),
  symbol: v.string('symbol is missing'),
  reportedCurrency: text('reportedCurrency'),
  cik: text('cik'),
  filingDate: date('filingDate'),
  acceptedDate: accepted,
  fiscalYear,
  period: v.picklist(PERIODS, 'period is not one of FY and Q1 to Q4'),
}

/** The dataset of one statement as one run wants it. */
export function createStatement(statement: Statement, { prefix }: StatementOptions): DocumentDataset {
  const { name, path, amounts } = statement
  const v3Names = new Map(Object.entries({ ...V3_HEAD_NAMES, ...statement.v3Names }))
  const schema = v.object({ ...HEAD_SCHEMA, ...Object.fromEntries(amounts.map((field) => [field, amount(field)])) })
  const root = `${prefix === '' ? '' : `${prefix}/`}fundamentals/type=${name}`
  const folder = (symbol: string) => `${root}/symbol=${hiveValue(symbol)}/`
  const key = (symbol: string, docDate: IsoDate) =>
    `${folder(symbol)}year=${docDate.slice(0, 4)}/docdate=${docDate}/${hiveValue(symbol)}-${docDate}.parquet`
  const fields = [...HEAD.map(({ name: field }) => field), ...amounts]

  return {
    name,
    title: statement.title,
    columns: [
      ...HEAD,
      ...amounts.map((field) => ({ name: field, type: 'double', isNullable: true }) as const),
      INGESTED,
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
      // With all keys of its own, since for an absent key valibot has words that are not ours.
      const renamed = renameFields(raw, v3Names)
      const whole = Object.fromEntries(fields.map((field) => [field, renamed[field]]))
      const parsed = v.safeParse(schema, whole, { abortEarly: true })
      if (!parsed.success) return { reason: parsed.issues[0].message }
      const row = { ...parsed.output, symbol } as Row
      return { row, suspicions: suspicionsOf(row) }
    },

    identity: ['date', 'period'],
    folder,
    key,
    dateOf(symbol, file) {
      const docDate = parseIsoDate(file.slice(-18, -8))
      return docDate !== undefined && key(symbol, docDate) === file ? docDate : undefined
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
