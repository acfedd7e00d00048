// What a month costs: `bun test/costs.make.ts` reads the prices from .github/workflows/README.md and writes the table below
// them anew. Whoever has other prices changes them there and runs it. costs.test.ts holds the page.

import { join } from 'node:path'
import { markdownTable } from './support/markdown.ts'

export const PAGE = join(import.meta.dir, '../.github/workflows/README.md')

/** The prices and quantities that the page states, by their names there. */
const NAMES = {
  nights: 'nights a month',
  startMinutes: 'a cluster’s start, minutes',
  clusterPerHour: 'three nodes, $ an hour',
  nodePerHour: 'one small node, $ an hour',
  jobMinutes: 'a job’s preparation, minutes',
  actionsPerMinute: 'Actions, $ a minute',
  includedMinutes: 'Actions, minutes included',
  listsPerSymbol: 'LISTs a symbol and night',
  putsPerSymbol: 'PUTs a symbol and night',
  getsPerSymbol: 'GETs a symbol and night',
  filesCompared: 'GETs to compare a symbol',
  filesPerSymbol: 'GETs to audit a symbol',
  listsPerAudit: 'LISTs to audit a symbol',
  s3WritePer1000: 'S3, $ per 1,000 PUTs or LISTs',
  s3ReadPer1000: 'S3, $ per 1,000 GETs',
} as const

export type Prices = Readonly<Record<keyof typeof NAMES, number>>

/** Symbols, and the rate of a plan that can serve them: seconds between two calls. */
const CASES = [
  [10, 15],
  [500, 0.25],
  [500, 0.1],
  [500, 0.02],
  [5_000, 0.25],
  [5_000, 0.1],
  [5_000, 0.02],
] as const

/** What the gate adds to each pause. */
const GATE_SECONDS = 0.005
const CALLS_PER_SYMBOL = 2
/** Of each run its metrics, and a write that the store must refuse. */
const PUTS_PER_NIGHT = 4

export type Month = {
  readonly symbols: number
  readonly rateSeconds: number
  /** A night. */
  readonly waitMinutes: number
  /** A month. */
  readonly cluster: number
  readonly node: number
  readonly jobMinutes: number
  readonly actions: number
  readonly s3: number
}

/** The prices as the page states them. Throws where one is missing. */
export function pricesIn(page: string): Prices {
  const entries = Object.entries(NAMES).map(([key, name]) => {
    const row = page.split('\n').find((line) => line.startsWith(`| ${name} `))
    const value = Number(row?.split('|')[2]?.trim().replaceAll(',', ''))
    if (!Number.isFinite(value)) throw new Error(`The page has no number for "${name}"`)
    return [key, value] as const
  })
  return Object.fromEntries(entries) as unknown as Prices
}

export type Requests = { readonly lists: number; readonly puts: number; readonly gets: number }

/** The S3 requests of the two runs of a night. Where a symbol is audited all of its files are read, not only the last. */
export function requestsOf(symbols: number, prices: Prices): Requests {
  const audits = symbols / auditEvery(symbols)
  return {
    lists: symbols * prices.listsPerSymbol + audits * prices.listsPerAudit,
    puts: symbols * prices.putsPerSymbol + PUTS_PER_NIGHT,
    gets: symbols * prices.getsPerSymbol + (symbols - audits) * prices.filesCompared + audits * prices.filesPerSymbol,
  }
}

/** The sessions between two audits of a symbol, unless `--audit` says otherwise. */
function auditEvery(symbols: number): number {
  return Math.min(20, Math.ceil(symbols / 10))
}

function dollarsOf({ lists, puts, gets }: Requests, prices: Prices): number {
  return ((lists + puts) * prices.s3WritePer1000 + gets * prices.s3ReadPer1000) / 1_000
}

/** A month of nights under these prices. */
export function monthOf(symbols: number, rateSeconds: number, prices: Prices): Month {
  const waitMinutes = (symbols * CALLS_PER_SYMBOL * (rateSeconds + GATE_SECONDS)) / 60
  const clusterHours = ((waitMinutes + prices.startMinutes) / 60) * prices.nights
  // Two jobs a night, of which the second finds nothing to do. Each is rounded up to a minute.
  const jobMinutes = (Math.ceil(waitMinutes + prices.jobMinutes) + Math.ceil(prices.jobMinutes)) * prices.nights
  return {
    symbols,
    rateSeconds,
    waitMinutes,
    cluster: clusterHours * prices.clusterPerHour,
    node: clusterHours * prices.nodePerHour,
    jobMinutes,
    actions: jobMinutes * prices.actionsPerMinute,
    s3: dollarsOf(requestsOf(symbols, prices), prices) * prices.nights,
  }
}

export function monthsOf(prices: Prices): readonly Month[] {
  return CASES.map(([symbols, rateSeconds]) => monthOf(symbols, rateSeconds, prices))
}

/** The share of `before` that is saved; negative where it costs more. */
export function saved(before: number, after: number): number {
  return 1 - after / before
}

const percent = (share: number) => `${Math.round(share * 100)} %`
const dollars = (value: number) => value.toFixed(2)

const HEAD = [
  'symbols',
  '`RATE_LIMIT_SECONDS`',
  'minutes waited a night',
  'three nodes, $',
  'one node, $',
  'Actions, minutes',
  'Actions, $',
  'S3, $',
  'saved against three nodes: paid minutes',
  'included minutes',
  'against one node: paid minutes',
]

/** The table of the page. */
export function tableOf(prices: Prices): string {
  const rows = monthsOf(prices).map((month) => [
    month.symbols.toLocaleString('en-US'),
    String(month.rateSeconds),
    month.waitMinutes.toFixed(1),
    dollars(month.cluster),
    dollars(month.node),
    month.jobMinutes.toLocaleString('en-US'),
    dollars(month.actions),
    dollars(month.s3),
    percent(saved(month.cluster, month.actions + month.s3)),
    percent(saved(month.cluster, month.s3)),
    percent(saved(month.node, month.actions + month.s3)),
  ])
  return markdownTable(HEAD, rows)
}

/** The page with its table made anew. */
export function withTable(page: string): string {
  const start = page.indexOf(`\n| ${HEAD[0]} `) + 1
  const [old = ''] = /^(?:\|.*\n)+/.exec(page.slice(start)) ?? []
  if (start === 0 || old === '') throw new Error('The page has no such table')
  return `${page.slice(0, start)}${tableOf(pricesIn(page))}\n${page.slice(start + old.length)}`
}

if (import.meta.main) await Bun.write(PAGE, withTable(await Bun.file(PAGE).text()))
