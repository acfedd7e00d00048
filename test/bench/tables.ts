// The table beside the stored files: making it, reading it, mending it.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { processOf, type Ground } from './ground.ts'
import type { Case, Contender, Sample } from './rounds.ts'
import { counted, symbolsOf } from './tickers.ts'

/** 252 sessions. */
const YEAR = ['2024-01-01', '2024-12-31'] as const
const SESSIONS = 252

/** The table of that year has a file a month; that of the next one holds it in files of some symbols each. */
const [IN_MONTHS, IN_BUCKETS] = ['2024-12-31T23:30:00Z', '2025-01-15T14:00:00Z'] as const

type Lake = { readonly folder: string; readonly files: number }

/** A year of day files; made once. */
async function makeDays(ground: Ground, symbols: number): Promise<Lake> {
  const lake = { folder: join(ground.folder, `days-${symbols}`), files: symbols * SESSIONS }
  const isThere = await Bun.file(join(lake.folder, 'made')).exists()
  if (!isThere) await ground.measure(processOf('make-days', lake.folder, String(symbols), ...YEAR))
  await Bun.write(join(lake.folder, 'made'), '')
  return lake
}

/** What a run of `ingest table` finds and does. */
type Mode = 'new' | 'unchanged' | 'check' | 'rebuild'

export async function tableCase(ground: Ground, symbols: number, mode: Mode): Promise<Omit<Case, 'name'>> {
  const { folder, files } = await makeDays(ground, symbols)
  const flags = { new: [], unchanged: [], check: ['--check'], rebuild: ['--rebuild'] }[mode]
  const command = (...more: readonly string[]) => [...ground.program, 'table', ...more, '--out', folder]
  return {
    title: `table of ${files.toLocaleString('en-US')} day files, ${counted(symbols, 'symbol')}, ${mode}, folder`,
    files,
    program: {
      name: 'ingest',
      command: () => [...command(...flags), '--now', IN_MONTHS],
      before: async () => {
        await rm(join(folder, 'tables'), { recursive: true, force: true })
        if (mode !== 'new') await ground.measure([...command(), '--now', mode === 'rebuild' ? IN_BUCKETS : IN_MONTHS])
      },
      flaw: () => undefined,
    },
  }
}

/** The same rows in the table and in their day files, in files of months or of some symbols each. */
export async function readingCase(ground: Ground, symbols: number, isOne: boolean): Promise<Omit<Case, 'name'>> {
  const { folder, files } = await makeDays(ground, symbols)
  const symbol = isOne ? (symbolsOf(symbols).at(symbols / 2) ?? '') : ''
  const rows = isOne ? SESSIONS : files
  const tables = { months: IN_MONTHS, buckets: IN_BUCKETS }
  for (const [name, now] of Object.entries(tables)) {
    await ground.measure(['env', `S3_TABLE_PREFIX=${name}`, ...ground.program, 'table', '--out', folder, '--now', now])
  }
  const reading = (name: string, glob: string): Contender => ({
    name,
    command: () => processOf('read-duckdb', join(folder, glob), symbol),
    before: async () => undefined,
    flaw: ({ stdout }) => {
      const read = (JSON.parse(stdout) as { readonly rows: number }).rows
      return read === rows ? undefined : `${read} rows, ${rows} expected`
    },
    inside: (stdout) => {
      const { wallMs, cpuMs } = JSON.parse(stdout) as Pick<Sample, 'wallMs' | 'cpuMs'>
      return { wallMs, cpuMs }
    },
  })
  return {
    title: `DuckDB reads ${isOne ? 'one symbol' : 'all'} of ${files.toLocaleString('en-US')} rows, table in months`,
    files: 0,
    program: reading('table in months', 'months/prices/*.parquet'),
    baselines: async () => [
      reading('table in files of some symbols', 'buckets/prices/*.parquet'),
      reading('day files', 'raw/prices/**/*.parquet'),
    ],
  }
}

const [YEARS, MENDED, SYMBOLS_OF_FILE] = [25, 6, 32] as const

/** The same mend with files that hold all years of some symbols, a year of all, or a year of some. */
export function mendCase(symbols: number): Omit<Case, 'name'> {
  return {
    title: `mend of ${MENDED} of ${counted(symbols, 'symbol')} × ${YEARS} years, a file for some symbols`,
    files: 0,
    program: mending('a file for some symbols', SYMBOLS_OF_FILE, SESSIONS * YEARS, 1, MENDED),
    baselines: async () => [
      mending('a file for a year', symbols, SESSIONS, MENDED, YEARS),
      mending('a file for some symbols and a year', SYMBOLS_OF_FILE, SESSIONS, 1, MENDED * YEARS),
    ],
  }
}

function mending(name: string, ...size: readonly number[]): Contender {
  return {
    name,
    command: () => processOf('mend-table', ...size.map(String)),
    before: async () => undefined,
    flaw: () => undefined,
    inside: (stdout) => {
      const { wallMs, cpuMs } = JSON.parse(stdout) as Pick<Sample, 'wallMs' | 'cpuMs'>
      return { wallMs, cpuMs }
    },
  }
}
