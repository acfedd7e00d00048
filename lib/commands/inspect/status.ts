// `ingest status`: how fresh a lake is, from listings. A footer is read only of a symbol without a day file of the last session.

import { STATUS } from '../../cli/lake-settings.ts'
import { targetLocation } from '../../core/config.ts'
import { addDays, type IsoDate } from '../../core/dates.ts'
import { inventory } from '../../datasets/inventory.ts'
import { newestStored } from '../../datasets/prices/inventory.ts'
import { runIdOf } from '../../report/json-schema.ts'
import { readRuns } from '../../report/runs.ts'
import { runStatus, STATUS_VERSION, statusText, type Status } from '../../report/status.ts'
import type { LakeCommand } from './inspect.ts'
import { commandFor, openLake, printFindings, symbolsOf, type Lake, type Look } from './look.ts'

export const STATUS_COMMAND: LakeCommand<typeof STATUS> = {
  settings: STATUS,
  failureCode: 3,
  run: async (look, { maxBehind }) => {
    const status = await statusOf(await openLake(look), maxBehind)
    const text = statusText(status, commandFor([], look.config))
    return await printFindings({ document: status, text, code: status.ok ? 0 : 1 }, look)
  },
}

/** A week of nights. */
const RUNS_SHOWN = 5

async function statusOf(lake: Lake, maxBehind: number): Promise<Status> {
  const { config, startMs, asOf } = lake
  const symbols = await symbolsOf(lake)
  const stored = await countNewest(symbols, lake)
  const newest = [...stored.keys()].toSorted().at(-1)
  const behind = newest === undefined ? undefined : sessionsAfter(newest, lake)
  return {
    schema_version: STATUS_VERSION,
    run_id: runIdOf(startMs),
    target: targetLocation(config.target),
    as_of: asOf,
    ok: behind !== undefined && behind <= maxBehind,
    symbols: symbols.length,
    symbols_stored: [...stored.values()].reduce((sum, count) => sum + count, 0),
    newest_session: newest ?? null,
    symbols_with_newest: newest === undefined ? 0 : (stored.get(newest) ?? 0),
    sessions_behind: behind ?? null,
    max_behind: maxBehind,
    runs: (await Array.fromAsync(readRuns(lake.store, RUNS_SHOWN))).map(runStatus),
  }
}

/** How many symbols have each session as their newest one. */
async function countNewest(symbols: readonly string[], { store, prices, asOf, calendar }: Lake) {
  const context = { store, dataset: prices }
  const counts = new Map<IsoDate, number>()
  for await (const date of inventory(symbols, context, async (files) => await newestStored(files, context, asOf))) {
    if (date === undefined) continue
    // A year file may hold bars of closed days, as of a currency's Sunday.
    const session = calendar.sessionsBack(date, 1)
    counts.set(session, (counts.get(session) ?? 0) + 1)
  }
  return counts
}

function sessionsAfter(session: IsoDate, { calendar, asOf }: Look): number {
  return calendar.sessions({ from: addDays(session, 1), to: asOf }).length
}
