import { describe, expect, test } from 'bun:test'
import { IngestError } from '../../lib/core/errors.ts'
import { createProgress, type Progress, type Output } from '../../lib/report/progress.ts'
import { createFakeClock, type FakeClock } from '../support/runs/fake-clock.ts'
import { outcomeOf } from '../support/values.ts'
import { createRedactor } from '../../lib/core/text.ts'

type Heard = { readonly progress: Progress; readonly clock: FakeClock; readonly said: string[]; lines(): string[] }

function listen(changes: Partial<Output> = {}): Heard {
  const clock = createFakeClock()
  const said: string[] = []
  const speech = {
    write: (text: string) => void said.push(text),
    isTerminal: false,
    columns: () => 80,
    // Tests of the clockwork hand in the clock's own.
    every: () => () => undefined,
    isQuiet: false,
    clock,
    redact: (text: string) => text,
  }
  const progress = createProgress({ ...speech, ...changes })
  return { progress, clock, said, lines: () => said.join('').split('\n').slice(0, -1) }
}

const nextCall = () => ({ inMs: 0, isPaused: false })

/** Work of so many symbols at two calls each, without a gate. */
const work = (symbols: number) => ({ symbols, datasets: 1, calls: 2 * symbols, intervalSeconds: 0, nextCall })

const failure = (kind: 'payload' | 'no-data' | 'validation', message = 'It broke.') =>
  new IngestError(message, { kind, scope: 'symbol', hint: 'Mend it.' })

describe('what is said', () => {
  test('is a line each', () => {
    const { progress, lines } = listen()
    progress.note('a note')
    progress.warn('a warning')
    progress.fail(failure('payload'), 'AAPL')
    progress.fail(failure('payload'))
    progress.stopped(new IngestError('Interrupted.', { kind: 'interrupted', scope: 'run', hint: 'Run again.' }))
    expect(lines().map((line) => line.replace(/^(\S+) +/, '$1 '))).toEqual([
      'ℹ️ a note',
      '⚠️ a warning',
      '❌ AAPL: It broke. Mend it.',
      '❌ It broke. Mend it.',
      '🛑 Interrupted. Run again.',
    ])
  })

  test('quiet, is errors and the stop alone', () => {
    const { progress, clock, lines } = listen({ isQuiet: true })
    progress.note('a note')
    progress.warn('a warning')
    progress.begin(work(2))
    clock.advance(600_000)
    progress.called(outcomeOf('AAPL'))
    progress.symbols([outcomeOf('AAPL', { warnings: ['odd'], errors: [failure('payload')] })])
    progress.stopped(new IngestError('Stopped.', { kind: 'quota', scope: 'run' }))
    expect(lines()).toEqual(['❌ AAPL: It broke. Mend it.', '🛑 Stopped.'])
  })

  test('is one line whatever it holds, without control characters and without secrets', () => {
    const { progress, lines } = listen({ redact: createRedactor(['hunter2hunter2']) })
    progress.warn('one\n::error::two\r\u001B[2Jthree hunter2hunter2')
    progress.fail(failure('payload', '##[error]no\nmore'), 'A\nB')
    expect(lines()).toHaveLength(2)
    const said = lines().join('')
    expect(said).not.toMatch(/\p{Cc}/u)
    expect(said).not.toContain('hunter2')
    expect(said).not.toContain('##[')
    for (const line of lines()) expect(line).not.toMatch(/^::/)
  })

  test('hides a secret that a cut would leave half of', () => {
    const { progress, lines } = listen({ redact: createRedactor(['s'.repeat(40)]) })
    progress.warn(`${'x'.repeat(980)}${'s'.repeat(40)}`)
    expect(lines()[0]).not.toContain('ss')
  })
})

describe('the end of a symbol', () => {
  test('says its warnings and its error, each with the symbol', () => {
    const { progress, lines } = listen()
    progress.symbols([
      outcomeOf('AAPL', { warnings: ['one.', 'two.'], errors: [failure('payload')], lateWarning: 'late.' }),
    ])
    expect(lines().map((line) => line.replace(/^(\S+) +/, '$1 '))).toEqual([
      '⚠️ AAPL: one.',
      '⚠️ AAPL: two.',
      '⚠️ AAPL: late.',
      '❌ AAPL: It broke. Mend it.',
    ])
  })

  test('says in the agreed words that nothing was valid', () => {
    const { progress, lines } = listen()
    progress.symbols([outcomeOf('AAPL', { errors: [failure('validation')] })])
    expect(lines()).toEqual(['⚠️ No valid data after validation: AAPL', '❌ AAPL: It broke. Mend it.'])
  })

  test('is one line for a failed one, which counts the errors that only the metrics name', () => {
    const { progress, lines } = listen()
    const errors = ['First.', 'Second.', 'Third.'].map((message) => failure('payload', message))
    progress.symbols([
      outcomeOf('AAPL', { errors }),
      outcomeOf('MSFT', { errors: [failure('no-data'), failure('payload', 'Its own.')] }),
    ])
    expect(lines()).toEqual([
      '❌ AAPL: First. Mend it. (and 2 more, see the metrics)',
      '❌ MSFT: Its own. Mend it.',
      '❌ MSFT: It broke. Mend it.',
    ])
  })

  test('keeps back what the end of the run may change, and counts what failed', () => {
    const { progress, clock, lines } = listen()
    progress.begin(work(3))
    progress.ended(outcomeOf('AAPL', { errors: [failure('no-data')], warnings: ['odd'] }))
    expect(lines()).toEqual([])
    clock.advance(30_000)
    progress.ended(outcomeOf('MSFT', { errors: [failure('payload')] }))
    expect(lines()).toEqual([expect.stringContaining('2 of 3 symbols, 0 of 6 calls, 0 files, 1 failed, about')])
  })
})

describe('how far it is', () => {
  test('counts no symbol twice where there are several datasets', () => {
    const { progress, clock, lines } = listen()
    progress.begin({ symbols: 10, datasets: 4, calls: 50, intervalSeconds: 0, nextCall })
    progress.ended(outcomeOf('AAPL', { plannedCalls: 2, calls: 2 }))
    clock.advance(30_000)
    progress.ended(outcomeOf('AAPL', { dataset: 'income', plannedCalls: 1, calls: 1 }))
    expect(lines()).toEqual([expect.stringContaining('2 of 40 done (10 symbols × 4 datasets), 3 of 50 calls, 0 files')])
  })

  test('counts the calls of a symbol that is under way in two datasets, of which one has ended', () => {
    const { progress, clock, lines } = listen()
    progress.begin({ symbols: 2, datasets: 2, calls: 6, intervalSeconds: 0, nextCall })
    const income = outcomeOf('AAPL', { dataset: 'income', plannedCalls: 1, calls: 1 })
    progress.called(outcomeOf('AAPL'))
    progress.called(income)
    progress.called(outcomeOf('AAPL'))
    progress.ended(income)
    clock.advance(30_000)
    progress.called(outcomeOf('MSFT'))
    expect(lines()).toEqual([expect.stringContaining('1 of 4 done (2 symbols × 2 datasets), 4 of 6 calls')])
  })

  test('is a plain line now and then where no terminal is', () => {
    const { progress, clock, lines } = listen()
    progress.begin(work(100))
    for (let minute = 0; minute < 4; minute += 1) {
      for (let index = 0; index < 6; index += 1) {
        clock.advance(5_000)
        progress.called(outcomeOf('A'))
        clock.advance(5_000)
        progress.called(outcomeOf('A'))
        progress.ended(outcomeOf('A', { filesWritten: 1, plannedCalls: 2 }))
      }
    }
    expect(lines()).toHaveLength(8)
    expect(lines()[0]).toBe('⏳ 2 of 100 symbols, 6 of 200 calls, 2 files, about 17 min left')
    expect(lines().at(-1)).toBe('⏳ 23 of 100 symbols, 48 of 200 calls, 23 files, about 13 min left')
    expect(lines().join('')).not.toMatch(/\p{Cc}/u)
  })

  test.each([
    ['as slow as so far', 1, 120],
    ['no faster than the gate lets calls pass', 10, 58],
    ['nothing, when all calls are answered', 240, 0],
    ['something, before the first call is answered', 0, 120],
  ])('says how long the calls left take: %s', (_, calls, minutes) => {
    const { progress, clock, lines } = listen()
    progress.begin({ symbols: 3, datasets: 1, calls: 240, intervalSeconds: 15, nextCall })
    for (let call = 0; call < calls; call += 1) progress.called(outcomeOf('B'))
    clock.advance(30_000)
    progress.ended(outcomeOf('A'))
    expect(lines()).toEqual([`⏳ 1 of 3 symbols, ${calls} of 240 calls, 0 files, about ${minutes} min left`])
  })

  test('takes the calls that a failed symbol has not made for done', () => {
    const { progress, clock, lines } = listen()
    progress.begin({ symbols: 3, datasets: 1, calls: 12, intervalSeconds: 60, nextCall })
    progress.called(outcomeOf('A'))
    progress.called(outcomeOf('B'))
    progress.ended(outcomeOf('A', { plannedCalls: 4, calls: 2 }))
    clock.advance(30_000)
    progress.called(outcomeOf('B'))
    expect(lines()).toEqual(['⏳ 1 of 3 symbols, 6 of 12 calls, 0 files, about 6 min left'])
  })

  test('is one live line on a terminal, wiped before anything else is said', () => {
    const { progress, clock, said } = listen({ isTerminal: true })
    progress.begin(work(3))
    clock.advance(1_000)
    progress.ended(outcomeOf('A', { plannedCalls: 2 }))
    expect(said).toEqual([expect.stringContaining('1 of 3 symbols, 2 of 6 calls')])
    expect(said[0]).toStartWith('\r\u001B[K')
    progress.warn('odd')
    expect(said.slice(1)).toEqual(['\r\u001B[K', expect.stringContaining('odd\n')])
    clock.advance(50)
    progress.ended(outcomeOf('B'))
    expect(said).toHaveLength(3)
    clock.advance(60)
    progress.clear()
    expect(said).toHaveLength(3)
  })

  test('is cleared once', () => {
    const { progress, clock, said } = listen({ isTerminal: true })
    progress.begin(work(2))
    clock.advance(1_000)
    progress.ended(outcomeOf('A'))
    progress.clear()
    progress.clear()
    expect(said.filter((text) => text === '\r\u001B[K')).toHaveLength(1)
  })

  test('is not shown for a run that is quick', () => {
    const { progress, said } = listen()
    progress.begin(work(2))
    progress.ended(outcomeOf('A'))
    progress.ended(outcomeOf('B'))
    expect(said).toEqual([])
  })
})
