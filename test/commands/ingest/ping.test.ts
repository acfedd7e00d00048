// Pings against a real server: what is sent and when, and that a monitor which is away changes nothing but a warning.

import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import { withPings } from '../../../lib/commands/ingest/ping.ts'
import type { Clock } from '../../../lib/core/clock.ts'
import { IngestError } from '../../../lib/core/errors.ts'

type Heard = { readonly method: string; readonly path: string; readonly body: string; readonly headers: Headers }

let heard: Heard[] = []
let answer: (path: string) => Response | Promise<Response> = () => new Response('OK')
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  async fetch(request) {
    const { pathname, search } = new URL(request.url)
    heard.push({
      method: request.method,
      path: pathname + search,
      body: await request.text(),
      headers: request.headers,
    })
    return await answer(pathname)
  },
})
/** Takes connections and says nothing. */
const silent = Bun.listen({ port: 0, hostname: '127.0.0.1', socket: { data: () => undefined } })
afterAll(async () => {
  await server.stop(true)
  silent.stop(true)
})
beforeEach(() => {
  heard = []
  answer = () => new Response('OK')
})

const TOKEN = '7c1d9a52-a1e0-4d0c-9a5b-0123456789ab'
const SILENT = `http://127.0.0.1:${silent.port}/${TOKEN}`
const URL_OF_RUN = `http://127.0.0.1:${server.port}/${TOKEN}`

/** Time that passes only as the test says: a sleep ends when it is given up, or never. */
const still: Clock = {
  elapsedMs: () => 0,
  sleep: async (_ms, signal) => await new Promise((resolve) => signal?.addEventListener('abort', () => resolve())),
}

type Options = {
  readonly url?: string | undefined
  readonly isQuiet?: boolean
  readonly clock?: Clock
  readonly interruption?: AbortSignal
}

type Work = Parameters<typeof withPings>[2]

const redact = (text: string) => text.replaceAll('hunter2', '[redacted]')

async function pinged(work: Work, options: Options = {}) {
  const said: string[] = []
  const { isQuiet = false, clock = still, interruption = new AbortController().signal } = options
  const url = 'url' in options ? options.url : URL_OF_RUN
  const effects = {
    fetch: async (address: string, init: RequestInit) => await fetch(address, init),
    clock,
    interruption,
    version: '1.2.3',
    printError: (text: string) => void said.push(text),
  }
  const ending = await withPings({ target: () => ({ url, isQuiet }), redact }, effects, work).then(
    (code) => ({ code, error: undefined }),
    (error: unknown) => ({ code: undefined, error }),
  )
  expect(said.join('')).not.toContain(TOKEN)
  return { ...ending, said, sent: heard.map(({ method, path, body }) => [method, path, body]) }
}

const ends: (code: number, summary?: string) => Work =
  (code, summary = 'the summary\n') =>
  async ({ begin, onSummary }) => {
    begin()
    onSummary(summary)
    return code
  }

describe('a run', () => {
  test('that succeeds is told by its start and its end, with the summary', async () => {
    const run = await pinged(ends(0, '✅ Ingestion Complete\n'))
    expect(run).toMatchObject({ code: 0, said: [] })
    expect(run.sent).toEqual([
      ['POST', `/${TOKEN}/start`, ''],
      ['POST', `/${TOKEN}`, '✅ Ingestion Complete\n'],
    ])
    expect(heard[1]?.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(heard[1]?.headers.get('user-agent')).toBe('fmp-ingest/1.2.3')
  })

  test.each([1, 2, 3])('that ends with %d is told as a failure', async (code) => {
    const run = await pinged(ends(code))
    expect(run).toMatchObject({ code, said: [] })
    expect(run.sent.at(-1)).toEqual(['POST', `/${TOKEN}/fail`, 'the summary\n'])
  })

  test('that is interrupted at its very end is told as a failure', async () => {
    const interruption = new AbortController()
    const run = await pinged(
      async (told) => {
        const code = await ends(0)(told)
        interruption.abort()
        return code
      },
      { interruption: interruption.signal },
    )
    expect(run.sent.at(-1)?.[1]).toBe(`/${TOKEN}/fail`)
  })

  test('that cannot begin is told as a failure alone, without secrets, and still throws', async () => {
    const error = new IngestError('hunter2 is wrong', { kind: 'usage', scope: 'run', hint: 'Mend it.' })
    const run = await pinged(() => Promise.reject(error))
    expect(run.error).toBe(error)
    expect(run.sent).toEqual([['POST', `/${TOKEN}/fail`, '❌ [redacted] is wrong. Mend it.\n']])
  })

  test('that a defect ends is told once, after its summary', async () => {
    const defect = new TypeError('hunter2')
    const run = await pinged(async (told) => {
      await ends(1)(told)
      throw defect
    })
    expect(run.error).toBe(defect)
    expect(run.sent.slice(1)).toEqual([
      ['POST', `/${TOKEN}/fail`, 'the summary\n❌ A defect of the program ended the run.\n'],
    ])
  })

  test('without an address tells nobody', async () => {
    expect(await pinged(ends(0), { url: undefined })).toMatchObject({ code: 0, sent: [], said: [] })
  })
})

describe('the address', () => {
  test.each([
    ['/ping/abc', ['/ping/abc/start', '/ping/abc/fail']],
    ['/ping/abc/', ['/ping/abc/start', '/ping/abc/fail']],
    ['/ping-key/my-slug?create=1', ['/ping-key/my-slug/start?create=1', '/ping-key/my-slug/fail?create=1']],
    ['/', ['/start', '/fail']],
    ['', ['/start', '/fail']],
  ])('%j is told at %p', async (path, paths) => {
    await pinged(ends(1), { url: `http://127.0.0.1:${server.port}${path}` })
    expect(heard.map((one) => one.path)).toEqual(paths)
  })
})

describe('the body', () => {
  test('has at most 10,000 bytes, in whole characters', async () => {
    await pinged(ends(0, `a${'é'.repeat(10_000)}`))
    const body = heard[1]?.body ?? ''
    expect(Buffer.byteLength(body)).toBe(9_999)
    expect(body).toBe(`a${'é'.repeat(4_999)}`)
  })
})

describe('a monitor that is away', () => {
  test.each([301, 400, 404, 410, 429, 500, 503])('with HTTP %d is a warning', async (status) => {
    answer = () => new Response('no', { status, headers: { location: `http://127.0.0.1:${server.port}/elsewhere` } })
    const run = await pinged(ends(0))
    expect(run.code).toBe(0)
    expect(run.said).toEqual([
      `⚠️ The monitor did not take the ping of the run's start: HTTP ${status}. The run does not depend on it.\n`,
      `⚠️ The monitor did not take the ping of the run's success: HTTP ${status}. The run does not depend on it.\n`,
    ])
    expect(heard).toHaveLength(2)
  })

  test('that refuses connections is a warning', async () => {
    const closed = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() })
    const url = `http://127.0.0.1:${closed.port}/${TOKEN}`
    await closed.stop(true)
    const run = await pinged(ends(1), { url })
    expect(run.code).toBe(1)
    expect(run.said).toHaveLength(2)
    expect(run.said[1]).toMatch(
      /^⚠️ The monitor did not take the ping of the run's failure: there was no connection \(\w+\)\. /,
    )
  })

  test('that never answers is waited for ten seconds', async () => {
    const sleeps: number[] = []
    const clock: Clock = {
      elapsedMs: () => 0,
      sleep: async (ms) => void sleeps.push(ms),
    }
    const run = await pinged(ends(0), { clock, url: SILENT })
    expect(run.code).toBe(0)
    expect(sleeps).toEqual([10_000, 10_000])
    expect(run.said[0]).toContain('no answer within 10 s')
  })

  test('is waited for two seconds after an interrupt', async () => {
    const interruption = new AbortController()
    interruption.abort()
    const clock: Clock = {
      elapsedMs: () => 0,
      sleep: async (ms, signal) => (ms === 2_000 ? undefined : still.sleep(ms, signal)),
    }
    const run = await pinged(ends(1), { clock, url: SILENT, interruption: interruption.signal })
    expect(run.said[1]).toContain('no answer in the time that an interrupt leaves')
  })

  test('is no word of a quiet run', async () => {
    answer = () => new Response('no', { status: 500 })
    expect(await pinged(ends(0), { isQuiet: true })).toMatchObject({ code: 0, said: [] })
  })
})
