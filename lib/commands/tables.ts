// The tables of a lake: which there are, and how a run keeps them up to date.

import { XNYS } from '../core/calendar.ts'
import type { Config, DatasetName } from '../core/config.ts'
import type { Dataset } from '../core/dataset.ts'
import { dateOf, newYorkClock, yearOf } from '../core/dates.ts'
import { IngestError } from '../core/errors.ts'
import { resolvePeriod } from '../core/period.ts'
import { STATEMENTS } from '../datasets/datasets.ts'
import { createPrices, type SessionDataset } from '../datasets/prices/schema.ts'
import { lineOfListing, type LineOf, type SurveyMemory } from '../datasets/prices/settled.ts'
import { createStatement } from '../datasets/statements/schema.ts'
import { keepTable } from '../datasets/table/night.ts'
import { noteRun } from '../datasets/table/open-runs.ts'
import { openTrusted, type TrustedTable } from '../datasets/table/trusted.ts'
import type { TableContext } from '../datasets/table/units.ts'
import { watchStore } from '../datasets/table/watch.ts'
import type { Store } from '../store/store.ts'
import type { Look } from './inspect/look.ts'

type LakeSettings = Pick<Config, 'prefix' | 'creator'>

/** A dataset as its files are read; how FMP is asked for it does not matter here. */
export function datasetOf(name: DatasetName, lake: LakeSettings): Dataset {
  const statement = STATEMENTS.find((known) => known.name === name)
  return statement === undefined ? pricesOf(lake) : createStatement(statement, lake)
}

function pricesOf({ prefix, creator }: LakeSettings): SessionDataset {
  return createPrices({ api: 'stable', withAdjClose: true, prefix, creator })
}

type TableAbout = Pick<TableContext, 'store' | 'tablePrefix' | 'version' | 'runId' | 'nowMs' | 'onProblem'>

/** What a table of a dataset is made with. `nowMs` is the instant of the run. */
export function tableContext(dataset: Dataset, about: TableAbout): TableContext {
  // A statement's documents are few: its table has no months.
  const baseYear = dataset.name === 'prices' ? yearOf(newYorkClock(about.nowMs).date) : undefined
  return { ...about, dataset, baseYear }
}

/** What a table of a dataset is written with. `lookback` is that of the nightly runs that it settles symbols for, in sessions. */
export function writtenTable(
  name: DatasetName,
  lake: LakeSettings,
  { lookback, ...about }: TableAbout & { readonly lookback: number },
): TableContext {
  if (name !== 'prices') return tableContext(datasetOf(name, lake), about)
  const dataset = pricesOf(lake)
  const open = { fromDate: undefined, toDate: undefined, backfillDays: undefined }
  const period = resolvePeriod({ mode: 'daily', ...open, lookback }, XNYS, about.nowMs)
  const settle = lineOfListing({ store: about.store, dataset, calendar: XNYS, period })
  return { ...tableContext(dataset, about), settle }
}

/** The same for a command that reads tables only: it names what is wrong with a stored file by other means, or not at all. */
export function tableToRead(
  dataset: Dataset,
  store: Store,
  { config, effects, startMs }: Pick<Look, 'config' | 'effects' | 'startMs'>,
): TableContext {
  const { tablePrefix } = config
  const { version } = effects
  const about = { tablePrefix, version, runId: crypto.randomUUID(), nowMs: startMs, onProblem: () => undefined }
  return tableContext(dataset, { ...about, store })
}

export type KeptTables = { readonly filesWritten: number; readonly errors: readonly IngestError[] }

/** The tables of one run. */
export type RunTables = {
  /** The store by which the run lists and writes. */
  readonly store: Store
  /** What the table of prices knows of earlier surveys; absent in a run that keeps no tables. */
  readonly memory?: SurveyMemory
  /** Brings the tables up to date with what the run has done. Rejects with a defect only. */
  readonly keep: () => Promise<KeptTables>
}

type RunAbout = Pick<TableContext, 'version' | 'runId' | 'nowMs' | 'onProblem'>

/** Watches what a run does with the store, for its tables; with a run that keeps none nothing is watched. */
export function watchTables(store: Store, config: Config, about: RunAbout): RunTables {
  if (!config.keepsTables || config.isDryRun) return { store, keep: async () => ({ filesWritten: 0, errors: [] }) }
  const { tablePrefix, dates } = config
  const { lookback } = dates
  const contexts = config.datasets.map((name) => writtenTable(name, config, { ...about, store, tablePrefix, lookback }))
  const { date } = newYorkClock(about.nowMs)
  const [year = 0, month = 0] = date.split('-').map(Number)
  const datasets = contexts.map(({ dataset }) => dataset)
  // Day files of this month and the last: a run that was ended before it came to the table wrote none before these.
  const listedFrom = dateOf(year, month - 1, 1)
  // The rows of December may stand in the file of all years before this one, which does not say what days it has.
  const seenFrom = month === 1 ? dateOf(year, 1, 1) : listedFrom
  const noted = new Map<Dataset, Promise<void>>()
  const beforeChange = async (dataset: Dataset) => {
    const context = contexts.find((known) => known.dataset === dataset)
    const note = noted.get(dataset) ?? (context && noteOpen(context))
    if (note !== undefined) noted.set(dataset, note)
    await note
  }
  const watching = watchStore(store, { datasets, listedFrom, seenFrom, beforeChange })
  const prices = contexts.find(({ dataset }) => dataset.name === 'prices')
  let found: TrustedTable | undefined
  let settledOf: LineOf | undefined
  return {
    store: watching.store,
    memory: {
      async recall() {
        // A table that cannot be read is an error at the end of the run: its symbols are listed until then.
        found = prices && (await openTrusted(prices).catch(ignoreFailure))
        return new Map([...(found?.footer.entries ?? [])].map(([symbol, { settled }]) => [symbol, settled]))
      },
      remember(lineOf) {
        settledOf = lineOf
      },
    },
    async keep() {
      const errors: IngestError[] = []
      let filesWritten = 0
      for (const context of contexts) {
        const watched = watching.watched(context.dataset)
        const night = context === prices ? { watched, found, settledOf } : { watched }
        try {
          filesWritten += (await keepTable(night, context)).filesWritten
        } catch (error) {
          if (!(error instanceof IngestError)) throw error
          errors.push(error)
        }
      }
      return { filesWritten, errors }
    },
  }
}

function ignoreFailure(error: unknown): undefined {
  if (!(error instanceof IngestError)) throw error
  return undefined
}

/** Notes the run as open. The raw files are stored all the same where that fails. */
async function noteOpen(context: TableContext): Promise<void> {
  try {
    await noteRun({ id: context.runId, sinceMs: context.nowMs }, context)
  } catch (error) {
    if (!(error instanceof IngestError)) throw error
    context.onProblem(`If this run is ended now, the table is behind until \`ingest table\`: ${error.message}.`)
  }
}
