// The program in this process, over a stage's lake: the real stores, the vendor as a function, and virtual time.

import { resolve } from 'node:path'
import { openEffects, type Effects } from '../../../lib/commands/effects.ts'
import type { Store } from '../../../lib/store/store.ts'
import { vendorFetch } from '../servers/vendor-fetch.ts'
import type { Vendor } from '../servers/vendor.ts'
import { startInProcess } from './in-process.ts'
import type { Cli } from './process.ts'
import type { Call } from './stage.ts'
import { createVirtualTime, type VirtualTime } from './virtual-time.ts'

/** Where the vendor is for a run in this process. Nothing listens there. */
const BASE_URL = 'http://localhost:9'

/**
 * Starts a run in this process. The SDK reads the environment of the
 * process, so runs over different buckets come one after the other.
 */
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
  const openBucket = async (target: { bucket: string }, ...[config, options]: Settings): Promise<Store> => {
    // Loaded when used, as the program does it: half of the stages have no bucket.
    const { openS3Store } = await import('../../../lib/store/s3/s3.ts')
    return await openS3Store({
      bucket: target.bucket,
      fetch: async (url, init) => await fetch(url, init),
      nowMs: Date.now,
      region: config.defaultRegion,
      addressingStyle: config.addressingStyle,
      environment: env,
      userAgent: 'fmp-ingest/0.0.0',
      concurrency: config.uploadConcurrency,
      allowUnsafe: config.allowsUnsafeStore,
      // Its requests hold time still, so its waits cannot wait for time to pass.
      clock: { elapsedMs: time.elapsedMs, sleep: async (ms) => time.skip(ms) },
      random: () => 0.5,
      ...options,
      // Only this is told by real time, in which a busy machine answers late; stores.test.ts has it of a process.
      onWarning: (text) => {
        if (!text.includes(': no answer yet. ')) options.onWarning(text)
      },
    })
  }
  return {
    kill: (signal, afterMs = 0) => {
      const kill = async () => {
        const cli = await started.promise
        if (afterMs > 0) await time.sleep(afterMs)
        cli.kill(signal)
      }
      void kill()
    },
    done: Object.keys(env).some((name) => name.startsWith('AWS_')) ? inEnvironment(env, run) : run(),
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
    listLevel: async (prefix) => await time.during(store.listLevel(prefix)),
    read: async (...args) => await time.during(store.read(...args)),
    readWithMetadata: async (...args) => await time.during(store.readWithMetadata(...args)),
    create: async (...args) => await time.during(store.create(...args)),
    replace: async (...args) => await time.during(store.replace(...args)),
  }
}

type Environment = Readonly<Record<string, string>>

/** What the environment of this process is lent for, to how many runs, and how it is given back. */
type Loan = { readonly text: string; runs: number; readonly isOver: Promise<void>; readonly end: () => void }

const current: { loan: Loan | undefined } = { loan: undefined }

/** Runs with these variables in the environment of this process, after all runs that need others. */
async function inEnvironment<T>(env: Environment, run: () => Promise<T>): Promise<T> {
  const text = JSON.stringify(env)
  while (current.loan !== undefined && current.loan.text !== text) await current.loan.isOver
  const mine = (current.loan ??= lend(env, text))
  mine.runs += 1
  try {
    return await run()
  } finally {
    mine.runs -= 1
    if (mine.runs === 0) mine.end()
  }
}

function lend(env: Environment, text: string): Loan {
  const outside = Object.keys(env).map((name) => [name, process.env[name]] as const)
  for (const [name, value] of Object.entries(env)) setVariable(name, value === '' ? undefined : value)
  const { promise: isOver, resolve: end } = Promise.withResolvers<void>()
  return {
    text,
    runs: 0,
    isOver,
    end: () => {
      for (const [name, value] of outside) setVariable(name, value)
      current.loan = undefined
      end()
    },
  }
}

function setVariable(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name]
  else process.env[name] = value
}
