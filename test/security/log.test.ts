// Text from outside in the log of a CI system: it cannot start a line, form a workflow command, move a cursor or hide what
// was said, wherever it comes from. GitHub takes `::command::` at the start of a line and `##[command]` anywhere in one.

import { describe, expect, test } from 'bun:test'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { disposableFolder } from '../support/lakes/lake.ts'
import { barsFor, dayKey } from '../support/bars.ts'
import { metricsOf, setS3Stage, setStage } from '../support/runs/stage.ts'

const DAY = '2024-09-16'

/** A line break of every kind, commands of both kinds, terminal sequences, a title, a bell, text that runs backwards. */
const EVIL = [
  '\r\n::error::pwned',
  '\n##[error]pwned',
  '\u2028::set-output name=x::y',
  '\u0085::add-mask::a',
  '\u001B[2J\u001B[31m',
  '\u001B]0;title\u0007',
  '\u009B31m',
  '\b\b\b\u202E',
  '##\u0000[command]x',
].join(' and ')

/** No line of it is a command, and no character of it speaks to a terminal. */
function expectHarmless(text: string): void {
  // oxlint-disable-next-line no-control-regex -- finds control characters, which no output may hold
  expect(text).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E]/)
  for (const line of text.split('\n')) {
    expect(line.trimStart()).not.toStartWith('::')
    expect(line).not.toContain('##[')
  }
}

describe.concurrent('what comes from the vendor', () => {
  test.each(['stable', 'v3'])('is harmless on both streams, in the metrics and in their JSON (%s)', async (api) => {
    const answers: readonly ((row: Record<string, unknown>) => Response)[] = [
      () => Response.json({ 'Error Message': EVIL }, { status: 400 }),
      () => new Response(EVIL, { status: 402 }),
      () => new Response(`<html>${EVIL}`),
      (row) => Response.json([{ ...row, symbol: EVIL }]),
      (row) => Response.json([{ ...row, date: EVIL }]),
      (row) => Response.json([{ ...row, [EVIL]: 1 }]),
      (row) => Response.json([{ ...row, close: EVIL }]),
      () => new Response('', { status: 302, headers: { location: `/${encodeURI(EVIL)}/::error::` } }),
    ]
    const names = answers.map((_answer, index) => `EVIL${index}`)
    await using stage = await setStage({ bars: barsFor(names, DAY, DAY) })
    stage.onRequest = ({ symbol, variant }) => {
      const row = { symbol, date: DAY, open: 1, high: 2, low: 1, close: 2, adjClose: 2, volume: 9 }
      return variant === 'dividend-adjusted' ? undefined : answers[names.indexOf(symbol)]?.(row)
    }
    for (const more of api === 'v3' ? [[]] : [[], ['--json', '--force']]) {
      const run = await stage.run(['--tickers', names.join(','), ...more], { env: { FMP_API: api } })
      expect({ code: run.code, calls: run.requests.length >= names.length }).toEqual({ code: 1, calls: true })
      for (const text of [run.stderr, run.stdout, JSON.stringify(metricsOf(run))]) expectHarmless(text)
    }
  })
})

describe.concurrent('is harmless when it comes from the store:', () => {
  test.each([
    ['AccessDenied', 403, 'list'],
    ['Odd', 400, 'put'],
    ['SlowDown', 503, 'put'],
  ])('the message of %s (%d, to a %s)', async (code, status, asked) => {
    await using stage = await setS3Stage({ bars: barsFor(['A'], DAY, DAY) })
    const fault = { action: 'reply', status, code, message: EVIL, extra: '<Region>x\n::error::y</Region>' } as const
    stage.s3.onRequest = ({ operation, key }) => (operation === asked && !key.startsWith('logs/') ? fault : undefined)
    const run = await stage.run(['--tickers', 'A'])
    expect({ code: run.code, hasMetrics: run.metrics !== undefined }).toEqual({ code: 1, hasMetrics: asked === 'put' })
    expectHarmless(run.stderr)
    expectHarmless(JSON.stringify(run.metrics ?? {}))
  })

  test('the name of who wrote a stored file', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], '2024-01-02', DAY) })
    const args = ['--tickers', 'A', '--backfill', '--from-date', '2024-01-01']
    await stage.run(args)
    const key = (await stage.lake.keys()).find((name) => name.endsWith('.parquet')) ?? ''
    const bytes = Buffer.from(await stage.lake.bytes(key))
    const at = bytes.lastIndexOf('fmp-ingest')
    bytes.write('\n::error::', at)
    await stage.lake.put(key, bytes)
    const run = await stage.run(args)
    expect(run.code).toBe(1)
    expect(run.stderr).toMatch(/^❌ A: /m)
    expectHarmless(run.stderr)
  })
})

describe.concurrent('is harmless when it comes from the user’s side:', () => {
  test.each([
    ['a path of a ticker list', ['--tickers-path', `list${EVIL.replaceAll('\u0000', '')}.csv`, '--out', 'x']],
    ['a key of a ticker list', ['--tickers-path', `s3://bucket/${EVIL.replaceAll('\u0000', '')}`, '--out', 'x']],
    ['a symbol', ['--tickers', `A,${EVIL.replaceAll('\u0000', '')}`, '--out', 'x']],
    ['an unknown option', [`--${EVIL.replaceAll('\u0000', '')}`, '--out', 'x']],
    ['an unknown word', [EVIL.replaceAll('\u0000', ''), '--out', 'x']],
    ['a value', ['--from-date', EVIL.replaceAll('\u0000', ''), '--max-calls', '\n::error::x', '--out', 'x']],
    ['a bucket', ['--out', `s3://${EVIL.replaceAll('\u0000', '')}`]],
    ['the folder of a demo', ['demo', '--out', `s3://${EVIL.replaceAll('\u0000', '')}`]],
    ['a folder that cannot be made', ['--tickers', 'A', '--out', '/dev/null/\n::error::pwned']],
  ])('%s', async (_name, args) => {
    await using stage = await setStage()
    const aws = { AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9' }
    const env = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', ...aws }
    // What is no run is told by the entry.
    const run = await stage[args[0] === 'demo' ? 'spawn' : 'start'](args, { env, now: null }).done
    expect([1, 2]).toContain(run.code)
    expect(run.stderr).not.toBe('')
    expect(run.stderr).not.toContain('defect')
    expectHarmless(run.stderr)
    expectHarmless(run.stdout)
  })

  test('a folder with a line break in its name, in the summary and the dry run too', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], DAY, DAY) })
    await using folder = await disposableFolder()
    const out = join(folder.path, 'lake\n::error::pwned\u001B[31m##[error]x')
    await mkdir(out)
    for (const more of [[], ['--dry-run'], ['--json', '--force']]) {
      const run = await stage.run(['--tickers', 'A', '--out', out, ...more], { isShared: true })
      expect(run.code).toBe(0)
      expectHarmless(run.stdout)
      expectHarmless(run.stderr)
    }
    expect(await Bun.file(join(out, dayKey('A', DAY))).exists()).toBe(true)
  })
})

describe.concurrent('is harmless in what doctor says:', () => {
  test('an answer of the vendor to each of its calls', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], '2024-08-01', DAY) })
    const row = { symbol: 'A', date: DAY, open: 1, high: 2, low: 1, close: 2, adjClose: 2, volume: 9 }
    const answers: readonly (() => Response)[] = [
      () => Response.json({ 'Error Message': EVIL }, { status: 400 }),
      () => new Response(EVIL, { status: 402 }),
      () => new Response(`<html>${EVIL}`),
      () => Response.json([{ ...row, symbol: EVIL }]),
      () => Response.json([row, { ...row, date: EVIL, numerator: EVIL, denominator: EVIL }]),
    ]
    for (const answer of answers) {
      for (const call of [1, 2, 3]) {
        const asked = stage.fmp.requests.length
        stage.onRequest = ({ n }) => (n === asked + call ? answer() : undefined)
        const run = await stage.run(['doctor', '--tickers', 'A', ...(call === 2 ? ['--json'] : [])])
        expect(run.code).toBeLessThan(2)
        expectHarmless(run.stdout)
      }
    }
  })

  test('the names and texts that a store holds, and its refusals', async () => {
    await using stage = await setS3Stage({ bars: barsFor(['A'], '2024-08-01', DAY) })
    const results = [{ symbol: EVIL, dataset: 'prices' }]
    const metrics = JSON.stringify({ exit_code: 1, run_errors: [EVIL], results })
    const folder = 'raw/prices/symbol=A/year=2024/'
    await stage.lake.put(`${folder}${EVIL}.parquet`, new Uint8Array(8))
    await stage.lake.put('logs/ingest/date=2024-09-17/run-1726578000.json', new TextEncoder().encode(metrics))
    const good = await stage.run(['doctor', '--tickers', 'A'])
    expect(good.stdout).toContain('ended with exit code 1. It says: ::error::pwned')
    expectHarmless(good.stdout)
    for (const method of ['GET', 'PUT']) {
      stage.s3.onRequest = (request) =>
        request.method === method ? { action: 'reply', status: 403, code: 'Odd', message: EVIL } : undefined
      const run = await stage.run(['doctor', '--tickers', 'A'])
      expect(run.code).toBe(1)
      expectHarmless(run.stdout)
    }
  })
})
