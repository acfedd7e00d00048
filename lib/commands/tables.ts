// The tables of a lake: which there are, and how a run keeps them up to date.

import type { Config, DatasetName } from '../core/config.ts'
import type { Dataset } from '../core/dataset.ts'
import { dateOf, newYorkClock, yearOf } from '../core/dates.ts'
import { IngestError } from '../core/errors.ts'
import { STATEMENTS } from '../datasets/datasets.ts'
import { createPrices } from '../datasets/prices/schema.ts'
import { createStatement } from '../datasets/statements/schema.ts'
import { keepTable } from '../datasets/table/night.ts'
import { noteRun } from '../datasets/table/open-runs.ts'
import type { TableContext } from '../datasets/table/units.ts'
import { watchStore } from '../datasets/table/watch.ts'
import type { Store } from '../store/store.ts'
import type { Look } from './inspect/look.ts'

type LakeSettings = Pick<Config, 'prefix' | 'creator'>

/** A dataset as its files are read; how FMP is asked for it does not matter here. */
export function datasetOf(name: DatasetName, { prefix, creator }: LakeSettings): Dataset {
  const statement = STATEMENTS.find((known) => known.name === name)
  if (statement !== undefined) return createStatement(statement, { prefix, creator })
  return createPrices({ api: 'stable', withAdjClose: true, prefix, creator })
}

/** What a table of a dataset is made with. `nowMs` is the instant of the run. */
export function tableContext(
  dataset: Dataset,
  { store, ...rest }: Pick<TableContext, 'store' | 'tablePrefix' | 'version' | 'runId' | 'nowMs' | 'onProblem'>,
): TableContext {
  // A statement's documents are few: its table has no months.
  const baseYear = dataset.name === 'prices' ? yearOf(newYorkClock(rest.nowMs).date) : undefined
  return { ...rest, store, dataset, baseYear }
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
  /** Brings the tables up to date with what the run has done. Rejects with a defect only. */
  readonly keep: () => Promise<KeptTables>
}

/** Watches what a run does with the store, for its tables; with a run that keeps none nothing is watched. */
export function watchTables(
  store: Store,
  config: Config,
  about: Pick<TableContext, 'version' | 'runId' | 'nowMs' | 'onProblem'>,
): RunTables {
  if (!config.keepsTables || config.isDryRun) return { store, keep: async () => ({ filesWritten: 0, errors: [] }) }
  const datasets = config.datasets.map((name) => datasetOf(name, config))
  const { date } = newYorkClock(about.nowMs)
  const [year = 0, month = 0] = date.split('-').map(Number)
  // Day files of this month and the last: a run that was ended before it came to the table wrote none before these.
  const listedFrom = dateOf(year, month - 1, 1)
  const contextOf = (dataset: Dataset) => tableContext(dataset, { ...about, store, tablePrefix: config.tablePrefix })
  const noted = new Map<Dataset, Promise<void>>()
  const beforeChange = async (dataset: Dataset) => {
    const note = noted.get(dataset) ?? noteOpen(contextOf(dataset))
    noted.set(dataset, note)
    await note
  }
  const watching = watchStore(store, { datasets, listedFrom, beforeChange })
  return {
    store: watching.store,
    async keep() {
      const errors: IngestError[] = []
      let filesWritten = 0
      for (const dataset of datasets) {
        try {
          filesWritten += (await keepTable(watching.watched(dataset), contextOf(dataset))).filesWritten
        } catch (error) {
          if (!(error instanceof IngestError)) throw error
          errors.push(error)
        }
      }
      return { filesWritten, errors }
    },
  }
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
