// Puts day files of some symbols into a folder without a sync, because a lake that has grown for a year is only read here.
// Prints how many there are.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { XNYS } from '../../../lib/core/calendar.ts'
import type { IsoDate } from '../../../lib/core/dates.ts'
import { makeBars } from '../../support/bars.ts'
import { encodeDraft, PRICES } from '../drafts.ts'
import { symbolsOf } from '../tickers.ts'

const [folder = '', symbolCount = '', from = '', to = ''] = process.argv.slice(2)
const sessions = XNYS.sessions({ from: from as IsoDate, to: to as IsoDate })
let files = 0
for (const [index, symbol] of symbolsOf(Number(symbolCount)).entries()) {
  for (const bar of makeBars(sessions, index)) {
    const key = PRICES.key(symbol, { kind: 'day', date: bar.date })
    const path = join(folder, key)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, encodeDraft({ key, rows: [{ symbol, ...bar }], asked: undefined }).bytes)
    files += 1
  }
}
console.log(files)
