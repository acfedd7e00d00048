// `bun --preload ./test/support/runs/broken-fetch.ts ingest.ts …`: fetch fails as no network does, with the URL, the headers and
// the key in message, stack, cause and fields. What the program makes of it is a defect's trace.

import process from 'node:process'

const key = process.env['FMP_API_KEY']?.trim() ?? ''

const failing = async (url: string, init: RequestInit): Promise<Response> => {
  const cause = new Error(`apikey=${encodeURIComponent(key)} and ${Buffer.from(key).toString('base64')}`)
  const error = new TypeError(`no way to ${url} with ${JSON.stringify(init.headers)}`, { cause })
  throw Object.assign(error, { path: url, init, key })
}
globalThis.fetch = Object.assign(failing, { preconnect: () => undefined }) as unknown as typeof fetch
