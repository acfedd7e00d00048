// Faults that no well-behaved HTTP server can play: answers written to the socket byte by byte, with a length that is a
// lie, a body that is no gzip, a gigabyte in a megabyte, or no HTTP at all.

import type { Socket } from 'node:net'
import { constants, deflateRawSync } from 'node:zlib'

/** What goes over the wire in place of a whole answer. */
export type WireFault =
  /** The usual answer, so many bytes of its body at a time. */
  | { readonly drip: { readonly bytes: number; readonly everyMs: number } }
  /** The usual body under a Content-Length that is off by so much, then the end of the connection. */
  | { readonly lengthOff: number }
  /** So many MiB of blanks, as a small gzip body. */
  | { readonly bombMiB: number }
  /** The usual body, said to be gzip or brotli. */
  | { readonly falseEncoding: 'gzip' | 'br' }
  /** These very bytes. */
  | { readonly raw: string }

export function isWireFault(fault: object): fault is WireFault {
  return ['drip', 'lengthOff', 'bombMiB', 'falseEncoding', 'raw'].some((name) => name in fault)
}

/** Answers on the socket itself; `body` is that of the usual answer. */
export async function playWireFault(socket: Socket, fault: WireFault, body: Uint8Array): Promise<void> {
  // The other side may hang up at any time.
  socket.on('error', () => undefined)
  if ('raw' in fault) return void socket.end(fault.raw)
  if ('drip' in fault) return await drip(socket, fault.drip, body)
  if ('bombMiB' in fault) {
    const bomb = gzipBomb(fault.bombMiB)
    return end(socket, { 'Content-Encoding': 'gzip', 'Content-Length': bomb.length }, bomb)
  }
  const headers =
    'falseEncoding' in fault
      ? { 'Content-Encoding': fault.falseEncoding, 'Content-Length': body.length }
      : { 'Content-Length': body.length + fault.lengthOff }
  end(socket, headers, body)
}

function end(socket: Socket, headers: Record<string, string | number>, body: Uint8Array): void {
  socket.write(headOf(headers))
  socket.end(body)
}

function headOf(headers: Record<string, string | number>): string {
  const all = { 'Content-Type': 'application/json', ...headers, Connection: 'close' }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 200 OK\r\n${lines.join('')}\r\n`
}

async function drip(
  socket: Socket,
  { bytes, everyMs }: { bytes: number; everyMs: number },
  body: Uint8Array,
): Promise<void> {
  socket.write(headOf({ 'Content-Length': body.length }))
  for (let at = 0; at < body.length && !socket.destroyed; at += bytes) {
    socket.write(body.subarray(at, at + bytes))
    await Bun.sleep(everyMs)
  }
  socket.end()
}

/**
 * A gzip body of so many MiB of blanks, about 1 KiB each: one flushed block, repeated. Made in a few milliseconds, since
 * nothing but the block is compressed.
 */
export function gzipBomb(mebibytes: number): Uint8Array {
  const block = deflateRawSync(new Uint8Array(2 ** 20).fill(0x20), { finishFlush: constants.Z_FULL_FLUSH })
  const head = Uint8Array.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])
  const tail = Uint8Array.from([3, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  return new Uint8Array(Buffer.concat([head, ...Array.from({ length: mebibytes }, () => block), tail]))
}
