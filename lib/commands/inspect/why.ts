// `ingest why SYMBOL DATE`: the life of one cell, from the objects that hold it, the metrics of the runs since, and the planner of
// the next one. FMP is asked with `--ask` only.

import { WHY } from '../../cli/lake-settings.ts'
import type { Values } from '../../cli/resolve-lake.ts'
import { FIRST_YEAR, LAST_YEAR, yearOf } from '../../core/dates.ts'
import { whyText } from '../../report/why-text.ts'
import type { LakeCommand } from './inspect.ts'
import { commandFor, openLake, printFindings } from './look.ts'

export type WhySettings = Values<typeof WHY>

export const WHY_COMMAND: LakeCommand<typeof WHY> = {
  settings: WHY,
  failureCode: 1,
  problems: problemsOf,
  asksVendor: ({ asksFmp }) => asksFmp,
  run: async (look, own) => {
    const { symbol, date, dataset } = own
    if (symbol === undefined || date === undefined) throw new Error('Both are checked for before')
    const lake = await openLake(look)
    const cell = { symbol, date, asksFmp: own.asksFmp }
    const why =
      dataset === 'prices'
        ? await (await import('./why-price.ts')).whyPrice(cell, lake)
        : await (await import('./why-document.ts')).whyDocument({ ...cell, dataset }, lake)
    const more = ['why', symbol, date, ...(dataset === 'prices' ? [] : ['--dataset', dataset]), '--json']
    return await printFindings({ document: why, text: whyText(why, commandFor(more, look.config)), code: 0 }, look)
  },
}

function problemsOf({ symbol, date, dataset }: WhySettings, { isGiven }: { isGiven: (name: string) => boolean }) {
  const isMissing =
    (symbol === undefined && !isGiven(WHY.symbol.flag)) || (date === undefined && !isGiven(WHY.date.flag))
  if (isMissing) return ['SYMBOL and DATE are needed: ingest why AAPL 2024-09-16.']
  if (date === undefined || dataset !== 'prices' || (yearOf(date) >= FIRST_YEAR && yearOf(date) <= LAST_YEAR)) return []
  return [`DATE ${date} is outside ${FIRST_YEAR} to ${LAST_YEAR}, the years of the calendar.`]
}
