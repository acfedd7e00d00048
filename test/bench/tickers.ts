// Symbols by the thousand, and the flags that runs are told by.
import { join } from 'node:path'
import type { DateRange } from '../../lib/core/dates.ts'
import type { Ground } from './ground.ts'

const PLACE_VALUES = [26 ** 3, 26 ** 2, 26, 1]

/** `AAAA`, `AAAB` and so on. */
export function symbolsOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) =>
    String.fromCharCode(...PLACE_VALUES.map((value) => 65 + (Math.floor(index / value) % 26))),
  )
}

/** Writes a ticker list and returns the flag that names it. */
export async function tickersFlag({ folder }: Ground, count: number): Promise<readonly string[]> {
  const path = join(folder, `${count}-symbols.csv`)
  await Bun.write(path, `symbol\n${symbolsOf(count).join('\n')}\n`)
  return ['--tickers-path', path]
}

export function datesFlags({ from, to }: DateRange): readonly string[] {
  return ['--from-date', from, '--to-date', to]
}

/** `1 symbol`, `8,000 symbols`. */
export function counted(count: number, what: string): string {
  return `${count.toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`
}
