// Compares a table with the raw files, row by row.

import { mapAhead } from '../../core/concurrency.ts'
import { primaryKeyOf } from '../../core/dataset.ts'
import { IngestError } from '../../core/errors.ts'
import { inShard, type Shard } from '../../core/shard.ts'
import type { StampedRow } from '../../parquet/parquet.ts'
import { compareKeys } from '../../store/store.ts'
import { inventory, listSymbols } from '../inventory.ts'
import { bucketOf, chooseLayout, unitName, unitNamed, type Layout, type Unit } from './layout.ts'
import { extentOf, filesByUnit, readChange, type Extent } from './raw-units.ts'
import { readSymbols } from './rewrite.ts'
import { listTable, openUnit, readFooterOf, tableRoot, type Opened, type TableContext } from './units.ts'

/** What is wrong with a table. */
export type TableFinding = {
  readonly kind: 'table_damaged' | 'table_stray' | 'table_lacks' | 'table_extra' | 'table_differs'
  readonly key: string
  readonly symbol: string | undefined
  /** The primary keys of the rows, as text, in their order: dates, of statements with the period. */
  readonly rows: readonly string[]
}

export type Checked = { readonly findings: readonly TableFinding[]; readonly files: number; readonly rows: number }

/** What of a table is compared; nothing given: all. */
export type CheckOptions = {
  /** These symbols. */
  readonly symbols?: readonly string[] | undefined
  /** Of the symbols those of this shard. */
  readonly symbolShard?: Shard | undefined
  /** Of the files those of this shard. */
  readonly fileShard?: Shard | undefined
}

/** Reads all rows of the table and of the raw files, or some of them. Rejects with an IngestError if the store fails. */
export async function checkTable(context: TableContext, options: CheckOptions = {}): Promise<Checked> {
  const { symbols: only, symbolShard, fileShard } = options
  const named = only && new Set(only)
  const isWanted = (symbol: string) => named?.has(symbol) !== false && inShard(symbol, symbolShard)
  const isOwn = (name: string) => inShard(name, fileShard)
  const findings: TableFinding[] = []
  const listed = await listTable(context)
  const layout = (await layoutOf(listed, context)) ?? chooseLayout(0, context.baseYear)
  const nameOf = (key: string) => key.slice(tableRoot(context).length)
  const files = listed.filter(({ key }) => isOwn(nameOf(key)))
  const symbolsOfRaw = (only ?? (await listSymbols(context)).symbols).filter(isWanted)
  const extent = extentOf(
    layout,
    listed.map(({ key }) => nameOf(key)),
    context.nowMs,
  )
  const wanted = await unitsOfRaw(symbolsOfRaw, extent, context)
  for (const { key } of files) {
    const unit = unitNamed(nameOf(key), layout)
    if (unit === undefined) findings.push({ kind: 'table_stray', key, symbol: undefined, rows: [] })
    else if (!wanted.has(unitName(unit, layout)) && mayHold(unit, only, layout)) {
      wanted.set(unitName(unit, layout), { unit, symbols: new Set() })
    }
  }
  let rows = 0
  for (const [name, { unit, symbols }] of [...wanted].filter(([ofUnit]) => isOwn(ofUnit))) {
    const key = `${tableRoot(context)}${name}`
    const checked = await checkUnit({ unit, symbols, key, isWanted }, layout, context)
    findings.push(...checked.findings)
    rows += checked.rows
  }
  return { findings, files: files.length, rows }
}

/** Whether a file may have rows of one of these symbols. */
function mayHold(unit: Unit, symbols: readonly string[] | undefined, layout: Layout): boolean {
  if (symbols === undefined || unit.kind === 'month') return true
  return symbols.some((symbol) => unitName(bucketOf(symbol, layout), layout) === unitName(unit, layout))
}

async function layoutOf(
  files: readonly { readonly key: string }[],
  context: TableContext,
): Promise<Layout | undefined> {
  for (const file of files) {
    const footer = await readFooterOf(file, context).catch(ignoreDamage)
    if (footer !== undefined) return footer.layout
  }
  return undefined
}

/** A damaged file is a finding and no failure. */
export function ignoreDamage(error: unknown): undefined {
  if (!(error instanceof IngestError) || error.data?.isNoTable !== true) throw error
  return undefined
}

type Wanted = { readonly unit: Unit; readonly symbols: Set<string> }

/** The files that the table must have by the names of the raw files, each with its symbols. */
async function unitsOfRaw(
  symbols: readonly string[],
  extent: Extent,
  context: TableContext,
): Promise<Map<string, Wanted>> {
  const wanted = new Map<string, Wanted>()
  for await (const { symbol, units } of inventory(symbols, context, async ({ symbol: name, files }) => ({
    symbol: name,
    units: filesByUnit(name, files, extent),
  }))) {
    for (const [name, { unit }] of units) {
      const found = wanted.get(name) ?? { unit, symbols: new Set<string>() }
      found.symbols.add(symbol)
      wanted.set(name, found)
    }
  }
  return wanted
}

type CheckedUnit = { readonly findings: readonly TableFinding[]; readonly rows: number }

type UnitToCheck = Wanted & { readonly key: string; readonly isWanted: (symbol: string) => boolean }

async function checkUnit(
  { unit, symbols, key, isWanted }: UnitToCheck,
  layout: Layout,
  context: TableContext,
): Promise<CheckedUnit> {
  const opened = await openUnit(unit, layout, context).catch(ignoreDamage)
  const stored = opened && (await rowsOf(opened, context).catch(ignoreDamage))
  if (stored === undefined) return { findings: [{ kind: 'table_damaged', key, symbol: undefined, rows: [] }], rows: 0 }
  const findings: TableFinding[] = []
  let rows = 0
  const inTable = [...stored.keys()].filter(isWanted)
  const all = [...new Set([...symbols, ...inTable])].toSorted(compareKeys)
  const read = mapAhead(all, MAX_SYMBOLS_AHEAD, async (symbol) => await readChange(symbol, unit, layout, context))
  for await (const change of read) {
    const { symbol } = change
    const [ofTable, ofRaw] = [keyed(stored.get(symbol) ?? [], context), keyed(change.rows([]), context)]
    rows += ofRaw.size
    const add = (kind: TableFinding['kind'], found: readonly string[]) => {
      if (found.length > 0) findings.push({ kind, key, symbol, rows: found })
    }
    add(
      'table_lacks',
      [...ofRaw.keys()].filter((row) => !ofTable.has(row)),
    )
    add(
      'table_extra',
      [...ofTable.keys()].filter((row) => !ofRaw.has(row)),
    )
    add(
      'table_differs',
      [...ofTable].filter(([row, held]) => ofRaw.has(row) && ofRaw.get(row) !== held).map(([row]) => row),
    )
  }
  return { findings, rows }
}

const MAX_SYMBOLS_AHEAD = 16

async function rowsOf({ old }: Opened, { dataset }: TableContext): Promise<ReadonlyMap<string, readonly StampedRow[]>> {
  const found = new Map<string, readonly StampedRow[]>()
  if (old === undefined) return found
  for await (const { symbol, rows } of readSymbols(old, dataset.columns)) {
    found.set(symbol, [...(found.get(symbol) ?? []), ...rows])
  }
  return found
}

/** The rows by their primary key, each as one text. A key that comes twice has a text that no single row has. */
function keyed(rows: readonly StampedRow[], { dataset }: TableContext): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const { row, ingestMs } of rows) {
    const key = primaryKeyOf(dataset, row)
    found.set(key, `${found.get(key) ?? ''}${JSON.stringify([...Object.values(row), ingestMs])}`)
  }
  return found
}
