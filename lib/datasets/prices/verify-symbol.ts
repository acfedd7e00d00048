// Checks the stored prices of one symbol: reads its files, judges each, and then what they come to together.

import type { Calendar } from '../../core/calendar.ts'
import { mapLimit } from '../../core/concurrency.ts'
import { isWithin, wholeYear, yearOf, type DateRange, type IsoDate } from '../../core/dates.ts'
import type { Finding, FindingKind } from '../../core/findings.ts'
import { refetchWords, replaceFile } from '../cures.ts'
import { MAX_FOOTERS_IN_FLIGHT, type PartitionFile, type SymbolFiles } from '../inventory.ts'
import { checkFile, strayFinding, type CheckedFile, type Fault, type FileCheckContext } from '../verify-file.ts'
import { datesBeside, type PriceFile } from './price-files.ts'
import type { SessionDataset } from './schema.ts'
import { symbolCoverage, type SymbolCoverage } from './symbol-coverage.ts'
import { askedProblem } from './verify-asked.ts'
import { faultsBetween, type Mend, type PlacedRow } from './verify-bases.ts'
import { findingsOfFiles } from './verify-files.ts'
import { faultsOfRows } from './verify-rows.ts'

/** What the metrics of runs tell of a symbol. */
export type KnownPast = {
  readonly mends: readonly Mend[]
  /** Whether a run was told that there is no session after this one. */
  readonly hasEnded: (through: IsoDate) => boolean
}

export type SymbolCheckContext = FileCheckContext<SessionDataset> & {
  readonly calendar: Calendar
  readonly asOf: IsoDate
  /** Looks at these dates only. */
  readonly range: DateRange | undefined
}

/** A symbol that was looked at. */
export type CheckedSymbol = {
  readonly coverage: SymbolCoverage
  readonly findings: readonly Finding[]
  /** The years with a file, oldest first. */
  readonly years: readonly number[]
  /** The instant of the run that wrote the oldest of its files, in milliseconds since 1970. */
  readonly oldestIngestMs: number | undefined
  /** The newest date that a file which cannot be relied on may hold. */
  readonly unknownThrough: IsoDate | undefined
}

type PriceFileCheck = CheckedFile<PartitionFile<SessionDataset>> & { readonly dates: readonly IsoDate[] | undefined }

/** Checks all files of a symbol. Throws an IngestError if the store fails. */
export async function checkSymbol(
  { symbol, files, strays }: SymbolFiles<SessionDataset>,
  past: KnownPast,
  context: SymbolCheckContext,
): Promise<CheckedSymbol> {
  const { range, dataset } = context
  const wanted = files.filter(({ partition }) => isInRange(partition, range))
  const read = await mapLimit(
    wanted,
    MAX_FOOTERS_IN_FLIGHT,
    async (file) => await checkPriceFile(file, symbol, context),
  )
  const checked = read.filter((file) => file !== undefined)
  const listed = checked.map(priceFileOf)
  const coverage = symbolCoverage(symbol, listed, context)
  const hasEnded = coverage.through !== undefined && past.hasEnded(coverage.through)
  const readable = listed.filter((file) => 'footer' in file)
  return {
    coverage,
    findings: [
      ...strays.map(({ key }) => strayFinding(key, symbol)),
      ...checked.flatMap(({ file, faults }) => faults.map((fault) => findingOf(fault, file, symbol, dataset))),
      ...findingsOfFiles(coverage, readable, { ...context, hasEnded }),
      ...findingsOfRows(checked, symbol, past, context),
      ...(await findingsOfAsked(checked, symbol, context)),
    ].filter(({ date }) => date === undefined || range === undefined || isWithin(date, range)),
    years: [...new Set(wanted.map(({ partition }) => yearIn(partition)))].toSorted((a, b) => a - b),
    oldestIngestMs: readable.reduce<number | undefined>(
      (oldest, { footer }) => Math.min(oldest ?? Infinity, footer.ingestMs),
      undefined,
    ),
    unknownThrough: newestOf(listed.filter((file) => 'problem' in file)),
  }
}

type Partition = PartitionFile<SessionDataset>['partition']

function yearIn(partition: Partition): number {
  return partition.kind === 'day' ? yearOf(partition.date) : partition.year
}

function isInRange(partition: Partition, range: DateRange | undefined): boolean {
  if (range === undefined) return true
  if (partition.kind === 'day') return isWithin(partition.date, range)
  const { from, to } = wholeYear(partition.year)
  return from <= range.to && range.from <= to
}

function newestOf(files: readonly PriceFile[]): IsoDate | undefined {
  const dates = files.map(({ file: { partition } }) =>
    partition.kind === 'day' ? partition.date : wholeYear(partition.year).to,
  )
  return dates.toSorted().at(-1)
}

/** A file without its bytes, but with the dates of its rows where the footer does not tell them. */
async function checkPriceFile(
  file: PartitionFile<SessionDataset>,
  symbol: string,
  context: SymbolCheckContext,
): Promise<PriceFileCheck | undefined> {
  const checked = await checkFile(file, symbol, context)
  if (checked === undefined) return undefined
  const { footer, tail, rows } = checked
  const dates = rows?.map(({ row }) => row.date) ?? (footer && (await datesBeside({ file, footer, tail }, context)))
  return { ...checked, tail: new Uint8Array(0), dates }
}

/** Of a file that cannot be relied on nobody knows what it holds: none of its dates is called missing. */
function priceFileOf({ file, footer, faults, dates }: PriceFileCheck): PriceFile {
  return footer === undefined ? { file, problem: faults[0]?.detail ?? '' } : { file, footer, dates }
}

/**
 * Kinds whose file must go before it is fetched again: one with more rows than FMP will send is never replaced, and rows of
 * another company look like a past that has changed.
 */
const REMOVED_FIRST: ReadonlySet<FindingKind> = new Set(['duplicate_date', 'wrong_symbol'])

function findingOf(
  { kind, date, detail }: Fault,
  { key, partition }: PartitionFile<SessionDataset>,
  symbol: string,
  dataset: SessionDataset,
): Finding {
  const cure = REMOVED_FIRST.has(kind)
    ? replaceFile(dataset, symbol, key)
    : { words: refetchWords(dataset, symbol, partition) }
  return { kind, symbol, key, date: date ?? (partition.kind === 'day' ? partition.date : undefined), detail, cure }
}

function findingsOfRows(
  checked: readonly PriceFileCheck[],
  symbol: string,
  { mends }: KnownPast,
  { dataset, range }: SymbolCheckContext,
): readonly Finding[] {
  const decoded = checked.flatMap(({ file, rows, faults }) => (rows === undefined ? [] : [{ file, rows, faults }]))
  const hasAdjusted = decoded.some(({ rows }) => rows.some(({ row }) => row['adjClose'] !== null))
  const ofFiles = decoded.flatMap(({ file, rows }) =>
    faultsOfRows(
      rows.map(({ row }) => row),
      { symbol, dataset, hasAdjusted },
    ).map((fault) => ({ ...fault, file })),
  )
  const placed = decoded
    .filter(({ faults }) => faults.length === 0)
    .flatMap(({ file, rows }) => rows.map((row): PlacedRow => ({ ...row, file })))
    .filter(({ row }) => range === undefined || isWithin(row.date, range))
  return [...ofFiles, ...faultsBetween(placed, mends)].map(({ file, ...fault }) =>
    findingOf(fault, file, symbol, dataset),
  )
}

/** What year files say of their runs: only where all else of a file is as this version has written it. */
async function findingsOfAsked(
  checked: readonly PriceFileCheck[],
  symbol: string,
  { dataset, version, runOf, calendar }: SymbolCheckContext,
): Promise<readonly Finding[]> {
  const years = checked.flatMap(({ file }) => (file.partition.kind === 'year' ? [file.partition.year] : []))
  const findings = checked.map(async ({ file, footer, rows, faults }): Promise<readonly Finding[]> => {
    const { partition } = file
    const isOwn = footer?.createdBy === `${dataset.creator} version ${version}`
    if (partition.kind !== 'year' || rows === undefined || !isOwn || faults.length > 0) return []
    const { year } = partition
    const dates = new Set(rows.map(({ row }) => row.date))
    const facts = { year, footer, dates, otherYears: years.filter((other) => other !== year) }
    // Only a claim of earlier years needs to know the run.
    const reaches = footer.asked !== undefined && yearOf(footer.asked.from) < year
    const problem = askedProblem(facts, reaches ? await runOf(footer.ingestMs) : undefined, calendar)
    return problem === undefined ? [] : [findingOf({ kind: 'altered', detail: problem }, file, symbol, dataset)]
  })
  return (await Promise.all(findings)).flat()
}
