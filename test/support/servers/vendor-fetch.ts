// The vendor as a `fetch`, without a socket, for runs in this process.

import type { Fetch } from '../../../lib/core/fetch.ts'
import type { VirtualTime } from '../runs/virtual-time.ts'
import { isWireFault } from './fmp-faults.ts'
import type { Fault, Vendor } from './vendor.ts'

/** Answers what is asked at `baseUrl`; other addresses are on this machine and get a real request. */
export function vendorFetch(vendor: Vendor, baseUrl: string, time: VirtualTime): Fetch {
  return async (url, init) => {
    if (!url.startsWith(`${baseUrl}/`)) return await time.during(fetch(url, init))
    const request = { url: new URL(url), headers: new Headers(init.headers), atMs: time.elapsedMs() }
    const { fault, usual, ended } = await time.during(vendor.receive(request))
    try {
      return await play(fault, usual, init.signal ?? new AbortController().signal, time)
    } finally {
      ended()
    }
  }
}

async function play(
  fault: Fault | undefined,
  usual: () => Response,
  signal: AbortSignal,
  time: VirtualTime,
): Promise<Response> {
  signal.throwIfAborted()
  if (fault === undefined) return usual()
  if (fault instanceof Response) return fault
  if (fault === 'hang') return await time.stuck(aborted(signal))
  if ('reset' in fault) throw reset()
  if (isWireFault(fault)) throw new Error('Only a socket can play this fault: spawn the program.')
  if ('cutAt' in fault) return cut(usual(), fault.cutAt)
  await time.sleep(fault.delayMs, signal)
  signal.throwIfAborted()
  return usual()
}

async function aborted(signal: AbortSignal): Promise<never> {
  return await new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}

/** As fetch tells it of a connection that was reset. */
function reset(): Error {
  return Object.assign(new Error('The socket connection was closed unexpectedly.'), { code: 'ECONNRESET' })
}

/** The answer's first bytes, then the end of the connection. */
function cut(usual: Response, bytes: number): Response {
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue((await usual.bytes()).subarray(0, bytes))
    },
    pull(controller) {
      controller.error(reset())
    },
  })
  return new Response(body, { status: usual.status, headers: usual.headers })
}
