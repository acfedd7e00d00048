// What the page of the commands that look at a lake shows is what the program prints, over the lake that the page tells of; and
// the guide of the nightly workflow has a command that does what it says.

import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { XNYS } from '../../../lib/core/calendar.ts'
import { barsFor, dayKey, iso, makeBars, type Bar } from '../../support/bars.ts'
import { ROOT } from '../../support/runs/process.ts'
import { setStage, type Stage } from '../../support/runs/stage.ts'

const PAGE = await Bun.file(join(ROOT, 'lib/commands/inspect/README.md')).text()
const GUIDE = await Bun.file(join(ROOT, '.github/workflows/README.md')).text()

/** The commands of the page, each with the lines that it shows. */
function shown(): readonly (readonly [command: string, output: string])[] {
  const blocks = [...PAGE.matchAll(/^```console\n\$ (.*)\n([\s\S]*?)^```$/gm)]
  return blocks.map(([, command = '', output = '']) => [command, output] as const)
}

const divided = (value: number | null, divisor: number) => value && Math.round((value / divisor) * 100) / 100

/** The bars of the page, the same for every seed. `by` divides what is before the split of AAPL. */
function bars(symbol: string, through: string, by: number): readonly Bar[] {
  const seed = { AAPL: 1, MSFT: 2, TWTR: 3 }[symbol] ?? 0
  const all = makeBars(XNYS.sessions({ from: iso('2024-01-02'), to: iso('2024-09-16') }), seed)
  return all
    .filter(({ date }) => date <= through && (symbol !== 'TWTR' || date <= '2024-09-06'))
    .map((bar) => {
      const divisor = symbol !== 'AAPL' ? 1 : bar.date < '2024-09-11' ? by : 4
      const [open, high, low] = [divided(bar.open, divisor), divided(bar.high, divisor), divided(bar.low, divisor)]
      const [close, adjClose] = [divided(bar.close, divisor), divided(bar.adjClose, divisor)]
      return { date: bar.date, open, high, low, close, adjClose, volume: (bar.volume ?? 0) * (4 / divisor) }
    })
}

/** A backfill, four nights with a 4:1 split of AAPL on 2024-09-11, TWTR gone after 2024-09-06, and a file of MSFT lost. */
async function setPage(): Promise<Stage> {
  const stage = await setStage()
  const list = ['--tickers', 'AAPL,MSFT,TWTR']
  const night = async (through: string, now: string, args: readonly string[] = []) => {
    for (const symbol of ['AAPL', 'MSFT', 'TWTR'])
      stage.bars[symbol] = bars(symbol, through, through < '2024-09-11' ? 1 : 4)
    await stage.run([...list, ...args], { now: `${now}T13:00:00Z` })
  }
  await night('2024-09-06', '2024-09-07', ['--backfill'])
  await night('2024-09-09', '2024-09-10')
  await night('2024-09-10', '2024-09-11')
  await night('2024-09-11', '2024-09-12')
  await night('2024-09-16', '2024-09-17')
  await stage.lake.remove(dayKey('MSFT', '2024-09-12'))
  return stage
}

/** A night of 40 symbols in four shards: the second stopped early, the third has left nothing. */
async function setShards(): Promise<Stage> {
  const symbols = Array.from({ length: 40 }, (_, index) => `S${10 + index}`)
  const stage = await setStage({ bars: barsFor(symbols, '2024-09-03', '2024-09-16') })
  for (const [shard, ...args] of [['1'], ['2', '--max-calls', '8'], ['4']]) {
    const list = ['--tickers', symbols.join(','), '--shard', `${shard}/4`, '--run-group', '4711']
    await stage.run([...list, ...args], { now: '2024-09-17T13:00:00Z' })
  }
  return stage
}

describe('the page', () => {
  test.each(shown())('shows what `%s` prints', async (command, output) => {
    await using stage = await (command.includes('--run-group') ? setShards() : setPage())
    const [, ...args] = command.split(' ')
    expect(args.slice(-2)).toEqual(['--out', './lake'])
    const run = await stage.run(args.slice(0, -2), { now: '2024-09-17T20:00:00Z' })
    expect(run.stderr).toBe('')
    expect(run.stdout.replaceAll(stage.lake.out, './lake')).toBe(output)
  })

  test('shows the commands, and the table of commands leads to it', async () => {
    expect(shown().map(([command]) => command.split(' ')[1])).toEqual(['status', 'status', 'why', 'why'])
    const table = await Bun.file(join(ROOT, 'lib/commands/README.md')).text()
    expect(table).toContain('(inspect/README.md#')
  })
})

describe('the command of the workflow’s guide', () => {
  const [, line = ''] = /^```sh\n(ingest status .*)\n```$/m.exec(GUIDE) ?? []

  test.each([
    ['2024-09-17T20:00:00Z', 0],
    ['2024-09-17T23:00:00Z', 0],
    ['2024-09-19T12:00:00Z', 1],
  ])('at %s ends with %d', async (now, code) => {
    await using stage = await setPage()
    const [words = '', otherwise] = line.split(' || ')
    expect(otherwise).toBe('echo "look at the nightly job"')
    const args = words.split(' ').slice(1)
    expect(args).toEqual(['status', '--out', 's3://my-bucket', '--quiet'])
    const run = await stage.run(['status', '--quiet'], { now })
    expect([run.code, run.stdout === '']).toEqual([code, code === 0])
  })
})
