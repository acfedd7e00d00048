// Preloaded by `bun test`: a test that reaches for a host other than this machine fails instead of going out. Also gives
// every test its time, a safety net far above what it takes on a busy machine. And settles the seed of the tests that draw
// random cases, and prints it, so that a failure can be played again.

import { setDefaultTimeout } from 'bun:test'
import net from 'node:net'

setDefaultTimeout(process.env['LONG_TESTS'] === '1' ? 1_800_000 : 240_000)

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?|0\.0\.0\.0)$/i

function refuse(host: string): never {
  throw new Error(`A test tried to reach ${host}. Tests never leave this machine: use a server from test/support.`)
}

const realFetch = globalThis.fetch
const guardedFetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
  const { protocol, hostname } = new URL(input instanceof Request ? input.url : input)
  if (protocol.startsWith('http') && !LOOPBACK.test(hostname)) refuse(hostname)
  return realFetch(input, init)
}
globalThis.fetch = Object.assign(guardedFetch, { preconnect: realFetch.preconnect })

type Connect = (this: net.Socket, ...args: unknown[]) => net.Socket

// node:http(s), which the AWS SDK speaks through, connects by way of this method as well.
const realConnect = net.Socket.prototype.connect as Connect
const guardedConnect: Connect = function guardedConnect(...args) {
  const host = hostOf(args)
  if (host !== undefined && !LOOPBACK.test(host)) refuse(host)
  return realConnect.apply(this, args)
}
net.Socket.prototype.connect = guardedConnect

/** The host of `connect(port, host)`, `connect({ host })` or what `net.connect` makes of either: a list of its arguments. */
function hostOf(args: readonly unknown[]): string | undefined {
  const first = Array.isArray(args[0]) ? args[0][0] : args[0]
  if (typeof first === 'object' && first !== null) {
    return 'host' in first && typeof first.host === 'string' ? first.host : undefined
  }
  return typeof args[1] === 'string' ? args[1] : undefined
}

process.env['TEST_SEED'] ??= String(Math.floor(Math.random() * 2 ** 31))
console.log(`random cases: TEST_SEED=${process.env['TEST_SEED']}`)
