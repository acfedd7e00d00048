// How long the program takes to start, against a program that does nothing.
import { join } from 'node:path'
import type { IsoDate } from '../../lib/core/dates.ts'
import type { Ground } from './ground.ts'
import type { Case, Contender } from './rounds.ts'
import { datesFlags, symbolsOf } from './tickers.ts'

/** A start takes little and varies much. */
const MIN_RUNS = 21

const DAY = { from: '2025-03-03' as IsoDate, to: '2025-03-03' as IsoDate }

export function help(ground: Ground): Omit<Case, 'name'> {
  return startCase(ground, '--help', printing(ground, '--help', '--lookback'))
}

export function version(ground: Ground): Omit<Case, 'name'> {
  return startCase(ground, '--version', printing(ground, '--version', 'ingest '))
}

/** One session of one symbol, stored by the first run: nothing is left to do but to look and to say so. */
export function nothingToDo(ground: Ground): Omit<Case, 'name'> {
  const [symbol = ''] = symbolsOf(1)
  const flags = [...datesFlags(DAY), '--tickers', symbol, '--out', join(ground.folder, 'start-lake')]
  const command = () => [...ground.program, ...flags, '--now', ground.nextNow()]
  let isFilled = false
  return startCase(ground, 'one symbol in a folder, nothing to do', {
    name: 'ingest',
    command,
    before: async () => {
      if (!isFilled) await ground.measure(command())
      isFilled = true
    },
    flaw: ({ stdout }) => (stdout.includes('Already stored: 1') ? undefined : 'something was to do'),
  })
}

function startCase(ground: Ground, what: string, program: Contender): Omit<Case, 'name'> {
  const empty: Contender = {
    name: 'empty program',
    command: () => ground.empty,
    before: async () => undefined,
    flaw: () => undefined,
  }
  return { title: `start: ${what}`, files: 0, program, baselines: async () => [empty], minRuns: MIN_RUNS }
}

function printing({ program }: Ground, flag: string, word: string): Contender {
  return {
    name: 'ingest',
    command: () => [...program, flag],
    before: async () => undefined,
    flaw: ({ stdout }) => (stdout.includes(word) ? undefined : `stdout lacks ${word}`),
  }
}
