// The live line: it ticks by itself, fits into the terminal, and its timer ends with the run.

import { describe, expect, test } from 'bun:test'
import { cutToColumns } from '../../lib/report/live-line.ts'
import { createProgress, type Output } from '../../lib/report/progress.ts'
import type { NextCall } from '../../lib/fmp/fmp.ts'
import { createFakeClock } from '../support/runs/fake-clock.ts'
import { outcomeOf } from '../support/values.ts'

const WIPE = '\r\u001B[K'

/** A terminal of so many columns on a clock of the test. */
function terminalOf(columns: number | undefined, changes: Partial<Output> = {}) {
  const clock = createFakeClock()
  const said: string[] = []
  const gate: { next: NextCall } = { next: { inMs: 0, isPaused: false } }
  const progress = createProgress({
    write: (text) => void said.push(text),
    isTerminal: true,
    columns: () => columns,
    every: clock.every,
    isQuiet: false,
    clock,
    redact: (text) => text,
    ...changes,
  })
  return {
    clock,
    said,
    gate,
    progress,
    begin: (work: { symbols: number; calls: number; intervalSeconds?: number; datasets?: number }) =>
      progress.begin({ datasets: 1, intervalSeconds: 15, ...work, nextCall: () => gate.next }),
    /** The live line as it stands. */
    line: () => said.at(-1)?.replace(WIPE, '') ?? '',
  }
}

describe('the live line', () => {
  test('ticks by itself: each second, without a call', () => {
    const { clock, said, gate, begin, line } = terminalOf(100)
    begin({ symbols: 10, calls: 20 })
    gate.next = { inMs: 9_000, isPaused: false }
    clock.advance(1_000)
    expect(line()).toBe('⏳ 0 of 10 symbols, 0 of 20 calls, 0 files, next in 9 s, about 5 min left')
    gate.next = { inMs: 8_000, isPaused: false }
    clock.advance(1_000)
    expect(line()).toContain('next in 8 s')
    clock.advance(8_000)
    expect(said).toHaveLength(10)
  })

  test('says the time left in seconds under two minutes, and counts it down between calls', () => {
    const { clock, gate, progress, begin, line } = terminalOf(100)
    begin({ symbols: 4, calls: 8 })
    for (let call = 0; call < 3; call += 1) progress.called(outcomeOf('A'))
    const left: string[] = []
    for (const seconds of [15, 14, 13]) {
      gate.next = { inMs: seconds * 1_000, isPaused: false }
      clock.advance(1_000)
      left.push(/about (.*) left/.exec(line())?.[1] ?? line())
    }
    expect(left).toEqual(['75 s', '74 s', '73 s'])
  })

  test.each([
    [1_000, 2, '30 s'],
    [1_000, 8, '2 min'],
    [1_000, 7, '105 s'],
    [1_000, 240, '1 h'],
    [1_000, 1_000, '4 h 10 min'],
  ])('after %d ms, of %d calls at one per 15 s: %s left', (ms, calls, expected) => {
    const { clock, begin, line } = terminalOf(100)
    begin({ symbols: 500, calls })
    clock.advance(ms)
    expect(line()).toContain(`about ${expected} left`)
  })

  test.each([
    [
      'what is looked at before the plan',
      'Looking at what is stored',
      500,
      '⏳ Looking at what is stored: 120 of 500, 3 s',
    ],
    ['a list that comes slowly', 'Reading the ticker list', undefined, '⏳ Reading the ticker list, 3 s'],
    ['the metrics, into a slow store', 'Storing the metrics', undefined, '⏳ Storing the metrics, 3 s'],
  ])('tells %s', (_, what, steps, expected) => {
    const { clock, progress, line } = terminalOf(60)
    progress.waiting(what, steps)
    for (let step = 0; step < 120; step += 1) progress.stepped()
    clock.advance(3_000)
    expect(line()).toBe(expected)
  })

  test('tells a pause of the vendor, until the next call', () => {
    const { clock, gate, begin, line } = terminalOf(100)
    begin({ symbols: 10, calls: 20 })
    gate.next = { inMs: 52_000, isPaused: true }
    clock.advance(1_000)
    expect(line()).toContain('0 files, FMP refuses calls: next in 52 s')
  })

  test('tells a slow store once all calls are made, and how long it takes', () => {
    const { clock, progress, begin, line } = terminalOf(100)
    begin({ symbols: 1, calls: 2 })
    progress.called(outcomeOf('A'))
    progress.called(outcomeOf('A'))
    clock.advance(1_000)
    expect(line()).toBe('⏳ 0 of 1 symbols, 2 of 2 calls, 0 files, storing')
    clock.advance(30_000)
    expect(line()).toBe('⏳ 0 of 1 symbols, 2 of 2 calls, 0 files, storing for 31 s')
  })

  test('tells a vendor that does not answer', () => {
    const { clock, begin, line } = terminalOf(100)
    begin({ symbols: 1, calls: 2, intervalSeconds: 0 })
    clock.advance(9_000)
    expect(line()).toContain('waiting for 9 s')
  })

  test('comes back after a line that stays', () => {
    const { clock, said, progress, begin } = terminalOf(60)
    begin({ symbols: 10, calls: 20 })
    clock.advance(1_000)
    progress.warn('odd')
    clock.advance(1_000)
    expect(said.map((text) => text.replace(WIPE, '<'))).toEqual([
      expect.stringContaining('<⏳'),
      '<',
      '⚠️ odd\n',
      expect.stringContaining('<⏳'),
    ])
  })

  test('stops with the run: no timer is left, and nothing is drawn any more', () => {
    const { clock, said, progress, begin } = terminalOf(60)
    progress.waiting('Reading the ticker list')
    begin({ symbols: 10, calls: 20 })
    expect(clock.timers()).toBe(1)
    clock.advance(1_000)
    progress.clear()
    expect(clock.timers()).toBe(0)
    const lines = said.length
    clock.advance(60_000)
    expect(said).toHaveLength(lines)
    expect(said.at(-1)).toBe(WIPE)
  })

  test('has nothing to say once every symbol has ended', () => {
    const { clock, said, progress, begin } = terminalOf(60)
    begin({ symbols: 1, calls: 2 })
    progress.ended(outcomeOf('A', { plannedCalls: 2 }))
    clock.advance(5_000)
    expect(said).toEqual([])
  })

  test.each([
    ['is none without a terminal', { isTerminal: false }],
    ['is none with --quiet', { isQuiet: true }],
  ])('%s: no timer, no line', (_, changes) => {
    const { clock, said, progress, begin } = terminalOf(60, changes)
    progress.waiting('Looking at what is stored', 3)
    begin({ symbols: 10, calls: 20 })
    expect(clock.timers()).toBe(0)
    clock.advance(20_000)
    expect(said).toEqual([])
  })
})

describe('in the width of the terminal', () => {
  const LARGE = { symbols: 12_345, calls: 24_690 }

  test.each([undefined, 1, 2, 10, 20, 30, 40, 50, 60, 72, 80, 100, 200])('of %p columns it never wraps', (columns) => {
    for (const datasets of [1, 4]) {
      for (const isPaused of [false, true]) {
        const { clock, gate, progress, said, begin } = terminalOf(columns)
        progress.waiting('Looking at what is stored', 12_345)
        clock.advance(3_000)
        begin({ ...LARGE, datasets })
        gate.next = { inMs: 59_000, isPaused }
        clock.advance(1_000)
        progress.called(outcomeOf('A'))
        clock.advance(1_000)
        for (const text of said) {
          expect(text).not.toContain('\n')
          expect(Bun.stringWidth(text.replace(WIPE, ''))).toBeLessThan(columns ?? 80)
        }
      }
    }
  })

  test.each([
    [120, '⏳ 1 of 500 symbols, 2 of 1,000 calls, 1 file, next in 9 s, about 4 h 9 min left'],
    [80, '⏳ 1 of 500 symbols, 2 of 1,000 calls, next in 9 s, 4 h 9 min left'],
    [61, '⏳ 1/500 symbols, 2/1,000 calls, next in 9 s, 4 h 9 min left'],
    [55, '⏳ 1/500, 2/1,000 calls, next in 9 s, 4 h 9 min left'],
    [45, '⏳ 1/500, 2/1,000 calls, 4 h 9 min left'],
    [20, '⏳ 1/500, 2/1,000 …'],
  ])('of %d columns it says what matters most', (columns, expected) => {
    const { clock, gate, progress, begin, line } = terminalOf(columns)
    begin({ symbols: 500, calls: 1_000 })
    progress.ended(outcomeOf('A', { plannedCalls: 2, filesWritten: 1 }))
    gate.next = { inMs: 9_000, isPaused: false }
    clock.advance(1_000)
    expect(line()).toBe(expected)
  })

  test('that changes it follows', () => {
    let columns = 120
    const { clock, said, begin } = terminalOf(undefined, { columns: () => columns })
    begin({ symbols: 500, calls: 1_000 })
    clock.advance(1_000)
    columns = 30
    clock.advance(1_000)
    const [wide = '', narrow = ''] = said.map((text) => text.replace(WIPE, ''))
    expect(Bun.stringWidth(wide)).toBeGreaterThan(60)
    expect(Bun.stringWidth(narrow)).toBeLessThan(30)
  })
})

test.each([
  ['plain text', 'abcdef', 6, 'abcdef'],
  ['plain text', 'abcdef', 5, 'abcd…'],
  ['an emoji of two columns', '⏳⏳⏳', 6, '⏳⏳⏳'],
  ['an emoji of two columns', '⏳⏳⏳', 5, '⏳⏳…'],
  ['an emoji that does not fit whole', '⏳⏳⏳', 4, '⏳…'],
  ['a family, which is one character', '👨‍👩‍👧 abc', 5, '👨‍👩‍👧 a…'],
  ['a flag', '🇩🇪🇫🇷🇮🇹', 5, '🇩🇪🇫🇷…'],
  ['a skin tone', '👍🏽👍🏽', 3, '👍🏽…'],
  ['an accent of its own', 'e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
  ['Chinese', '股票代码', 5, '股票…'],
  ['a sign with a variation', '⚠️⚠️⚠️', 3, '⚠️…'],
  ['no column at all', 'abc', 0, ''],
])('cuts %s: %j to %d columns is %j', (_, text, columns, expected) => {
  expect(cutToColumns(text, columns)).toBe(expected)
  expect(Bun.stringWidth(cutToColumns(text, columns))).toBeLessThanOrEqual(columns)
})
