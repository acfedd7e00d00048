// What `ingest doctor` asks the store: each once, when the first check needs it. With the ticker list in a bucket, and a store
// that takes a tag in its second form only, that is twelve requests, the most.

import type { Target } from '../../core/config.ts'
import { MS_PER_DAY, utcDate, yearOf } from '../../core/dates.ts'
import type { Fetch } from '../../core/fetch.ts'
import type { SessionDataset } from '../../datasets/prices/schema.ts'
import { RUNS_PREFIX } from '../../report/metrics-file.ts'
import { newestRuns, readRun, type StoredRun } from '../../report/runs.ts'
import type { Store, StoredFile } from '../../store/store.ts'
import type { StoreOptions } from '../effects.ts'
import type { Look } from '../inspect/look.ts'
import { once } from './checks.ts'

/** Each function throws an IngestError where the store refuses or cannot be reached, the same one each time. */
export type StoreLook = {
  readonly store: () => Promise<Store>
  /** What is told of a store without create-only writes that is used all the same: nothing before `create`. */
  readonly unsafe: readonly string[]
  /** Creates the probe where there is none. Create-only writes are proven by that in any case. */
  readonly create: () => Promise<'created' | 'exists'>
  /** Replaces the probe by its tag, with other bytes each time. */
  readonly replace: (tag: string) => Promise<'replaced' | 'conflict'>
  /** The price files of the symbol, of this year and the last one. */
  readonly priceFiles: () => Promise<readonly StoredFile[]>
  /** The files of the runs of the last `RUN_DAYS` days, and the probe. */
  readonly logFiles: () => Promise<readonly StoredFile[]>
  /** The newest of these runs. */
  readonly lastRun: () => Promise<StoredRun | undefined>
}

/** The one object that doctor writes. It stays, because the program has no right to delete. */
export const PROBE_KEY = `${RUNS_PREFIX}doctor/probe`

export const PROBE_BYTES = 64

/** One page of a listing holds three runs an hour of so many days. */
export const RUN_DAYS = 14

type Asked = {
  readonly prices: SessionDataset
  readonly symbol: () => Promise<string>
  readonly open: OpenStore
}

export type OpenStore = (target: Target, options: Pick<StoreOptions, 'access' | 'onUnsafe'>) => Promise<Store>

/** Opens stores in which a request is tried once. */
export function storeOpener({ config, effects, warn }: Look, fetch: Fetch): OpenStore {
  const runUuid = crypto.randomUUID()
  return async (target, options) =>
    await effects.openStore(target, config, { runUuid, onWarning: warn, maxAttempts: 1, fetch, ...options })
}

export function lookAtStore({ prices, symbol, open }: Asked, { config, startMs, asOf }: Look): StoreLook {
  const unsafe: string[] = []
  const onUnsafe = (text: string) => void unsafe.push(text)
  const store = once(async () => await open(config.target, { access: 'write', onUnsafe }))
  const probeUuid = crypto.randomUUID()
  let writes = 0
  const nextProbe = () => probeBytes(`${probeUuid} ${(writes += 1)}`)
  const logFiles = once(async () => {
    const oldest = utcDate(startMs - RUN_DAYS * MS_PER_DAY)
    return await (await store()).list(RUNS_PREFIX, `${RUNS_PREFIX}date=${oldest}`)
  })
  return {
    store,
    unsafe,
    create: once(async () => await (await store()).create(PROBE_KEY, nextProbe(), {})),
    replace: async (tag) => await (await store()).replace(PROBE_KEY, nextProbe(), {}, tag),
    priceFiles: once(async () => {
      const folder = prices.folder(await symbol())
      return await (await store()).list(folder, `${folder}year=${yearOf(asOf) - 1}`)
    }),
    logFiles,
    lastRun: once(async () => {
      const [newest] = newestRuns(await logFiles())
      return newest && (await readRun(await store(), newest))
    }),
  }
}

/** No two writes have the same bytes, so that each gives another tag. */
function probeBytes(mark: string): Uint8Array {
  return new TextEncoder().encode(`fmp-ingest doctor ${mark}`.padEnd(PROBE_BYTES - 1).concat('\n'))
}
