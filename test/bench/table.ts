// Results as one Markdown table, aligned so that a terminal shows it too.
import type { ContenderResult, Result, Sample } from './rounds.ts'

const HEAD = ['case', 'wall s', 'CPU s', 'CPU ms a file', 'peak MB', 'API', 'PUT', 'GET', 'LIST', 'ingest takes ×']

export function tableOf(results: readonly Result[]): string {
  return markdown(
    HEAD,
    results.flatMap((result) => result.contenders.map((contender, index) => rowOf(result, contender, index === 0))),
  )
}

function rowOf({ title, files }: Result, { name, median, ratio }: ContenderResult, isProgram: boolean): string[] {
  const { wallMs, cpuMs, peakBytes, requests } = median
  return [
    isProgram ? `**${title}**` : `– ${name}`,
    seconds(wallMs),
    seconds(cpuMs),
    files === 0 ? '' : (cpuMs / files).toFixed(3),
    megabytes(peakBytes),
    ...requestCells(requests),
    ratio === undefined ? '' : `${ratio.wall.toFixed(2)} (CPU ${ratio.cpu.toFixed(2)})`,
  ]
}

function requestCells({ api, put, get, list }: Sample['requests']): string[] {
  return [api, put, get, list].map((count) => (count === 0 ? '' : count.toLocaleString('en-US')))
}

export function seconds(ms: number): string {
  return (ms / 1_000).toFixed(ms < 1_000 ? 3 : 2)
}

export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0)
}

/** The first column to the left, all others to the right. */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)))
  const line = (cells: readonly string[]) => {
    const padded = cells.map((cell, column) => {
      const width = widths[column] ?? 0
      return column === 0 ? cell.padEnd(width) : cell.padStart(width)
    })
    return `| ${padded.join(' | ')} |`
  }
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}
