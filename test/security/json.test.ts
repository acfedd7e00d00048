// JSON from outside that is made to hurt: nested, huge, with odd keys and odd types where text is due. The whole program but
// for its entry, in this process; what a process adds is in the other security tests.

import { describe, expect, test } from 'bun:test'
import { KEY, NOW } from '../support/runs/in-process.ts'
import { barsFor } from '../support/bars.ts'
import { setStage } from '../support/runs/stage.ts'
import { runInProcess, type InProcessRun } from '../support/runs/in-process.ts'
import type { Metrics } from '../../lib/report/contract.ts'

const DAY = '2024-09-16'
const GOOD = { date: DAY, open: 1, high: 2, low: 1, close: 2, adjClose: 2, volume: 9 }

function deep(levels: number, open = '[', close = ']'): string {
  return `${open.repeat(levels)}1${close.repeat(levels)}`
}

/** A row of BAD as text, with this in place of a field's value. */
function rowWith(field: string, text: string): string {
  return JSON.stringify([{ symbol: 'BAD', ...GOOD, [field]: '@' }]).replace('"@"', text)
}

/** BAD is answered so, GOOD as usual. */
async function runWith(body: string): Promise<InProcessRun & { readonly metrics: Metrics }> {
  const run = await runInProcess({
    args: ['--tickers', 'BAD,GOOD', '--out', 'x', '--now', NOW],
    vendor: ({ searchParams }) =>
      searchParams.get('symbol') === 'BAD' ? new Response(body) : Response.json([{ symbol: 'GOOD', ...GOOD }]),
  })
  const key = [...run.files.keys()].find((name) => name.startsWith('logs/') && name.endsWith('.json'))
  return { ...run, metrics: JSON.parse(Buffer.from(run.files.get(key ?? '') ?? []).toString()) as Metrics }
}

describe('a hostile answer fails its symbol alone:', () => {
  test.each<[string, string]>([
    ['a list nested a million deep', deep(1e6)],
    ['an object nested 100,000 deep', deep(1e5, '{"a":', '}')],
    ['an error message nested 100,000 deep', `{"Error Message":${deep(1e5)}}`],
    ['an error message that is an object', '{"error":{"toString":1,"toJSON":1}}'],
    ['a symbol nested 100,000 deep', rowWith('symbol', deep(1e5))],
    ['a symbol that is an object without a text', rowWith('symbol', '{"toString":1,"valueOf":1}')],
    ['a symbol that is a number', rowWith('symbol', '7')],
    ['a symbol in another script', rowWith('symbol', '"ВАD"')],
    ['a symbol of ten million letters', rowWith('symbol', `"${'A'.repeat(1e7)}"`)],
    ['a history that is a text', '{"symbol":"BAD","historical":"x"}'],
    ['rows that are null', '[null,null]'],
    ['rows that are lists', `[[${JSON.stringify(GOOD)}]]`],
    ['a number alone', '7'],
    ['a text alone', '"AAPL"'],
    ['true', 'true'],
    [
      'fields only on the prototype',
      '[{"__proto__":{"open":1,"high":1,"low":1,"close":1,"volume":1,"date":"2024-09-16"}}]',
    ],
    ['a BOM before a web page', '\uFEFF<html>'],
    ['NUL bytes', '[\u0000]'],
    ['half a surrogate as a symbol', rowWith('symbol', '"\\ud800"')],
  ])('%s', async (_name, body) => {
    const { code, stderr, metrics, files } = await runWith(body)
    expect(code).toBe(1)
    const [line = '', ...more] = stderr.match(/^❌ .*$/gm) ?? []
    expect(more).toEqual([])
    expect(line).toStartWith('❌ BAD: ')
    expect(line.length).toBeLessThan(1_100)
    expect(metrics.counts).toMatchObject({ stored: 1, failed: 1 })
    expect([...files.keys()].some((key) => key.includes('symbol=BAD'))).toBe(false)
  })

  test.each<[string, string]>([
    ['a price nested 100,000 deep', rowWith('open', deep(1e5))],
    ['a price of ten million digits', rowWith('open', '9'.repeat(1e7))],
    ['a price past the largest number', rowWith('open', '1e999')],
    ['a volume that fits no 64 bits', rowWith('volume', '1e300')],
    ['a date that is an object without a text', rowWith('date', '{"toString":1,"valueOf":1}')],
    ['a date with a line break', rowWith('date', '"2024-09-16\\n::error::x"')],
    ['a price that is an object', rowWith('close', '{"valueOf":7}')],
  ])('%s', async (_name, body) => {
    const { code, metrics, files } = await runWith(body)
    expect(code).toBe(1)
    expect(metrics.results.find(({ symbol }) => symbol === 'BAD')?.errors).toHaveLength(1)
    expect(metrics.counts.stored).toBe(1)
    const rejects = [...files].filter(([key]) => key.endsWith('.jsonl'))
    for (const [, bytes] of rejects) expect(bytes.length).toBeLessThan(20e6)
  })
})

describe('a hostile row beside a good one', () => {
  test('is rejected, recorded and cannot take the good one’s place', async () => {
    const good = JSON.stringify({ symbol: 'BAD', ...GOOD })
    const odd = ['{"toString":1}', '["2024-09-16"]', '20240916', 'true', '"__proto__"', '"2024-09-16\\u0000"'].map(
      (date) => good.replace(`"${DAY}"`, date),
    )
    const { code, metrics, files } = await runWith(`[${[...odd, good].join(',')}]`)
    expect(code).toBe(0)
    expect(metrics).toMatchObject({ rejected_rows: odd.length, files_written: 2, errors: 0 })
    const [, bytes] = [...files].find(([key]) => key.endsWith('.jsonl')) ?? []
    const lines = Buffer.from(bytes ?? [])
      .toString()
      .trim()
      .split('\n')
    expect(lines.map((line) => typeof JSON.parse(line))).toEqual(odd.map(() => 'object'))
  })

  test('cannot reach the prototype of anything', async () => {
    const poison = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"hasOwnProperty":1,'
    const { code } = await runWith(`[${JSON.stringify({ symbol: 'BAD', ...GOOD }).replace('{', poison)}]`)
    expect(code).toBe(0)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('keeps whole numbers past 2^53 as the nearest double, said nowhere else', async () => {
    const { code, metrics } = await runWith(rowWith('volume', '9007199254740993'))
    expect({ code, files: metrics.files_written }).toEqual({ code: 0, files: 2 })
  })
})

test('the real program survives them too, one after another', async () => {
  const bodies = [
    deep(1e6),
    `{"Error Message":${deep(1e5)}}`,
    rowWith('open', deep(1e5)),
    rowWith('date', '{"toString":1}'),
  ]
  const names = bodies.map((_body, index) => `BAD${index}`)
  await using stage = await setStage({ bars: barsFor(['GOOD'], DAY, DAY) })
  stage.onRequest = ({ symbol }) => {
    const body = bodies[names.indexOf(symbol)]
    return body === undefined ? undefined : new Response(body.replace('"BAD"', JSON.stringify(symbol)))
  }
  const run = await stage.spawn(['--tickers', [...names, 'GOOD'].join(',')], { warp: 200 }).done
  expect(run.code).toBe(1)
  expect(run.stderr.match(/^❌ BAD\d: /gm)).toHaveLength(names.length)
  expect(run.changed).toHaveLength(1)
  expect(run.stderr).not.toContain(KEY)
})
