// `ingest coverage`: writes one page that shows what a lake holds of each symbol and month. Nothing is written into the lake.

import { rename, rm, writeFile } from 'node:fs/promises'
import { COVERAGE } from '../../cli/lake-settings.ts'
import { FIRST_YEAR, newYorkClock } from '../../core/dates.ts'
import { errnoOf, IngestError } from '../../core/errors.ts'
import { oneLine } from '../../core/text.ts'
import { inventory } from '../../datasets/inventory.ts'
import { monthsUpTo } from '../../datasets/prices/months.ts'
import { readPriceFiles } from '../../datasets/prices/price-files.ts'
import { coverageText, type Coverage } from '../../report/coverage.ts'
import { coveragePage } from '../../report/coverage-page.ts'
import { runLogOf } from '../../report/run-log.ts'
import { toJson } from '../../report/metrics-file.ts'
import { readLastRuns } from '../../report/runs.ts'
import { coverageOf, coveredSymbol, type CoverageContext } from './coverage-data.ts'
import type { LakeCommand } from './inspect.ts'
import { commandFor, openLake, printFindings, symbolsOf, type Lake } from './look.ts'

export const COVERAGE_COMMAND: LakeCommand<typeof COVERAGE> = {
  settings: COVERAGE,
  failureCode: 1,
  run: async (look, { page: path }) => {
    // What leaves the program is without secrets: the page as well as the document.
    const document = JSON.parse(toJson(await coverageIn(await openLake(look)), look.redact)) as Coverage
    await writePage(path, coveragePage(document))
    return await printFindings({ document, text: `Wrote ${oneLine(path)}: ${coverageText(document)}\n`, code: 0 }, look)
  },
}

/** Two months of nights. */
const RUNS_READ = 40

async function coverageIn(lake: Lake): Promise<Coverage> {
  const { config, store, prices, calendar, startMs, asOf } = lake
  const context: CoverageContext = {
    config,
    command: commandFor([], config),
    startMs,
    calendar,
    asOf,
    due: calendar.lastSessionBefore(newYorkClock(startMs).date),
    months: monthsUpTo(calendar, FIRST_YEAR, asOf),
    log: await runLogOf(readLastRuns(store, { runs: RUNS_READ, untilMs: Infinity, sinceMs: Infinity }), calendar),
  }
  const reading = { store, dataset: prices, calendar }
  const covered = inventory(await symbolsOf(lake), reading, async ({ symbol, files }) =>
    coveredSymbol(symbol, await readPriceFiles(files, reading), context),
  )
  return coverageOf(await Array.fromAsync(covered), context)
}

/** Whole or not at all: a reader of the old page never sees a half of the new one. */
async function writePage(path: string, html: string): Promise<void> {
  const temp = `${path}.${crypto.randomUUID()}.tmp`
  try {
    await writeFile(temp, html)
    await rename(temp, path)
  } catch (error) {
    await rm(temp, { force: true }).catch(() => undefined)
    const code = errnoOf(error)
    if (code === undefined) throw error
    throw new IngestError(`The page could not be written to ${oneLine(path)} (${code})`, {
      kind: 'output',
      scope: 'run',
      hint: 'Name a file in a folder that is there and may be written to.',
      cause: error,
    })
  }
}
