// What a run tells of the vendor's past: metrics, summary and step summary.

import { describe, expect, test } from 'bun:test'
import type { PastOutcome, SymbolOutcome } from '../../lib/core/outcome.ts'
import { buildMetrics } from '../../lib/report/metrics.ts'
import { stepSummary } from '../../lib/report/step-summary.ts'
import { summaryEntries } from '../../lib/report/summary.ts'
import { factsOf } from '../support/run-facts.ts'
import { schemaErrors } from '../support/json-schema.ts'
import { configOf, day, outcomeOf } from '../support/values.ts'

const config = configOf()

function metricsOf(outcomes: readonly SymbolOutcome[]) {
  return buildMetrics(factsOf({ config, outcomes }))
}

function pastOf(changes: Partial<PastOutcome> = {}): PastOutcome {
  return {
    verdict: 'same',
    comparedSessions: 10,
    comparedFrom: day('2024-08-29'),
    isWhole: false,
    isLook: false,
    steps: [],
    correctedSessions: 0,
    mendedFiles: 0,
    carriedRows: 0,
    isHeld: false,
    basesDiffer: false,
    ...changes,
  }
}

const SPLIT = { before: day('2020-08-31'), priceFactor: 0.25, adjFactor: 0.25, ratio: '4:1', dividend: undefined }
const DIVIDEND = {
  before: day('2024-08-15'),
  priceFactor: 1,
  adjFactor: 0.998,
  ratio: undefined,
  dividend: 0.830_04,
}

const rebased = pastOf({
  verdict: 'rebased',
  comparedSessions: 1_250,
  comparedFrom: day('2019-09-16'),
  isWhole: true,
  isLook: true,
  steps: [SPLIT],
  mendedFiles: 2,
  carriedRows: 252,
})
const readjusted = pastOf({ ...rebased, verdict: 'readjusted', steps: [DIVIDEND], mendedFiles: 10, carriedRows: 0 })

const OUTCOMES = [
  outcomeOf('AAPL', { past: rebased, filesWritten: 3, rowsWritten: 505 }),
  outcomeOf('MSFT', { past: readjusted }),
  outcomeOf('FIXED', { past: pastOf({ verdict: 'corrected', correctedSessions: 31 }) }),
  outcomeOf('ODD', { past: pastOf({ verdict: 'other', isHeld: true }) }),
  outcomeOf('LEFT', { past: pastOf({ verdict: 'readjusted', basesDiffer: true, steps: [DIVIDEND] }) }),
  outcomeOf('NEW'),
]

describe('the metrics', () => {
  test('hold the comparison of each symbol, null where nothing was compared', () => {
    const metrics = metricsOf(OUTCOMES)
    expect(schemaErrors('metrics', JSON.parse(JSON.stringify(metrics)))).toEqual([])
    expect(metrics.results[0]?.past).toEqual({
      verdict: 'rebased',
      compared_sessions: 1_250,
      compared_from: day('2019-09-16'),
      wholly: true,
      steps: [{ before: day('2020-08-31'), price_factor: 0.25, adj_factor: 0.25, ratio: '4:1', dividend: null }],
      corrected_sessions: 0,
      mended_files: 2,
      carried_rows: 252,
      held: false,
      bases_differ: false,
    })
    expect(metrics.results.map(({ past }) => past?.verdict)).toEqual([
      'rebased',
      'readjusted',
      'corrected',
      'other',
      'readjusted',
      undefined,
    ])
    expect(metrics.results.at(-1)?.past).toBeNull()
  })

  test('add them up, outside the counts of sessions', () => {
    expect(metricsOf(OUTCOMES)).toMatchObject({
      schema_version: 1,
      sessions: 0,
      compared_symbols: 5,
      compared_wholly: 2,
      compared_sessions: 2_530,
      looks: 2,
      corrected_sessions: 31,
      mended_symbols: 2,
      mended_files: 12,
      carried_rows: 252,
      held_symbols: 1,
      bases_differ: 1,
    })
  })
})

/** The lines between `Errors` and `Duration`, without that of the newest session. */
function newsOf(outcomes: readonly SymbolOutcome[]): readonly string[] {
  const metrics = metricsOf(outcomes)
  const entries = summaryEntries({ metrics, stoppedBy: undefined, metricsLocation: 'x', freshness: undefined })
  return entries.slice(4, -1).map(([label, value]) => `${label}: ${value}`)
}

describe('the summary', () => {
  test('has a line for each kind of news', () => {
    expect(newsOf(OUTCOMES)).toEqual([
      '🔎 Compared: 5 symbols, 2 of them wholly',
      '✏️  Corrected sessions: 31',
      '🩹 Mended: 2 symbols, 12 files (AAPL 4:1 before 2020-08-31, MSFT dividend 0.83 before 2024-08-15)',
      '📦 Carried over: 252 rows',
      '✋ Held back: 1 symbol',
    ])
  })

  test('says nothing of what did not happen', () => {
    expect(newsOf([outcomeOf('NEW')])).toEqual([])
    expect(newsOf([outcomeOf('QUIET', { past: pastOf() })])).toEqual(['🔎 Compared: 1 symbol'])
  })

  test('writes every number with its thousands', () => {
    const past = pastOf({ isWhole: true, isHeld: true, correctedSessions: 2, mendedFiles: 3, carriedRows: 4 })
    const news = newsOf(Array.from({ length: 1_200 }, (_, index) => outcomeOf(`S${index}`, { past })))
    expect(news).toEqual([
      '🔎 Compared: 1,200 symbols, 1,200 of them wholly',
      '✏️  Corrected sessions: 2,400',
      expect.stringMatching(/^🩹 Mended: 1,200 symbols, 3,600 files \(S0, .*, S5 and 1,194 more\)$/),
      '📦 Carried over: 4,800 rows',
      '✋ Held back: 1,200 symbols',
    ])
  })

  test.each([
    ['a split and a dividend of one day', [{ ...SPLIT, dividend: 1.5 }], 'A 4:1 and dividend 1.5 before 2020-08-31'],
    ['a factor that is no simple ratio', [{ ...SPLIT, ratio: undefined }], 'A prices × 0.250000 before 2020-08-31'],
    ['adjusted closes alone', [{ ...DIVIDEND, dividend: undefined }], 'A adjusted close × 0.998000 before 2024-08-15'],
    ['several steps: the newest', [DIVIDEND, SPLIT, SPLIT], 'A dividend 0.83 before 2024-08-15 and 2 earlier'],
    ['no step: single rows of year files', [], 'A'],
  ])('names what was mended: %s', (_, steps, expected) => {
    const outcome = outcomeOf('A', { past: pastOf({ steps, mendedFiles: 1 }) })
    expect(newsOf([outcome])).toContain(`🩹 Mended: 1 symbol, 1 file (${expected})`)
  })
})

test('the step summary has the same lines, uncut with as many symbols as are named', () => {
  const past = { ...readjusted, steps: [DIVIDEND, SPLIT] }
  const outcomes = Array.from({ length: 30 }, (_, index) => outcomeOf(`LONG-NAME-${index}`, { past }))
  const ending = { metrics: metricsOf(outcomes), stoppedBy: undefined, metricsLocation: 'x', freshness: undefined }
  const facts = { ending, outcomes, failures: [], runErrors: [], warnings: [], notes: [], config }
  const text = stepSummary({ ...facts, metricsPage: undefined })
  const seen = text.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
  expect(seen).toContain('| 🔎 Compared | 30 symbols, 30 of them wholly |')
  expect(seen).toMatch(/\| 🩹 Mended \| 30 symbols, 300 files \(LONG-NAME-0 dividend .* and 24 more\) \|/)
})
