// How wall time, CPU and memory grow with files and with symbols: each series at one, four and sixteen times its size.
import type { DateRange, IsoDate } from '../../lib/core/dates.ts'
import { freshCase } from './backfills.ts'
import type { Ground } from './ground.ts'
import { newNight, presentNight } from './nights.ts'
import type { Place } from './place.ts'
import { runCase, type Case, type Result } from './rounds.ts'
import { tableCase } from './tables.ts'
import { markdown, megabytes, seconds } from './table.ts'

export const SCALES = [1, 4, 16] as const

const PLACE: Place = { kind: 's3', latencyMs: 20 }

function lastYears(count: number): DateRange {
  return { from: `${2025 - count}-01-01` as IsoDate, to: '2024-12-31' as IsoDate }
}

type Series = (ground: Ground, scale: number) => Promise<Omit<Case, 'name'>>

export const SERIES: Readonly<Record<string, Series>> = {
  'growth-symbols': async (ground, scale) =>
    await freshCase(ground, { kind: 'day', symbols: 10 * scale, range: lastYears(5), place: PLACE }),
  'growth-years': async (ground, scale) =>
    await freshCase(ground, { kind: 'day', symbols: 1, range: lastYears(2 * scale), place: PLACE }),
  'growth-night-new': async (ground, scale) => await newNight(ground, 500 * scale),
  'growth-table-new': async (ground, scale) => await tableCase(ground, 31 * scale, 'new'),
  'growth-night-present': async (ground, scale) => await presentNight(ground, 500 * scale),
}

/** The program alone at one scale; baselines have their own cases. */
export async function runScale(
  ground: Ground,
  name: string,
  { scale, runs }: { scale: number; runs: number },
): Promise<Result> {
  const series = SERIES[name]
  if (series === undefined) throw new Error(`There is no series ${name}.`)
  const { title, files, program } = await series(ground, scale)
  return await runCase(ground, { name: `${name}-${scale}x`, title, files, program }, runs)
}

type Figures = { readonly wallMs: number; readonly cpuMs: number; readonly peakBytes: number }

/** `results` holds the scales of one series after those of another. */
export function growthTable(results: readonly Result[]): string {
  const head = ['case', 'size', 'wall s', 'CPU s', 'peak MB', 'API', 'PUT', 'LIST', 'exponent: wall', 'CPU', 'memory']
  const rows: string[][] = []
  for (let start = 0; start < results.length; start += SCALES.length) {
    const series = results.slice(start, start + SCALES.length)
    rows.push(...series.map((result, index) => [...figureCells(result, index), ...exponentCells(series, index)]))
  }
  return markdown(head, rows)
}

function figureCells({ title, contenders }: Result, index: number): string[] {
  const median = contenders[0]?.median
  if (median === undefined) return []
  const { wallMs, cpuMs, peakBytes, requests } = median
  const counts = [requests.api, requests.put, requests.list].map((count) => count.toLocaleString('en-US'))
  return [title, `${SCALES[index]}×`, seconds(wallMs), seconds(cpuMs), megabytes(peakBytes), ...counts]
}

/** On the last row of a series: all its sizes go into them. */
function exponentCells(series: readonly Result[], index: number): string[] {
  if (index < SCALES.length - 1) return ['', '', '']
  const figures = series.flatMap(({ contenders: [program] }) => program?.median ?? [])
  const picks: ((figure: Figures) => number)[] = [
    ({ wallMs }) => wallMs,
    ({ cpuMs }) => cpuMs,
    ({ peakBytes }) => peakBytes,
  ]
  return picks.map((pick) => exponentOf(figures.map(pick)).toFixed(2))
}

/** The slope of log(value) over log(scale), by least squares: 1 is in proportion, 0 is flat. */
function exponentOf(values: readonly number[]): number {
  const points = values.map((value, index) => [Math.log(SCALES[index] ?? 1), Math.log(value)] as const)
  const mean = (axis: 0 | 1) => points.reduce((sum, point) => sum + point[axis], 0) / points.length
  const [meanX, meanY] = [mean(0), mean(1)]
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  return covariance / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
}
