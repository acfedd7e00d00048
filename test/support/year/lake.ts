// The lake of a year in memory, read from outside: of several rows of one session the one with the greatest `ingest_ts`.

import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import type { IsoDate } from '../../../lib/core/dates.ts'
import type { Store } from '../../../lib/store/store.ts'
import type { Bar } from '../bars.ts'
import { createMemoryStore } from '../lakes/memory-store.ts'

export type LakeRow = Bar & {
  readonly ingestMs: number
  /** Whether the footer says that it was carried over. */
  readonly isCarried: boolean
}

/** Where a run dies. */
export type Death = { readonly atWrite: number; readonly isWritten: boolean }

export type YearLake = {
  /** The store of one run; `died` resolves when it is gone, after which nothing of it happens. */
  open(death?: Death): { readonly store: Store; readonly died: Promise<'died'>; readonly isDead: () => boolean }
  /** Reads the price files that were written since the last time. */
  refresh(): Promise<void>
  /** Of a symbol, by date. */
  rows(symbol: string): ReadonlyMap<IsoDate, LakeRow>
  /** The newest metrics document. */
  metrics(): unknown
}

/** `nowMs`: when files are written. */
export function createYearLake(nowMs: () => number): YearLake {
  const memory = createMemoryStore(nowMs)
  /** By symbol and key. */
  const files = new Map<string, Map<string, readonly LakeRow[]>>()
  const symbols = new Map<string, Map<IsoDate, LakeRow>>()
  let written = new Set<string>()

  return {
    open: (death) => openMortal(memory, { death, onWrite: (key) => void written.add(key) }),
    async refresh() {
      const keys = [...written].filter((key) => key.includes('/symbol='))
      written = new Set()
      for (const [symbol, own] of Map.groupBy(keys, symbolOf)) {
        const known = files.get(symbol) ?? new Map<string, readonly LakeRow[]>()
        files.set(symbol, known)
        for (const key of own) known.set(key, await readLakeRows(memory.files.get(key) ?? new Uint8Array()))
        const newest = new Map<IsoDate, LakeRow>()
        for (const row of known.values().flatMap((rows) => rows)) {
          if (row.ingestMs >= (newest.get(row.date)?.ingestMs ?? 0)) newest.set(row.date, row)
        }
        symbols.set(symbol, newest)
      }
    },
    rows: (symbol) => symbols.get(symbol) ?? new Map(),
    metrics() {
      const key = [...memory.files.keys()].findLast((name) => /^logs\/ingest\/.*\.json$/.test(name))
      return key === undefined ? undefined : JSON.parse(new TextDecoder().decode(memory.files.get(key)))
    },
  }
}

function symbolOf(key: string): string {
  return decodeURIComponent(/symbol=([^/]+)/.exec(key)?.[1] ?? '')
}

const never = async () => await new Promise<never>(() => undefined)

type Mortal = { readonly death: Death | undefined; readonly onWrite: (key: string) => void }

function openMortal(memory: Store, { death, onWrite }: Mortal): ReturnType<YearLake['open']> {
  const { promise: died, resolve } = Promise.withResolvers<'died'>()
  let writes = 0
  let isDead = false
  const alive = async <T>(act: () => Promise<T>): Promise<T> => (isDead ? await never() : await act())
  const write = async <T>(key: string, act: () => Promise<T>): Promise<T> => {
    if (isDead) return await never()
    writes += key.includes('/symbol=') ? 1 : 0
    const isFatal = death !== undefined && writes === death.atWrite && key.includes('/symbol=')
    isDead = isFatal
    if (isFatal) resolve('died')
    if (isFatal && !death.isWritten) return await never()
    onWrite(key)
    const result = await act()
    return isFatal ? await never() : result
  }
  return {
    died,
    isDead: () => isDead,
    store: {
      ...memory,
      list: async (...args) => await alive(async () => await memory.list(...args)),
      read: async (...args) => await alive(async () => await memory.read(...args)),
      create: async (key, ...rest) => await write(key, async () => await memory.create(key, ...rest)),
      replace: async (key, ...rest) => await write(key, async () => await memory.replace(key, ...rest)),
    },
  }
}

async function readLakeRows(bytes: Uint8Array): Promise<readonly LakeRow[]> {
  const file = new Uint8Array(bytes).buffer
  const { key_value_metadata: facts } = parquetMetadata(file)
  const carried = (facts?.find(({ key }) => key === 'carried')?.value ?? '').split(',').map((text) => text.split('..'))
  const rows = await parquetReadObjects({ file })
  return rows.map((row): LakeRow => {
    const date = (row['date'] as Date).toISOString().slice(0, 10) as IsoDate
    return {
      date,
      open: row['open'] as number | null,
      high: row['high'] as number | null,
      low: row['low'] as number | null,
      close: row['close'] as number | null,
      adjClose: row['adjClose'] as number | null,
      volume: row['volume'] === null ? null : Number(row['volume']),
      ingestMs: (row['ingest_ts'] as Date).getTime(),
      isCarried: carried.some(([from = '~', to = '']) => from <= date && date <= to),
    }
  })
}
