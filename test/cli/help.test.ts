// The layout of --help: it fits into the terminal, breaks no word, and ends no line with a blank.

import { describe, expect, test } from 'bun:test'
import { parseCommandLine } from '../../lib/cli/cli.ts'
import { COMMANDS, type CommandName } from '../../lib/cli/commands.ts'
import { helpText } from '../../lib/cli/help.ts'
import { commandLines, wrapped } from '../../lib/cli/layout.ts'

const NAMES = Object.keys(COMMANDS) as CommandName[]
const linesOf = async (name: CommandName, columns?: number) =>
  (await helpText(name, '1.2.3', columns)).split('\n').slice(0, -1)
const wordsOf = (text: string) => text.split(/\s+/).filter((word) => word !== '')

describe.each(NAMES)('--help of %s', (name) => {
  test.each([30, 40, 50, 55, 56, 60, 72, 80, 100, 120, 200])('fits into %d columns, word by word', async (columns) => {
    const whole = new Set(wordsOf(await helpText(name, '1.2.3', 1_000)))
    const longestWord = Math.max(...[...whole].map((word) => word.length))
    for (const line of await linesOf(name, columns)) {
      expect(line).toBe(line.trimEnd())
      // A word that is longer than the column stands whole.
      const most = Math.max(columns, longestWord + 32)
      expect(line.length).toBeLessThanOrEqual(columns >= 60 ? columns : most)
      for (const word of wordsOf(line)) expect(whole.has(word) || word === '\\' || word === '#').toBe(true)
    }
  })

  test('has 80 columns where nobody says how many', async () => {
    expect(await linesOf(name)).toEqual(await linesOf(name, 80))
  })

  test('lists --help and --version, without colours', async () => {
    const text = await helpText(name, '1.2.3')
    expect(text).toMatch(/^ {2}--help +\S/m)
    expect(text).toMatch(/^ {2}--version +\S/m)
    expect(text).not.toContain('\u001B')
    expect(text).toContain('1.2.3')
  })

  test('shows examples that can be copied, also from a narrow terminal', async () => {
    for (const columns of [40, 60, 80]) {
      const text = (await helpText(name, '1.2.3', columns)).replaceAll(/ \\\n +/g, ' ')
      for (const [, line] of COMMANDS[name].examples) {
        expect(text).toContain(`\n  ${line}\n`)
        expect(parseCommandLine(line.split(' ').slice(1))).toMatchObject({ command: name, problems: [] })
      }
    }
  })
})

test.each([
  ['', 10, []],
  ['one', 10, ['one']],
  ['one two', 7, ['one two']],
  ['one two', 6, ['one', 'two']],
  ['one  two', 20, ['one two']],
  ['a word-that-is-longer b', 6, ['a', 'word-that-is-longer', 'b']],
  [' lead and trail ', 20, ['lead and trail']],
])('wraps %j to %d columns: %j', (text, columns, expected) => {
  expect(wrapped(text, columns)).toEqual(expected)
})

test('continues a long command as a shell does', () => {
  expect(commandLines('ingest --tickers AAPL,MSFT --from-date 2024-09-01', 40)).toEqual([
    '  ingest --tickers AAPL,MSFT \\',
    '    --from-date 2024-09-01',
  ])
})
