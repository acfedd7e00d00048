// What is wrong with a table, for `ingest verify`: by its footers and the listings of the raw files, and row by row where all
// bytes are read.

import { mapAhead } from '../../core/concurrency.ts'
import { isWithin, parseIsoDate, type DateRange, type IsoDate } from '../../core/dates.ts'
import type { Cure, Finding } from '../../core/findings.ts'
import { inShard, type Shard } from '../../core/shard.ts'
import { counted, listed, oneLine } from '../../core/text.ts'
import { checkTable, ignoreDamage, type TableFinding } from './check.ts'
import type { SymbolEntry, TableFooter } from './footer.ts'
import { listingHash, type RawFile } from './lake-rows.ts'
import { spanOf, unitNamed, type Layout, type Unit } from './layout.ts'
import { dayBits, extentOf, filesByUnit, yearFileHash, type UnitFiles } from './raw-units.ts'
import { listTable, readFooterOf, tableRoot, type TableContext } from './units.ts'

export type TableLookOptions = {
  /** Compares all rows. */
  readonly isDeep: boolean
  /** Looks at these symbols only. */
  readonly symbols: readonly string[] | undefined
  /** Of the symbols those of this shard, and of the files that are none of the table likewise. */
  readonly shard: Shard | undefined
  /** Looks at these dates only. */
  readonly range: DateRange | undefined
}

/** A symbol with its raw files and the dates of their rows, up to the last finished session; undefined: of all of them. */
export type SeenSymbol = {
  readonly symbol: string
  readonly files: readonly RawFile[]
  readonly dates: ReadonlySet<IsoDate> | undefined
}

/** A table beside a walk through its raw files. */
export type TableLook = {
  /** Holds the listing of a symbol's raw files against the footers. */
  readonly see: (seen: SeenSymbol) => void
  /** What is wrong, once every symbol was seen; nothing where there is no table. Rejects with an IngestError if the store fails. */
  readonly findings: () => Promise<readonly Finding[]>
}

type Entries = TableFooter['entries']

/** The files of a table by name. The entries of a damaged file are undefined. */
type Files = ReadonlyMap<string, Entries | undefined>

/** Lists a table and reads its footers. Rejects with an IngestError if the store fails. */
export async function lookAtTable(context: TableContext, options: TableLookOptions): Promise<TableLook> {
  const { layout, files, faults } = await readFiles(context)
  const behind = new Map<string, string[]>()
  const seen = new Set<string>()
  const isLooked = (unit: Unit) => layout === undefined || overlaps(spanOf(unit, layout), options.range)
  const add = (name: string, symbol: string) => {
    const unit = layout && unitNamed(name, layout)
    if (unit === undefined || !isLooked(unit)) return
    const symbols = behind.get(name) ?? []
    behind.set(name, symbols)
    symbols.push(symbol)
  }
  return {
    see({ symbol, files: rawFiles, dates }) {
      seen.add(symbol)
      if (layout === undefined) return
      const units = filesByUnit(symbol, rawFiles, extentOf(layout, files.keys(), context.nowMs))
      for (const name of unitsBehind({ symbol, dates, units }, files, layout)) add(name, symbol)
    },
    async findings() {
      const only = options.symbols && new Set(options.symbols)
      const isWanted = (symbol: string) => only?.has(symbol) !== false && inShard(symbol, options.shard)
      for (const { name, symbol } of unseen(seen, files)) if (isWanted(symbol)) add(name, symbol)
      const found = [...behind].map(([name, symbols]) => behindFinding(`${tableRoot(context)}${name}`, symbols))
      const chosen = { symbols: options.symbols, symbolShard: options.shard }
      const isTable = options.isDeep && layout !== undefined
      const compared = isTable ? (await checkTable(context, chosen)).findings : []
      const damaged = new Set(faults.map(({ key }) => key))
      // What is known to be behind is read again by an update; all else by a rebuild alone.
      const cureOf = ({ key, symbol = '' }: TableFinding) =>
        behind.get(key.slice(tableRoot(context).length))?.includes(symbol) === true ? UPDATE : REBUILD
      const ofRows = compared
        .filter(({ key }) => !damaged.has(key))
        .flatMap((one) => rowFinding(one, cureOf(one), options.range))
      return [...faults.filter(({ key = '' }) => inShard(key, options.shard)), ...found, ...ofRows]
    },
  }
}

type ReadFiles = {
  /** Undefined where no file of a table can be read. */
  readonly layout: Layout | undefined
  readonly files: Files
  readonly faults: readonly Finding[]
}

const MAX_FOOTERS_AHEAD = 64

async function readFiles(context: TableContext): Promise<ReadFiles> {
  const read = mapAhead(await listTable(context), MAX_FOOTERS_AHEAD, async ({ key }) => ({
    key,
    footer: await readFooterOf({ key }, context).catch(ignoreDamage),
  }))
  const footers = await Array.fromAsync(read)
  const layout = footers.find(({ footer }) => footer !== undefined)?.footer?.layout
  const files = new Map<string, Entries | undefined>()
  const faults: Finding[] = []
  for (const { key, footer } of footers) {
    const name = key.slice(tableRoot(context).length)
    const isStray = layout !== undefined && unitNamed(name, layout) === undefined
    if (isStray) faults.push(strayFinding(key))
    else if (footer === undefined) faults.push(damagedFinding(key))
    if (!isStray) files.set(name, footer?.entries)
  }
  return { layout, files, faults }
}

type ListedSymbol = Omit<SeenSymbol, 'files'> & { readonly units: ReadonlyMap<string, UnitFiles> }

/** The names of the files that do not say what the listing of a symbol's raw files says. */
function unitsBehind({ symbol, dates, units }: ListedSymbol, files: Files, layout: Layout): readonly string[] {
  const stale = [...units].filter(([name, { unit, files: rawFiles }]) => {
    const isDamaged = files.has(name) && files.get(name) === undefined
    const entry = files.get(name)?.get(symbol)
    if (isDamaged) return false
    // A year file need not have rows of every month.
    return entry === undefined ? hasDateIn(dates, spanOf(unit, layout)) : isBehind(entry, unit, rawFiles)
  })
  const gone = [...files].filter(([name, entries]) => !units.has(name) && hasRows(entries?.get(symbol)))
  return [...stale, ...gone].map(([name]) => name)
}

function hasDateIn(dates: SeenSymbol['dates'], span: DateRange | undefined): boolean {
  return dates === undefined || span === undefined || [...dates].some((date) => isWithin(date, span))
}

function hasRows(entry: SymbolEntry | undefined): boolean {
  return entry !== undefined && entry.rows > 0
}

function isBehind({ listing, days, yearFile }: SymbolEntry, unit: Unit, rawFiles: readonly RawFile[]): boolean {
  if (listing !== '') return listing !== listingHash(rawFiles)
  if (unit.kind !== 'month') return false
  // A night has added rows: no listing of all their raw files is known, but the day files and the year file are.
  return yearFile !== yearFileHash(rawFiles, unit) || days !== dayBits(rawFiles, unit)
}

/** Symbols of the table without a folder among the raw files, file by file. */
function unseen(
  seen: ReadonlySet<string>,
  files: Files,
): readonly { readonly name: string; readonly symbol: string }[] {
  return [...files].flatMap(([name, entries]) =>
    [...(entries ?? [])].flatMap(([symbol, entry]) => (seen.has(symbol) || !hasRows(entry) ? [] : [{ name, symbol }])),
  )
}

function overlaps(span: DateRange | undefined, range: DateRange | undefined): boolean {
  return span === undefined || range === undefined || (span.from <= range.to && range.from <= span.to)
}

const UPDATE: Cure = { words: ['table'] }
const REBUILD: Cure = { words: ['table', '--rebuild'] }

function strayFinding(key: string): Finding {
  return { kind: 'table_stray', key, detail: 'is no file of this table', cure: { removes: key } }
}

function damagedFinding(key: string): Finding {
  const detail = 'is damaged, or no file of a table of this program'
  return { kind: 'table_damaged', key, detail, cure: REBUILD }
}

/** As many symbols as a line names. */
const MOST_NAMED = 5

function behindFinding(key: string, symbols: readonly string[]): Finding {
  const names = symbols.map((symbol) => oneLine(symbol, 30))
  const detail = `is not up to date with the stored files of ${counted(symbols.length, 'symbol')}: ${listed(names, MOST_NAMED)}`
  return { kind: 'table_behind', symbol: symbols.length === 1 ? symbols[0] : undefined, key, detail, cure: UPDATE }
}

function rowFinding(
  { kind, key, symbol, rows }: TableFinding,
  cure: Cure,
  range: DateRange | undefined,
): readonly Finding[] {
  if (kind === 'table_stray') return []
  if (kind === 'table_damaged') return [damagedFinding(key)]
  // The primary key of a statement has the period after the date.
  const dates = rows.map((row) => parseIsoDate(row.slice(0, 10)))
  const wanted = dates.filter((date) => range === undefined || date === undefined || isWithin(date, range))
  if (wanted.length === 0) return []
  const detail = {
    table_lacks: `lacks ${counted(wanted.length, 'row')} that the stored files have`,
    table_extra: `has ${counted(wanted.length, 'row')} that the stored files do not have`,
    table_differs: `has other values than the stored files in ${counted(wanted.length, 'row')}`,
  }[kind]
  return [{ kind: 'table_differs', symbol, key, date: wanted[0], detail, cure }]
}
