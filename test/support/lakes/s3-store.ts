// The S3 store on a fake server, in this process: environment, clock and dice are the test's own.
import type { Store } from '../../../lib/store/store.ts'
import { openS3Store, type S3StoreOptions } from '../../../lib/store/s3/s3.ts'
import { createFakeClock } from '../runs/fake-clock.ts'

/** Sets AWS_* to just these until the returned function is called: the SDK reads it when it likes. */
export function setAwsEnvironment(env: Readonly<Record<string, string>>): () => void {
  const before = new Map(Object.entries(process.env).filter(([name]) => name.startsWith('AWS_')))
  for (const name of before.keys()) delete process.env[name]
  Object.assign(process.env, env)
  return () => {
    for (const name of Object.keys(env)) delete process.env[name]
    for (const [name, value] of before) process.env[name] = value
  }
}

/** Opens `test-bucket`. Waits between tries cost nothing. */
export function openTestStore(options: Partial<S3StoreOptions> = {}): Promise<Store> {
  return openS3Store({
    bucket: 'test-bucket',
    fetch: async (url, init) => await fetch(url, init),
    nowMs: Date.now,
    environment: process.env,
    userAgent: 'fmp-ingest/1.2.3',
    runUuid: crypto.randomUUID(),
    concurrency: 8,
    clock: createFakeClock(),
    random: () => 0.5,
    allowUnsafe: false,
    onWarning: () => undefined,
    ...options,
  })
}
