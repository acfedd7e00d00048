// HTTPS on loopback with a certificate of this project's own, which no machine trusts by itself. The certificates are in
// test/fixtures/tls: `loopback` is good for localhost and 127.0.0.1, `other-host` for another name, `expired` since 2002.

import { join } from 'node:path'

export type Certificate = 'loopback' | 'other-host' | 'expired'

export type TlsServer = AsyncDisposable & {
  readonly url: string
  /** What came through the handshake. */
  readonly requests: readonly string[]
}

/** The path of a certificate, for NODE_EXTRA_CA_CERTS. */
export function certificatePath(name: Certificate): string {
  return join(import.meta.dir, `../../fixtures/tls/${name}.pem`)
}

/** Answers every request with this, `[]` unless told. */
export function startTlsServer(name: Certificate, answer: () => Response = () => Response.json([])): TlsServer {
  const requests: string[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    tls: { cert: Bun.file(certificatePath(name)), key: Bun.file(join(import.meta.dir, '../../fixtures/tls/key.pem')) },
    fetch(request) {
      requests.push(`${request.method} ${request.url} ${JSON.stringify([...request.headers])}`)
      return answer()
    },
  })
  return {
    url: `https://127.0.0.1:${server.port}`,
    requests,
    [Symbol.asyncDispose]: async () => await server.stop(true),
  }
}
