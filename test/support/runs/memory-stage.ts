// The program over a lake in memory and a vendor without a socket: a night takes milliseconds, so that a test can walk through
// years of them.

import type { Bar } from '../bars.ts'
import { createMemoryStore, type MemoryStore } from '../lakes/memory-store.ts'
import { createVendor, type Report, type VendorOptions } from '../servers/vendor.ts'
import { createFakeClock } from './fake-clock.ts'
import { KEY, startInProcess } from './in-process.ts'
import type { CliResult } from './process.ts'

export type MemoryStage = {
  readonly store: MemoryStore
  /** What the vendor has, by symbol; a test changes it between runs. */
  readonly bars: Record<string, readonly Bar[]>
  readonly reports: Record<string, readonly Report[]>
  /** Answers in place of the usual ones; a test may set it between runs. */
  onRequest: VendorOptions['onRequest']
  /** `calls` are those that reached the vendor. */
  run(args: readonly string[], now: string): Promise<CliResult & { readonly calls: number }>
}

export function setMemoryStage(): MemoryStage {
  const store = createMemoryStore()
  const [bars, reports]: [MemoryStage['bars'], MemoryStage['reports']] = [{}, {}]
  const vendor = createVendor({ bars, reports, key: KEY, onRequest: (info) => stage.onRequest?.(info) })
  const stage: MemoryStage = {
    store,
    bars,
    reports,
    onRequest: undefined,
    run: async (args, now) => {
      const before = vendor.requests.length
      const { done } = startInProcess([...args, '--out', './lake', '--now', now], {
        env: { FMP_API_KEY: KEY, FMP_BASE_URL: 'http://127.0.0.1:9', RATE_LIMIT_SECONDS: '0' },
        clock: createFakeClock(),
        fetch: async (url, init) => {
          const { fault, usual, ended } = await vendor.receive({
            url: new URL(url),
            headers: new Headers(init.headers),
            atMs: 0,
          })
          ended()
          return fault instanceof Response ? fault : usual()
        },
        openStore: async () => store,
        readTextFile: async () => undefined,
        appendText: async () => undefined,
      })
      return { ...(await done), calls: vendor.requests.length - before }
    },
  }
  return stage
}
