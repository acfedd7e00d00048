// Walks through a lake for `ingest verify`, symbol by symbol: prices, then statements, then what lies beside them.

import { createLimit } from '../../core/concurrency.ts'
import type { DateRange, IsoDate } from '../../core/dates.ts'
import type { Dataset } from '../../core/dataset.ts'
import type { Finding } from '../../core/findings.ts'
import { inShard } from '../../core/shard.ts'
import { STATEMENTS } from '../../datasets/datasets.ts'
import { inventory, listSymbols, type LakeSymbols } from '../../datasets/inventory.ts'
import type { SymbolCoverage } from '../../datasets/prices/symbol-coverage.ts'
import { checkSymbol, type CheckedSymbol } from '../../datasets/prices/verify-symbol.ts'
import { createStatement } from '../../datasets/statements/schema.ts'
import { checkDocuments } from '../../datasets/statements/verify.ts'
import { strayFinding, type FileCheckContext, type RunOfFile } from '../../datasets/verify-file.ts'
import type { Encoder } from '../../parquet/parquet.ts'
import type { RunHistory } from '../../report/symbol-history.ts'
import { readRunsAt, type RunRecord } from '../../report/runs.ts'
import type { Lake } from './look.ts'
import { findingsOfSymbol, hasEnded, newestOf } from './verify-beside.ts'
import { openTable } from './verify-table.ts'

export type Walk = {
  readonly isDeep: boolean
  readonly range: DateRange | undefined
  /** What the metrics of the last runs tell, from this instant on, in milliseconds since 1970. */
  readonly history: RunHistory
  readonly sinceMs: number
}

/** What is kept of a symbol. */
export type WalkedSymbol = Omit<SymbolCoverage, 'dates' | 'missing' | 'doubled' | 'carried' | 'asked'> &
  Pick<CheckedSymbol, 'years' | 'oldestIngestMs'> & {
    readonly missing: number
    readonly doubled: number
    /** The newest session that is stored, or that a file which cannot be read may hold. */
    readonly knownThrough: IsoDate | undefined
    /** The newest session that FMP was asked for, if it had none after the stored ones. */
    readonly askedThrough: IsoDate | undefined
  }

export type Walked = { readonly symbols: readonly WalkedSymbol[]; readonly findings: readonly Finding[] }

/** Looks at everything, or at one shard of it: each symbol and each stray key is in one. Throws an IngestError if the store fails. */
export async function walkLake(lake: Lake, walk: Walk): Promise<Walked> {
  const prices = await walkPrices(lake, walk)
  return {
    symbols: prices.symbols,
    findings: [...prices.findings, ...(await walkStatements(lake, walk)), ...(await findLeftovers(lake))],
  }
}

/** Those of the names, symbols or keys, that are in the shard. */
function own(names: readonly string[], { config }: Lake): readonly string[] {
  return names.filter((name) => inShard(name, config.shard))
}

/** Of what lies beside the folders of symbols. */
function strayFindings({ strayFolders, strays }: LakeSymbols, lake: Lake): readonly Finding[] {
  return own([...strayFolders, ...strays.map(({ key }) => key)], lake).map((key) => strayFinding(key))
}

/** With --deep the rows of so many symbols are in memory at once: 25 years of one take 3 MB. */
const SYMBOLS_DEEP = 4
const SYMBOLS_AT_ONCE = 64

async function walkPrices(lake: Lake, walk: Walk): Promise<Walked> {
  const { store, prices, listed, calendar, asOf } = lake
  const { isDeep, range, history } = walk
  const level = await listSymbols({ store, dataset: prices })
  const encoder = openEncoder(lake, { isDeep, dataset: prices, symbols: level.symbols.length })
  const context = { ...fileContext(lake, walk), dataset: prices, encoder, calendar, asOf, range }
  const table = await openTable(prices, lake, walk)
  const limit = createLimit(isDeep ? SYMBOLS_DEEP : SYMBOLS_AT_ONCE)
  const symbols: WalkedSymbol[] = []
  const findings: Finding[] = [...strayFindings(level, lake)]
  const checked = inventory(own(listed ?? level.symbols, lake), { store, dataset: prices }, async (files) => {
    const known = {
      mends: history.of(files.symbol).mends,
      hasEnded: (through: IsoDate) => hasEnded(through, files.symbol, lake, walk),
    }
    const symbol = await limit.run(async () => await checkSymbol(files, known, context))
    table?.see({ ...files, dates: symbol.coverage.dates })
    return symbol
  })
  try {
    for await (const symbol of checked) {
      findings.push(...symbol.findings)
      symbols.push(kept(symbol, history))
    }
  } finally {
    encoder.close()
  }
  const lakeWide = symbols.flatMap((symbol) => findingsOfSymbol(symbol, newestOf(symbols, lake, walk), lake, walk))
  const ofTable = (await table?.findings()) ?? []
  return { symbols, findings: [...findings, ...lakeWide, ...unlisted(level.symbols, lake), ...ofTable] }
}

/** A symbol has at least a year file for each of its years, some 25. */
const FILES_OF_SYMBOL = 25

/** Encodes in a thread of its own where thousands of files are encoded anew: in a bucket a hash stands for their bytes. */
function openEncoder({ config, effects }: Lake, { isDeep, dataset, symbols }: EncoderFor): Encoder {
  const { columns, creator } = dataset
  const files = isDeep && config.target.kind === 'folder' ? symbols * FILES_OF_SYMBOL : 0
  return effects.openEncoder(
    { columns, creator, version: effects.version, ingestMs: effects.nowMs, note: undefined },
    files,
  )
}

type EncoderFor = { readonly isDeep: boolean; readonly dataset: Dataset; readonly symbols: number }

function fileContext({ store, effects }: Lake, { isDeep }: Walk): Omit<FileCheckContext, 'dataset' | 'encoder'> {
  const runs = new Map<number, ReturnType<typeof readRunsAt>>()
  const runOf = async (startMs: number) => {
    const read = runs.get(startMs) ?? readRunsAt(store, startMs)
    runs.set(startMs, read)
    return runOfFile(await read)
  }
  return { store, isDeep, version: effects.version, runOf }
}

/** What the runs of one second have in common. */
export function runOfFile(runs: readonly RunRecord[]): RunOfFile | undefined {
  if (runs.length === 0) return undefined
  const versions = new Set(runs.map((run) => run.program_version))
  const begins = runs.flatMap((run) => (run.mode === 'backfill' ? (run.date_range?.from ?? []) : []))
  return { version: versions.size === 1 ? [...versions][0] : undefined, backfilledFrom: begins.toSorted()[0] }
}

/** Without the dates, which would stay in memory. */
function kept({ coverage, years, oldestIngestMs, unknownThrough }: CheckedSymbol, history: RunHistory): WalkedSymbol {
  const { dates: _dates, carried: _carried, asked, missing, doubled, ...counts } = coverage
  const { through, symbol } = coverage
  const ofRuns = history.of(symbol).asked
  const told = ofRuns !== undefined && through !== undefined && ofRuns.through <= through ? [ofRuns.upTo] : []
  return {
    ...counts,
    missing: missing.length,
    doubled: doubled.length,
    years,
    oldestIngestMs,
    knownThrough: [through ?? [], unknownThrough ?? []].flat().toSorted().at(-1),
    askedThrough: [...told, ...asked.map(({ to }) => to)].toSorted().at(-1),
  }
}

/** Symbols with a folder that a ticker list lacks. Symbols on the command line are a choice and no list. */
function unlisted(stored: readonly string[], lake: Lake): readonly Finding[] {
  const { listed, config } = lake
  if (listed === undefined || config.tickers?.kind === 'flag') return []
  const known = new Set(listed)
  const detail = 'is stored and not in the ticker list'
  return own(stored, lake)
    .filter((symbol) => !known.has(symbol))
    .map((symbol): Finding => ({ kind: 'unlisted', symbol, detail }))
}

async function walkStatements(lake: Lake, walk: Walk): Promise<readonly Finding[]> {
  const { store, config, prices, listed } = lake
  const findings: Finding[] = []
  for (const statement of STATEMENTS) {
    const dataset = createStatement(statement, { prefix: config.prefix, creator: prices.creator })
    const level = await listSymbols({ store, dataset })
    findings.push(...strayFindings(level, lake))
    const stored = own(level.symbols, lake)
    const wanted = listed === undefined ? stored : stored.filter((symbol) => listed.includes(symbol))
    const encoder = openEncoder(lake, { isDeep: walk.isDeep, dataset, symbols: 0 })
    const context = { ...fileContext(lake, walk), dataset, encoder }
    const table = await openTable(dataset, lake, { ...walk, range: undefined })
    const checked = inventory(wanted, { store, dataset }, async (files) => {
      table?.see({ ...files, dates: undefined })
      return await checkDocuments(files, context)
    })
    for await (const found of checked) findings.push(...found)
    findings.push(...((await table?.findings()) ?? []))
  }
  return findings
}

async function findLeftovers(lake: Lake): Promise<readonly Finding[]> {
  const keys = own((await lake.store.leftovers?.()) ?? [], lake)
  const detail = 'was left by a run that was killed'
  return keys.map((key): Finding => ({ kind: 'temp_left', key, detail, cure: { removes: key } }))
}
