// Random ticker lists, answers, flags and settings: whatever comes, a run ends by itself with an exit code that is explained,
// an account that adds up and nothing said that could do harm. `FUZZ_SECONDS=60 bun test test/fuzz.test.ts` looks longer.

import { describe, expect, test } from 'bun:test'
import { parseCommandLine } from '../../lib/cli/cli.ts'
import { resolveConfig } from '../../lib/cli/resolve.ts'
import { createPrices } from '../../lib/datasets/prices/schema.ts'
import { describeError, IngestError } from '../../lib/core/errors.ts'
import { readFooter } from '../../lib/parquet/parquet.ts'
import { parseTickerFlag, parseTickers } from '../../lib/cli/tickers.ts'
import { fuzz, FUZZ_TIMEOUT_MS, mangled, oddText } from '../support/fuzz.ts'
import { runInProcess, type InProcessRun } from '../support/runs/in-process.ts'
import { leaksIn } from '../support/leaks.ts'
import { oddAnswer } from '../support/servers/odd-answers.ts'
import { oneOf, someOf, wholeBetween, type Random } from '../support/random.ts'
import { KEY, NOW } from '../support/runs/in-process.ts'
import { barsFor } from '../support/bars.ts'
import { setStage } from '../support/runs/stage.ts'
import type { Metrics } from '../../lib/report/contract.ts'

const PRICES = createPrices({ api: 'stable', withAdjClose: true, prefix: 'raw' })

/** Nothing in it starts a line of its own making or speaks to a terminal. */
function expectHarmless(text: string): void {
  // oxlint-disable-next-line no-control-regex -- finds control characters, which no output may hold
  expect(text).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E]|^::|##\[/m)
}

/** Runs what may refuse its input in words, and must not fail in any other way. */
function orRefusal<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof IngestError)) throw error
    expect(error.kind).toBe('usage')
    expect(error.message).not.toBe('')
    expectHarmless(describeError(error))
    return undefined
  }
}

describe('ticker lists', () => {
  test(
    'become plain symbols with keys of their own, or are refused in words',
    async () => {
      await fuzz('tickers', 3_000, (random) => {
        const lines = Array.from({ length: wholeBetween(random, 0, 12) }, () => oddText(random))
        const text = lines.join(oneOf(random, ['\n', '\r\n', '\r', ',']))
        const list = orRefusal(() => (random() < 0.7 ? parseTickers(text, oddText(random)) : parseTickerFlag(text)))
        if (list === undefined) return
        for (const symbol of list.symbols) expect(symbol).toMatch(/^\^?[A-Z0-9](?!.*\.\.)[A-Z0-9.=-]{0,19}$/)
        const keys = list.symbols.map((symbol) => PRICES.key(symbol, { kind: 'year', year: 2024 }))
        expect(new Set(keys.map((key) => key.toLowerCase())).size).toBe(list.symbols.length)
        for (const key of keys) expect(key).toMatch(/^raw\/prices\/symbol=[\w%.-]+\/year=2024\/[\w%.-]+-2024\.parquet$/)
      })
    },
    FUZZ_TIMEOUT_MS,
  )
})

const FLAGS = [
  'tickers',
  'tickers-path',
  'backfill',
  'backfill-days',
  'from-date',
  'to-date',
  'lookback',
  'force',
  'out',
]
const MORE_FLAGS = [
  'no-adj-close',
  'max-calls',
  'dry-run',
  'json',
  'quiet',
  'allow-unsafe-store',
  'now',
  'help',
  'nonsense',
]
const VALUES = [
  'A,B',
  '1',
  '5',
  '2024-09-10',
  '2024-09-16',
  '1990-01-01',
  NOW,
  'x',
  '0',
  '-1',
  '1e3',
  '999999999',
  '20000',
]
const NAMES = ['S3_BUCKET', 'S3_RAW_PREFIX', 'RATE_LIMIT_SECONDS', 'MAX_WORKERS', 'UPLOAD_CONCURRENCY', 'FMP_API']

function oddArguments(random: Random): string[] {
  return Array.from({ length: wholeBetween(random, 0, 6) }, () => {
    const flag = `--${oneOf(random, [...FLAGS, ...MORE_FLAGS])}`
    const value = random() < 0.8 ? oneOf(random, VALUES) : oddText(random)
    return oneOf(random, [[flag], [flag, value], [`${flag}=${value}`], [value], [flag.slice(1)]])
  }).flat()
}

function oddEnvironment(random: Random): Record<string, string> {
  const value = () => (random() < 0.5 ? oneOf(random, ['0', '1', '5', 'v3', 'stable', 'bucket', '']) : oddText(random))
  const names = someOf(random, [...NAMES, 'API_TIMEOUT_SECONDS', 'FMP_BASE_URL', 'FMP_API_KEY'], 0.2)
  return { FMP_API_KEY: KEY, ...Object.fromEntries(names.map((name) => [name, value()])) }
}

describe('flags and settings', () => {
  test(
    'become a configuration, or are refused in words',
    async () => {
      await fuzz('flags', 2_000, (random) => {
        const line = parseCommandLine(oddArguments(random))
        if (line.kind === 'run') orRefusal(() => resolveConfig(line, oddEnvironment(random), { isCompiled: false }))
      })
    },
    FUZZ_TIMEOUT_MS,
  )
})

/** What holds of the end of any run. */
function expectExplained(run: InProcessRun): Metrics | undefined {
  const { code, stdout, stderr, files } = run
  expect([0, 1, 2, 3]).toContain(code)
  expectHarmless(stdout)
  expectHarmless(stderr)
  expect(
    leaksIn(new Map<string, string | Uint8Array>([['stdout', stdout], ['stderr', stderr], ...files]), [KEY]),
  ).toEqual([])
  if (code === 1 || code === 2) expect(stderr).toMatch(/^(❌|🛑)/m)
  for (const [key, bytes] of files) {
    if (key.endsWith('.parquet')) expect(readFooter(bytes)).toMatchObject({ rows: expect.any(Number) })
  }
  const document = [...files].find(([key]) => key.startsWith('logs/') && key.endsWith('.json'))?.[1]
  if (document === undefined) return undefined
  const metrics = JSON.parse(Buffer.from(document).toString()) as Metrics
  expect(Object.values(metrics.counts).reduce((sum, count) => sum + count, 0)).toBe(metrics.sessions)
  expect(metrics.calls).toBe(run.calls)
  const isGood = metrics.errors + metrics.run_errors.length + metrics.counts.failed + metrics.counts.not_reached === 0
  expect(code === 0).toBe(isGood)
  return metrics
}

describe('answers', () => {
  test(
    'are stored, rejected or told, and every session is accounted for',
    async () => {
      await fuzz('answers', 150, async (random) => {
        const modes = [
          ['--from-date', '2024-09-09'],
          ['--backfill'],
          ['--no-adj-close'],
          ['--max-calls', '5'],
          ['--force'],
          ['--json'],
        ]
        const args = ['--tickers', 'A,B,C', '--out', 'x', '--now', NOW, ...someOf(random, modes, 0.3).flat()]
        const run = await runInProcess({
          args,
          random,
          env: { FMP_API: oneOf(random, ['stable', 'v3']) },
          vendor: ({ searchParams, pathname }) =>
            oddAnswer(random, searchParams.get('symbol') ?? pathname.split('/').at(-1) ?? ''),
        })
        expect(expectExplained(run)).toBeDefined()
      })
    },
    FUZZ_TIMEOUT_MS,
  )

  test(
    'to odd flags, with odd lists, in odd settings: the whole program',
    async () => {
      let reached = 0
      const all = await fuzz('program', 200, async (random) => {
        const fixed = someOf(
          random,
          [
            ['--out', 'x'],
            ['--now', NOW],
            ['--tickers-path', 'list.csv'],
          ],
          0.9,
        ).flat()
        const lines = Array.from({ length: wholeBetween(random, 0, 4) }, () => oddText(random, 2))
        const run = await runInProcess({
          args: [...oddArguments(random).slice(0, wholeBetween(random, 0, 2)), ...fixed],
          random,
          // The gate waits by real time.
          env: { ...(random() < 0.3 ? oddEnvironment(random) : {}), RATE_LIMIT_SECONDS: '0' },
          listText: random() < 0.5 ? 'A\nB\n' : lines.join('\n'),
          vendor: ({ searchParams }) => oddAnswer(random, searchParams.get('symbol') ?? ''),
        })
        expectExplained(run)
        if (run.calls > 0) reached += 1
      })
      // Most refusals come early; what comes later is to be seen as well. One case in five makes a
      // call (1,525 of 7,980): of 200 cases a tenth is missed by one seed in a thousand, a twentieth by none.
      expect(reached).toBeGreaterThan(all / 20)
    },
    FUZZ_TIMEOUT_MS,
  )
})

test(
  'the real program under random answers over a real wire ends by itself, every time',
  async () => {
    const names = ['A', 'B', 'C', 'D']
    await using stage = await setStage({ bars: barsFor(names, '2024-09-09', '2024-09-16') })
    await fuzz('wire', 4, async (random) => {
      stage.onRequest = ({ symbol }) =>
        oneOf(random, [
          undefined,
          () => oddAnswer(random, symbol),
          () => ({
            raw: Buffer.from(mangled(random, `HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[]\n`)).toString('latin1'),
          }),
          () => ({ lengthOff: wholeBetween(random, -100, 100) }),
          () => ({ cutAt: wholeBetween(random, 0, 300) }),
          () => ({ falseEncoding: 'gzip' }) as const,
        ])?.()
      const flags = someOf(random, ['--force', '--no-adj-close', '--json'], 0.5)
      const { done } = stage.spawn(['--tickers', names.join(','), '--from-date', '2024-09-09', ...flags], {
        env: { API_TIMEOUT_SECONDS: '1' },
        warp: 200,
        isLossy: true,
      })
      expect([0, 1, 3]).toContain((await done).code)
    })
  },
  FUZZ_TIMEOUT_MS,
)
