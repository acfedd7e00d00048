// The demo: the real program over public-domain prices and made-up statements, which a server in this process sends it.

import type { IsoDate } from '../../core/dates.ts'
import { runIngest } from '../ingest/ingest.ts'
import type { Config } from '../../core/config.ts'
import type { Effects } from '../effects.ts'
import { SYNTHETIC } from './statements.ts'
import { startDemoServer, type DemoServer } from './server.ts'
import { STATEMENTS } from '../../datasets/datasets.ts'

/** A Saturday morning in New York. The last session before it is the last one of the embedded prices. */
const FRESH_MS = Date.UTC(2013, 2, 2, 14)
const WEEK_MS = 7 * 86_400_000

const INTRODUCTION = `This is a demo on historical data: daily prices of five symbols, 2000 to 2013, from Quandl's public-domain WIKI
database. Unlike FMP's, its prices are as traded (a split shows as a jump in close); adjClose is adjusted.
No key, no bucket and no network beyond this machine are used.

`

/**
 * Backfills all symbols up to a week before the end, runs the nightly mode at the end, then fetches statements. Returns
 * the exit code: the first that is not 0.
 */
export async function runDemo(folder: string, effects: Effects): Promise<number> {
  await effects.print(INTRODUCTION)
  const server = await startDemoServer()
  try {
    await effects.print('1. A backfill of the whole history, one file per symbol and year\n\n')
    const backfill = await runIngest(demoConfig(folder, server, 'backfill'), effects)
    await effects.print('\n2. The nightly run a week later, one file per symbol and session\n\n')
    const daily = await runIngest(demoConfig(folder, server, 'daily'), effects)
    await effects.print(`\n3. Company statements (${SYNTHETIC}), one file per symbol, statement and date\n\n`)
    const statements = await runIngest(statementsConfig(folder, server), effects)
    await effects.print(closing(folder))
    return [backfill, daily, statements].find((code) => code !== 0) ?? 0
  } finally {
    await server.stop()
  }
}

function demoConfig(folder: string, server: DemoServer, mode: 'daily' | 'backfill'): Config {
  return {
    tickers: { kind: 'flag', list: server.symbols.join(',') },
    dates: {
      mode,
      fromDate: mode === 'backfill' ? (server.firstDate as IsoDate) : undefined,
      toDate: undefined,
      backfillDays: undefined,
      lookback: 5,
    },
    target: { kind: 'folder', folder },
    prefix: 'raw',
    fileNote: undefined,
    datasets: ['prices'],
    periods: [],
    skipsBadTickers: false,
    isForced: false,
    isDryRun: false,
    isJson: false,
    isQuiet: false,
    allowsUnsafeStore: false,
    withAdjClose: true,
    maxCalls: undefined,
    nowMs: mode === 'backfill' ? FRESH_MS - WEEK_MS : FRESH_MS,
    apiKey: server.key,
    api: 'stable',
    apiBaseUrl: server.url,
    rateLimitSeconds: 0,
    maxWorkers: 5,
    uploadConcurrency: 8,
    apiTimeoutSeconds: 30,
    warnings: [],
    secrets: [server.key],
    defaultRegion: undefined,
    hasCustomEndpoint: false,
    actionsJob: undefined,
  }
}

/** The warning is printed at the start, so that nobody takes these figures for real ones. */
function statementsConfig(folder: string, server: DemoServer): Config {
  return {
    ...demoConfig(folder, server, 'daily'),
    datasets: STATEMENTS.map(({ name }) => name),
    periods: ['annual', 'quarter'],
    fileNote: SYNTHETIC,
    warnings: [`These statements are ${SYNTHETIC}.`],
  }
}

/** Says where the files are, with a query. A date can be in a year file and in a day file; the query takes the newest row. */
function closing(folder: string): string {
  const files = `${folder.replaceAll("'", "''")}/raw/prices/**/*.parquet`
  return `
The files are under ${folder}/raw/prices and ${folder}/raw/fundamentals (the latter ${SYNTHETIC}), what the three runs did under ${folder}/logs/ingest.
A look at them with DuckDB (a date may stand in a year file and a day file: the row with the newest ingest_ts counts):

  SELECT symbol, count(*) AS sessions, min(date) AS first, max(date) AS last, arg_max(adjClose, date) AS last_adj_close
  FROM (
    SELECT * FROM read_parquet('${files}', hive_partitioning = false)
    QUALIFY row_number() OVER (PARTITION BY symbol, date ORDER BY ingest_ts DESC) = 1
  )
  GROUP BY symbol ORDER BY symbol;
`
}
