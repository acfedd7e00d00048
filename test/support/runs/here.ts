// The program in this process, over a stage's lake: the real stores, the vendor as a function, and virtual time.

import { resolve } from 'node:path'
import { openEffects, type Effects } from '../../../lib/commands/effects.ts'
import { openS3Store } from '../../../lib/store/s3/s3.ts'
import type { Store } from '../../../lib/store/store.ts'
import { vendorFetch } from '../servers/vendor-fetch.ts'
import type { Vendor } from '../servers/vendor.ts'
import { startInProcess } from './in-process.ts'
import type { Cli } from './process.ts'
import type { Call } from './stage.ts'
import { createVirtualTime, type VirtualTime } from './virtual-time.ts'

/** Where the vendor is for a run in this process. Nothing listens there. */
const BASE_URL = 'http://localhost:9'

/** Starts a run in this process. One that needs S3's environment runs alone: the SDK reads that of the process. */
export function startHere(vendor: Vendor, { args, env, cwd = '/' }: Call): Cli {
  const time = createVirtualTime()
  const { readTextFile, openStore, appendText } = doors()
  const started = Promise.withResolvers<Cli>()
  const run = async () =>
    await time.live(async () => {
      const cli = startInProcess(args, {
        env: { FMP_BASE_URL: BASE_URL, ...env },
        clock: time,
        fetch: vendorFetch(vendor, BASE_URL, time),
        appendText,
        readTextFile: async (path, maxBytes) => await time.during(readTextFile(resolve(cwd, path), maxBytes)),
        openStore: async (target, config, options) => {
          const opening =
            target.kind === 'folder' ? openStore(target, config, options) : openBucket(target, config, options)
          return inTime(await time.during(opening), time)
        },
      })
      started.resolve(cli)
      return await cli.done
    })
  const openBucket = async (target: { bucket: string }, ...[config, options]: Settings): Promise<Store> =>
    await openS3Store({
      bucket: target.bucket,
      fetch: async (url, init) => await fetch(url, init),
      nowMs: Date.now,
      region: config.defaultRegion,
      hasCustomEndpoint: config.hasCustomEndpoint,
      environment: env,
      concurrency: config.uploadConcurrency,
      allowUnsafe: config.allowsUnsafeStore,
      // Its requests hold time still, so its waits cannot wait for time to pass.
      clock: { elapsedMs: time.elapsedMs, sleep: async (ms) => time.skip(ms) },
      random: () => 0.5,
      ...options,
    })
  return {
    kill: (signal, afterMs = 0) => {
      const kill = async () => {
        const cli = await started.promise
        if (afterMs > 0) await time.sleep(afterMs)
        cli.kill(signal)
      }
      void kill()
    },
    done: Object.keys(env).some((name) => name.startsWith('AWS_')) ? alone(env, run) : run(),
  }
}

type Settings = Parameters<Effects['openStore']> extends [unknown, ...infer Rest] ? Rest : never

let real: Effects | undefined

/** The real doors. Opened once: they listen to the process's streams. */
function doors(): Effects {
  real ??= openEffects({
    version: '0.0.0',
    stop: new AbortController(),
    interruption: new AbortController().signal,
    encoderScript: '',
  })
  return real
}

/** A store whose work holds time still. */
function inTime(store: Store, time: VirtualTime): Store {
  return {
    ...store,
    list: async (...args) => await time.during(store.list(...args)),
    read: async (...args) => await time.during(store.read(...args)),
    create: async (...args) => await time.during(store.create(...args)),
    replace: async (...args) => await time.during(store.replace(...args)),
  }
}

let last: Promise<unknown> = Promise.resolve()

/** Runs after all others that came before, with these variables in the environment of this process. */
async function alone<T>(env: Readonly<Record<string, string>>, run: () => Promise<T>): Promise<T> {
  const before = last
  const { promise, resolve: end } = Promise.withResolvers<void>()
  last = promise
  await before
  const names = Object.keys(env)
  const outside = names.map((name) => process.env[name])
  for (const name of names) process.env[name] = env[name]
  for (const name of names) if (env[name] === '') delete process.env[name]
  try {
    return await run()
  } finally {
    for (const [index, name] of names.entries()) {
      const value = outside[index]
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
    end()
  }
}
