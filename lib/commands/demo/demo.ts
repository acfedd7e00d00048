// The demo: the real program over public-domain prices and made-up statements, which a server in this process sends it.

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { utcDate, type IsoDate } from '../../core/dates.ts'
import { errnoOf, usageError, type IngestError } from '../../core/errors.ts'
import { oneLine, shellWord } from '../../core/text.ts'
import { showPrices, showStatements } from './show.ts'
import { runIngest } from '../ingest/ingest.ts'
import { type Config, DEMO_CREATOR } from '../../core/config.ts'
import { DEMO_MARK, type Effects } from '../effects.ts'
import { SYNTHETIC } from './statements.ts'
import { startDemoServer, type DemoServer } from './server.ts'
import { STATEMENTS } from '../../datasets/datasets.ts'

/** A Saturday morning in New York. The last session before it is the last one of the embedded prices. */
const FRESH_MS = Date.UTC(2013, 2, 2, 14)
const WEEK_MS = 7 * 86_400_000
/** A Thursday morning, two sessions before that. */
const THURSDAY_MS = FRESH_MS - 2 * 86_400_000

/** The end of what is embedded, for the commands that look at the lake: today every symbol is years behind. */
const FRESH_NOW = new Date(FRESH_MS).toISOString().replace('.000', '')

const INTRODUCTION = `This is a demo on historical data: daily prices of five symbols, 2000 to 2013, from Quandl's public-domain WIKI
database. Unlike FMP's, its prices are as traded (a split shows as a jump in close); adjClose is adjusted.
No key, no bucket and no network beyond this machine are used.

`

/** Before the last quarter of 2012 was reported. */
const AUTUMN_MS = Date.UTC(2012, 10, 20, 14)

/** One part of the demo: its title, its run, and what there is to see afterwards. */
type Part = { readonly title: string; readonly config: Config; readonly show?: () => Promise<string> }

/**
 * Backfills all symbols up to a week before the end, runs the nightly mode on a Thursday, when a bar is not there yet, and at the
 * end, then fetches statements as they were in autumn and as they are. Returns the first exit code that is not 0. Throws a usage error for a folder that holds
 * anything but a lake of the demo.
 */
export async function runDemo(folder: string, effects: Effects): Promise<number> {
  await claimFolder(folder)
  await effects.print(INTRODUCTION)
  const server = await startDemoServer()
  try {
    const codes: number[] = []
    for (const [index, { title, config, show }] of partsOf(folder, server).entries()) {
      server.setToday(utcDate(config.nowMs ?? FRESH_MS))
      await effects.print(`${index === 0 ? '' : '\n'}${index + 1}. ${title}\n\n`)
      codes.push(await runIngest(config, effects))
      if (show !== undefined) await effects.print(`\n${await show()}`)
    }
    await effects.print(closing(folder))
    return codes.find((code) => code !== 0) ?? 0
  } finally {
    await server.stop()
  }
}

function partsOf(folder: string, server: DemoServer): readonly Part[] {
  const [symbol = ''] = server.symbols
  return [
    {
      title: 'A backfill of the history up to the last week, one file per symbol and year',
      config: demoConfig(folder, server, { mode: 'backfill', nowMs: FRESH_MS - WEEK_MS }),
      show: async () => `${noDataNote(server)}\n`,
    },
    {
      title: 'The nightly run five days later, one file per symbol and session. One bar has not come yet',
      config: demoConfig(folder, server, { mode: 'daily', nowMs: THURSDAY_MS }),
    },
    {
      title: 'Two nights later: the bar has come, and a volume of that day was corrected',
      config: demoConfig(folder, server, { mode: 'daily', nowMs: FRESH_MS }),
      show: async () => await showPrices(folder, server.symbols, DEMO_CREATOR),
    },
    {
      title: `Company statements (${SYNTHETIC}), as they were on ${utcDate(AUTUMN_MS)}`,
      config: statementsConfig(folder, server, AUTUMN_MS),
    },
    {
      title: `The same on ${utcDate(FRESH_MS)}: what is new, and one statement restated`,
      config: statementsConfig(folder, server, FRESH_MS),
      show: async () =>
        `${symbol}'s income statements. A backtest may use a row from its acceptedDate on:\n\n` +
        (await showStatements(folder, symbol, DEMO_CREATOR)),
    },
  ]
}

/** Why a part of the sessions asked for has no data. */
function noDataNote({ firstDates }: DemoServer): string {
  const begins = [...firstDates].map(([symbol, date]) => `${symbol} ${date}`).join(', ')
  return `"No data" are the sessions of these years before a symbol's first bar (${begins}).`
}

const MARK_TEXT = 'Data of the demo of fmp-ingest: historical prices as traded, and made-up statements. Not for use.\n'

/** Makes the folder the demo's. Throws a usage error for one that holds anything else. */
async function claimFolder(folder: string): Promise<void> {
  const names = await readdir(folder).catch(noneIfAbsent)
  const own = names.includes(DEMO_MARK) ? ['raw', 'tables', 'logs', '.ingest-tmp', DEMO_MARK] : []
  const strange = names.find((name) => !own.includes(name))
  if (strange !== undefined) {
    const hint = 'Name another folder with --out.'
    throw usageError(
      `The demo writes into a folder of its own, and ${oneLine(folder)} holds ${oneLine(strange)}.`,
      hint,
    )
  }
  await Bun.write(join(folder, DEMO_MARK), MARK_TEXT).catch((error: unknown) => {
    throw errnoOf(error) === undefined ? error : unusable(folder, error)
  })
}

function noneIfAbsent(error: unknown): readonly string[] {
  if (errnoOf(error) === 'ENOENT') return []
  throw errnoOf(error) === undefined ? error : unusable('The folder', error)
}

function unusable(folder: string, error: unknown): IngestError {
  return usageError(`${oneLine(folder)} cannot be used (${errnoOf(error)}).`, 'Name another folder with --out.')
}

type DemoRun = { readonly mode: 'daily' | 'backfill'; readonly nowMs: number }

function demoConfig(folder: string, server: DemoServer, { mode, nowMs }: DemoRun): Config {
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
    creator: DEMO_CREATOR,
    datasets: ['prices'],
    periods: [],
    mending: 'all',
    auditEvery: undefined,
    accepts: [],
    acceptedSessions: [],
    skipsBadTickers: false,
    isForced: false,
    isDryRun: false,
    showsKeys: false,
    isJson: false,
    isQuiet: false,
    allowsUnsafeStore: false,
    withAdjClose: true,
    tablePrefix: 'tables',
    keepsTables: true,
    maxCalls: undefined,
    nowMs,
    apiKey: server.key,
    api: 'stable',
    apiBaseUrl: server.url,
    rateLimitSeconds: 0,
    shard: undefined,
    runGroup: undefined,
    usesLedger: false,
    dailyCalls: undefined,
    maxWorkers: 5,
    uploadConcurrency: 8,
    apiTimeoutSeconds: 30,
    warnings: [],
    secrets: [server.key],
    defaultRegion: undefined,
    addressingStyle: undefined,
    actionsJob: undefined,
  }
}

/** The warning is printed at the start, so that nobody takes these figures for real ones. */
function statementsConfig(folder: string, server: DemoServer, nowMs: number): Config {
  return {
    ...demoConfig(folder, server, { mode: 'daily', nowMs }),
    datasets: STATEMENTS.map(({ name }) => name),
    periods: ['annual', 'quarter'],
    fileNote: SYNTHETIC,
    warnings: [`These statements are ${SYNTHETIC}.`],
  }
}

/** Says where the files are, with the commands that look at them and a query of the table. */
function closing(folder: string): string {
  const lake = `--out ${shellWord(oneLine(folder))} --now ${FRESH_NOW}`
  const table = `${folder.replaceAll("'", "''")}/tables/prices/*.parquet`
  return `
The files are under ${folder}/raw/prices and ${folder}/raw/fundamentals (the latter ${SYNTHETIC}), what the runs did under ${folder}/logs/ingest.
Whether anything is wrong with them, how fresh they are, and a page that shows every symbol and month:

  ingest verify ${lake}
  ingest status ${lake}
  ingest coverage coverage.html ${lake}

The tables under ${folder}/tables have their rows in few files, one row of each symbol and date. In DuckDB:

  SELECT symbol, count(*) AS sessions, min(date) AS first, max(date) AS last, arg_max(adjClose, date) AS last_adj_close
  FROM '${table}' GROUP BY symbol ORDER BY symbol;
`
}
