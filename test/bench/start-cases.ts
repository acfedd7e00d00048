// How long the program takes to start, against a program that does nothing.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { CaseMaker } from './cases.ts'
import type { Ground } from './ground.ts'
import type { Case, Contender } from './rounds.ts'
import { datesFlags, symbolsOf } from './tickers.ts'
import type { IsoDate } from '../../lib/dates.ts'

/** A start takes little and varies much. */
const MIN_RUNS = 21

const DAY = { from: '2025-03-03' as IsoDate, to: '2025-03-03' as IsoDate }

function startCase(name: string, title: string, program: (ground: Ground) => Contender): CaseMaker {
  const make = async (ground: Ground): Promise<Case> => {
    const empty: Contender = {
      name: 'empty program',
      command: () => ground.empty,
      before: async () => undefined,
      flaw: () => undefined,
    }
    return { name, title, files: 0, contenders: [program(ground), empty], minRuns: MIN_RUNS }
  }
  return { name, make }
}

function printing(flag: string, word: string): (ground: Ground) => Contender {
  return ({ program }) => ({
    name: 'ingest',
    command: () => [...program, flag],
    before: async () => undefined,
    flaw: ({ stdout }) => (stdout.includes(word) ? undefined : `stdout lacks ${word}`),
  })
}

/** One session of one symbol, stored by the first run: nothing is left to do but to look and to say so. */
function nothingToDo(ground: Ground): Contender {
  const lake = join(ground.folder, 'start-lake')
  const [symbol = ''] = symbolsOf(1)
  const command = () => {
    const flags = [...datesFlags(DAY), '--tickers', symbol, '--out', lake]
    return [...ground.program, ...flags, '--now', ground.nextNow()]
  }
  let isFilled = false
  return {
    name: 'ingest',
    command,
    before: async () => {
      if (isFilled) return
      await rm(lake, { recursive: true, force: true })
      await ground.measure(command())
      isFilled = true
    },
    flaw: ({ stdout }) => (stdout.includes('Already stored: 1') ? undefined : 'something was to do'),
  }
}

export const startCases: readonly CaseMaker[] = [
  startCase('start-help', 'start, --help', printing('--help', '--lookback')),
  startCase('start-version', 'start, --version', printing('--version', 'ingest ')),
  startCase('start-nothing', 'start, one symbol in a folder, nothing to do', nothingToDo),
]
