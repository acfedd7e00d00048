// The vendor as a server on this machine. It is on node:http because Bun.serve cannot cut an answer off in the middle
// without a word on the terminal.

import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { isWireFault, playWireFault } from './fmp-faults.ts'
import { createVendor, type Vendor, type VendorOptions } from './vendor.ts'

export type VendorServer = {
  /** For FMP_BASE_URL. */
  readonly url: string
  /** Ends the server and every connection. */
  stop(): void
}

export type FakeFmp = Pick<Vendor, 'requests' | 'maxInFlight'> & VendorServer

/** A vendor of its own on a free port of the loopback interface. */
export function startFakeFmp(options: VendorOptions = {}): FakeFmp {
  const vendor = createVendor(options)
  return { requests: vendor.requests, maxInFlight: vendor.maxInFlight, ...serveVendor(vendor) }
}

/** Serves a vendor on a free port of the loopback interface. */
export function serveVendor(vendor: Vendor): VendorServer {
  async function answer(incoming: http.IncomingMessage, outgoing: http.ServerResponse): Promise<void> {
    const { fault, usual, ended } = await vendor.receive({
      url: new URL(incoming.url ?? '/', 'http://127.0.0.1'),
      headers: new Headers(incoming.headers as Record<string, string>),
      atMs: performance.now(),
    })
    if (outgoing.closed) ended()
    else outgoing.once('close', ended)
    if (fault === 'hang') return
    if (fault instanceof Response) return send(outgoing, fault)
    if (fault !== undefined && 'reset' in fault) return void incoming.socket.destroy()
    if (fault !== undefined && isWireFault(fault)) {
      return await playWireFault(incoming.socket, fault, await usual().bytes())
    }
    if (fault !== undefined && 'delayMs' in fault) await Bun.sleep(fault.delayMs)
    await send(outgoing, usual(), fault !== undefined && 'cutAt' in fault ? fault.cutAt : undefined)
  }

  const server = http.createServer((incoming, outgoing) => {
    answer(incoming, outgoing).catch((error: unknown) => {
      console.error('The fake FMP server failed:', error)
      incoming.socket.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  const { port } = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${port}`,
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function send(outgoing: http.ServerResponse, response: Response, cutAt?: number): Promise<void> {
  const body = new Uint8Array(await response.arrayBuffer())
  outgoing.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    'content-length': String(body.length),
  })
  if (cutAt === undefined) return void outgoing.end(body)
  outgoing.write(body.subarray(0, cutAt))
  // Late enough for the part to be on its way, so that it is the body that is cut and not the headers.
  setTimeout(() => outgoing.destroy(), 10)
}
