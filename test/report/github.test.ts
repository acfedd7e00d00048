import { factsOf } from '../support/run-facts.ts'
import { describe, expect, test } from 'bun:test'
import { annotation, annotations, failuresIn, jobLimitWarnings } from '../../lib/report/github.ts'
import { failureSummary, stepSummary } from '../../lib/report/step-summary.ts'
import { ZERO_COUNTS, type SymbolOutcome } from '../../lib/core/outcome.ts'
import { IngestError } from '../../lib/core/errors.ts'
import { buildMetrics } from '../../lib/report/metrics.ts'
import type { Config } from '../../lib/core/config.ts'
import { configOf, day, outcomeOf } from '../support/values.ts'
import { judgeNewestSession } from '../../lib/datasets/prices/newest-session.ts'

const same = (text: string): string => text
const failed = (message: string, hint?: string) =>
  new IngestError(message, { kind: 'payload', scope: 'symbol', ...(hint === undefined ? {} : { hint }) })

describe('annotation()', () => {
  test('is one workflow command in one line, whatever its text', () => {
    expect(annotation('AAPL', 'plain words')).toBe('::error title=AAPL::plain words\n')
    const hostile = 'a\n::error::b\r::set-env name=X::y%0A'
    expect(annotation('A:B,C::', hostile)).toBe(
      '::error title=A%3AB%2CC%3A%3A::a%0A::error::b%0D::set-env name=X::y%250A\n',
    )
  })
})

describe('annotations()', () => {
  const failures = Array.from({ length: 30 }, (_, index) => [`S${index}`, `no ${index}`] as const)

  test('are the errors of the run, then those of symbols, as many as GitHub shows, the last one counting the rest', () => {
    expect(annotations([], failures.slice(0, 10))).toHaveLength(10)
    const lines = annotations(['the bucket is gone'], failures)
    expect(lines).toHaveLength(10)
    expect(lines.slice(0, 2)).toEqual(['::error title=Ingestion::the bucket is gone\n', '::error title=S0::S0: no 0\n'])
    expect(lines.at(-1)).toBe('::error title=Ingestion::22 more errors: see the step summary.\n')
  })

  test('are one for many symbols that say the same', () => {
    const [first, ...others] = annotations(
      [],
      Array.from({ length: 30 }, (_, index) => [`S${index}`, 'no'] as const),
    )
    expect(first).toMatch(/^::error title=30 symbols .*::30 symbols \(S0, .*S29\): no\n$/)
    expect(others).toEqual([])
  })

  test('are none where all is well', () => {
    expect(annotations([], [])).toEqual([])
  })
})

test('failuresIn() names each failed symbol once, its first error in one line, without secrets', () => {
  const outcomes = [
    outcomeOf('A', { errors: [failed('first\nline', 'Do this.'), failed('second'), failed('third')] }),
    outcomeOf('B'),
    outcomeOf('C', { errors: [failed('has hunter22 in it')] }),
  ]
  expect(failuresIn(outcomes, (text) => text.replaceAll('hunter22', '[redacted]'))).toEqual([
    ['A', 'first line. Do this. (and 2 more, see the metrics)'],
    ['C', 'has [redacted] in it'],
  ])
})

const job = (timeoutMinutes?: number, roleDurationSeconds?: number): Partial<Config> => ({
  rateLimitSeconds: 15,
  actionsJob: { summaryPath: undefined, timeoutMinutes, roleDurationSeconds },
})

describe('shortages()', () => {
  test('are none where the time suffices, is not known, or nobody ends a job', () => {
    expect(jobLimitWarnings(200, configOf(job(60, 3_600)))).toEqual([])
    expect(jobLimitWarnings(10_000, configOf(job()))).toEqual([])
    expect(jobLimitWarnings(10_000, configOf({ rateLimitSeconds: 15 }))).toEqual([])
  })

  test('say which of job and role ends too soon, and what to change', () => {
    // 500 symbols are 1,000 calls: 250 minutes.
    const both = jobLimitWarnings(1_000, configOf(job(240, 3_600)))
    expect(both).toHaveLength(2)
    expect(both[0]).toMatch(/4 h 10 min.*240 min.*JOB_TIMEOUT_MINUTES/)
    expect(both[1]).toMatch(/4 h 10 min.*expire after 1 h.*ROLE_DURATION_SECONDS/)
    // Compiling takes its part of the job, not of the role's time.
    expect(jobLimitWarnings(1_000, configOf(job(251, 15_000)))).toEqual([expect.stringContaining('251 min')])
    expect(jobLimitWarnings(1_000, configOf(job(252, 15_000)))).toEqual([])
    expect(jobLimitWarnings(1_000, configOf(job(360, 14_999)))).toEqual([expect.stringContaining('expire')])
  })
})

type Changes = {
  readonly runErrors?: readonly string[]
  readonly warnings?: readonly string[]
  readonly notes?: readonly string[]
  readonly config?: Partial<Config>
  readonly place?: string | undefined
  readonly page?: string
}

function summaryOf(outcomes: readonly SymbolOutcome[], changes: Changes = {}): string {
  const config = configOf({ target: { kind: 's3', bucket: 'my-bucket' }, ...changes.config })
  const metrics = buildMetrics(factsOf({ config, outcomes }))
  const metricsLocation = 'place' in changes ? changes.place : 's3://my-bucket/logs/ingest/date=2024-09-16/run-1.json'
  const newest = day('2024-09-13')
  const { freshness } = judgeNewestSession(outcomes, { newest, lastSession: newest, mode: 'daily' })
  const ending = {
    metrics,
    stoppedBy: undefined,
    metricsLocation,
    freshness,
  }
  const { runErrors = [], warnings = [], notes = [] } = changes
  const facts = { ending, outcomes, failures: failuresIn(outcomes, same), runErrors, warnings, notes, config }
  return stepSummary({ ...facts, metricsPage: changes.page })
}

const done = (symbol: string, changes: Partial<SymbolOutcome> = {}) =>
  outcomeOf(symbol, { counts: { ...ZERO_COUNTS, stored: 1 }, through: day('2024-09-13'), ...changes })

/** What a reader sees: character references are read, the marks of a table's cell are not. */
const seen = (markdown: string): string =>
  markdown.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))

describe('the step summary', () => {
  test('of a good run: how it ended, the counts, and where the metrics are, with a link', () => {
    const page = 'https://console.aws.amazon.com/s3/object/my-bucket?prefix=logs%2Frun-1.json'
    const text = summaryOf([done('A'), done('B')], { page })
    expect(text).toStartWith('## ✅ Ingestion Complete\n\n')
    const lines = seen(text).split('\n')
    expect(lines).toContain('| 📊 Symbols | 2 |')
    expect(lines).toContain('| 📅 Through | 2024-09-13 (2 of 2 symbols) |')
    expect(text).not.toContain('###')
    expect(seen(text)).toContain('Metrics: s3://my-bucket/logs/ingest/date=2024-09-16/run-1.json')
    expect(text).toContain(`([open](${page}))`)
  })

  test('links nowhere for a folder or another vendor’s store, and says it when there are no metrics', () => {
    expect(summaryOf([done('A')], { place: './lake/logs/x.json' })).not.toContain('](')
    expect(summaryOf([done('A')], { place: undefined })).toContain('Metrics: could not be written')
  })

  test('names failed symbols with their reasons, missing sessions by date, and who lacks the newest one', () => {
    const missing = Array.from({ length: 12 }, (_, index) => day(`2024-08-${index + 10}`))
    const text = seen(
      summaryOf(
        [
          done('A', { errors: [failed('The answer is no list', 'Run again later.')] }),
          done('B', { missing }),
          done('C', { through: day('2024-09-12') }),
          done('D', { through: undefined }),
        ],
        { runErrors: ['The bucket is gone.'], warnings: ['It will take long.'] },
      ),
    )
    expect(text).toStartWith(
      '## ⚠️  Ingestion Finished With Errors\n\n> ⚠️ It will take long.\n\n> ❌ The bucket is gone.',
    )
    expect(text).toContain(
      '### Failed symbols (1)\n\n| Symbol | Why |\n| --- | --- |\n| A | The answer is no list. Run',
    )
    expect(text).toContain('### Missing sessions (1)')
    expect(text).toMatch(/\| B \| 2024-08-10, .*2024-08-19 and 2 more \|/)
    expect(text).toContain('### Without the newest session, 2024-09-13 (2)')
    expect(text).toContain('| C | 2024-09-12 |\n| D | none |')
  })

  test('shows seventy symbols that say the same in one row, and the rejects file', () => {
    const missing = [day('2024-09-12')]
    const many = Array.from({ length: 70 }, (_, index) =>
      done(`S${index}`, { missing, errors: [failed(`The answer for S${index} is no list`)] }),
    )
    const text = seen(summaryOf(many))
    expect(text).toContain('### Failed symbols (70)')
    expect(text.match(/^\| 70 symbols \(S0, .*S69\) \| The answer for S0 is no list \|$/gm)).toHaveLength(1)
    expect(text.match(/^\| 70 symbols \(S0, .*S69\) \| 2024-09-12 \|$/gm)).toHaveLength(1)
  })

  test('does not list everybody when nobody has the newest session', () => {
    expect(summaryOf([done('A', { through: day('2024-09-12') })])).not.toContain('Without the newest')
  })

  test('stays far below what GitHub takes, and says how many are left out', () => {
    const why = '<|'.repeat(2_000)
    const many = Array.from({ length: 10_000 }, (_, index) =>
      done(`S${index}`, { errors: [failed(`${index} ${why}`)] }),
    )
    const text = summaryOf(many)
    expect(new TextEncoder().encode(text).length).toBeLessThan(1024 * 1024)
    expect(text.match(/^\| S\d+ \|/gm)).toHaveLength(50)
    expect(text).toContain('and 9,950 more: see the metrics.')
  })

  test('shows what came from outside as text: no markup, no link, no end of a cell, no new line', () => {
    const hostile =
      'a | b\n## c <img src=x onerror=y> [d](https://evil.example) www.evil.example `e` **f** ![g](h) @octocat #1 ~~i~~ \\| &lt;'
    const text = summaryOf([done('A', { errors: [failed(hostile)] })], {
      runErrors: [hostile],
      warnings: [hostile],
      place: undefined,
    })
    const own = text.replaceAll(/^## .*|^### .*|^> (⚠️|❌)|^\||\|$| \| |---|^To .*: <code>|<\/code>$/gm, '')
    expect(own).not.toMatch(/[<>|`*[\]~@\\_!]|https:|www\.e|&(?!#\d+;)|#(?!\d+;)/)
    expect(seen(text)).toContain('<img src=x onerror=y> [d](https://evil.example) www.evil.example `e`')
    expect(text).not.toMatch(/&#64;(?!&#8288;)/)
    const failure = failureSummary(`1 problem:\n  ${hostile}\n- x\n1. y`, false)
    expect(failure).not.toMatch(/[|`*[\]~@\\_]|<(?!br>)|^(?!#|&#8288;|$)/m)
    expect(failure).toStartWith('## ❌ Nothing Was Ingested\n')
    expect(failureSummary('Interrupted by SIGINT.', true)).toStartWith('## 🛑 Interrupted Before the First Call\n')
  })
})
