// A stage for runs: the fake vendor, a lake of the test's own, and the program run over them, in this process or as one of
// its own. Every run is held against what the design promises of all runs.

import { expect } from 'bun:test'
import { join } from 'node:path'
import { COMMAND_WORDS } from '../../../lib/cli/commands.ts'
import type { Metrics } from '../../../lib/report/contract.ts'
import type { Bar } from '../bars.ts'
import { disposableFolder, folderLake, isDataKey, s3Lake, type Lake } from '../lakes/lake.ts'
import { serveVendor, type VendorServer } from '../servers/fake-fmp.ts'
import { startFakeS3, type FakeS3 } from '../servers/fake-s3.ts'
import { createVendor, type Report, type Vendor, type VendorOptions } from '../servers/vendor.ts'
import { checkRun, checkSecrets, type Run, type Snapshot } from './checks.ts'
import { startHere } from './here.ts'
import { KEY, NOW } from './in-process.ts'
import { startCli, type Cli, type CliOptions, type CliResult } from './process.ts'

export type { Run }

export type RunOptions = Omit<CliOptions, 'preload'> & {
  /** The instant of the run, `NOW` unless told; null is the real clock. */
  readonly now?: string | null
  /** Other runs go on over the same lake or vendor: what changed there is not this run's alone. */
  readonly isShared?: boolean
  /** The vendor resets connections: a call that was sent need not have come in. */
  readonly isLossy?: boolean
}

export type SpawnOptions = RunOptions &
  Pick<CliOptions, 'preload'> & {
    /** The waits of the program pass so many times as fast. */
    readonly warp?: number
  }

/** A run under way; `done` checks it and tells what it did. */
export type Running = { kill: Cli['kill']; readonly done: Promise<Run> }

export type Stage = AsyncDisposable & {
  /** The vendor; its server starts when its `url` is asked for, or by a run in a process of its own. */
  readonly fmp: Pick<Vendor, 'requests' | 'maxInFlight'> & { readonly url: string }
  readonly lake: Lake
  /** By symbol; a test may change them between runs. */
  readonly bars: Record<string, readonly Bar[]>
  /** Likewise. */
  readonly reports: Record<string, readonly Report[]>
  /** Answers in place of the usual ones; a test may set it between runs. */
  onRequest: VendorOptions['onRequest']
  readonly s3: FakeS3 | undefined
  /** Starts a run in this process, in virtual time. */
  start(args: readonly string[], options?: RunOptions): Running
  run(args: readonly string[], options?: RunOptions): Promise<Run>
  /** Starts a run in a process of its own. */
  spawn(args: readonly string[], options?: SpawnOptions): Running
}

export type S3Stage = Stage & { readonly s3: FakeS3 }

type S3StageOptions = StageOptions & { readonly s3?: Parameters<typeof startFakeS3>[0] }

type StageOptions = Pick<VendorOptions, 'bars'> & { readonly onRequest?: VendorOptions['onRequest'] | undefined }

/** A vendor with these bars and an empty folder to store in, both gone at the end of the scope that holds them. */
export async function setStage(options: StageOptions = {}): Promise<Stage> {
  const folder = await disposableFolder()
  return buildStage(options, folderLake(join(folder.path, 'lake')), async () => await folder[Symbol.asyncDispose]())
}

/** The same with an empty bucket in a fake S3. */
export async function setS3Stage({ s3: s3Options, ...options }: S3StageOptions = {}): Promise<S3Stage> {
  const s3 = await startFakeS3(s3Options)
  return Object.assign(
    buildStage(options, s3Lake(s3), async () => await s3.stop(), s3),
    { s3 },
  )
}

function buildStage(
  { bars = {}, onRequest }: StageOptions,
  lake: Lake,
  remove: () => Promise<void>,
  s3?: FakeS3,
): Stage {
  const held = { ...bars }
  const reports: Stage['reports'] = {}
  const vendor = createVendor({ bars: held, reports, key: KEY, onRequest: (info) => stage.onRequest?.(info) })
  let server: VendorServer | undefined
  const stage: Stage = {
    fmp: {
      requests: vendor.requests,
      maxInFlight: vendor.maxInFlight,
      get url() {
        server ??= serveVendor(vendor)
        return server.url
      },
    },
    lake,
    bars: held,
    reports,
    onRequest,
    s3,
    start: (args, options = {}) => perform(stage, args, options, (call) => startHere(vendor, call)),
    run: async (args, options) => await stage.start(args, options).done,
    spawn: (args, options = {}) => perform(stage, args, options, spawning(stage, options)),
    async [Symbol.asyncDispose]() {
      server?.stop()
      await remove()
    },
  }
  return stage
}

function spawning(stage: Stage, { preload, warp }: SpawnOptions): Start {
  const warping = warp === undefined ? undefined : 'test/support/runs/time-warp.ts'
  return ({ args, env, cwd }) =>
    startCli(args, {
      env: { FMP_BASE_URL: stage.fmp.url, ...(warp === undefined ? {} : { TIME_WARP: String(warp) }), ...env },
      cwd,
      preload: preload ?? warping,
    })
}

/** A command line with all that a run over a stage is given. */
export type Call = {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
}

type Start = (call: Call) => Cli

/** Starts a run over the stage's lake and holds it against what every run promises. */
function perform(stage: Stage, args: readonly string[], options: RunOptions, start: Start): Running {
  const { lake, fmp, s3 } = stage
  const { now = NOW, isShared = false, isLossy = false, env = {}, cwd } = options
  const where = args.includes('--out') || 'S3_BUCKET' in env ? [] : ['--out', lake.out]
  const when = now === null || args.includes('--now') ? [] : ['--now', now]
  const call = {
    args: [...args, ...where, ...when],
    env: { FMP_API_KEY: KEY, RATE_LIMIT_SECONDS: '0', ...s3?.env(), ...env },
    cwd,
  }
  const started = Promise.withResolvers<Cli>()
  const finish = async (): Promise<Run> => {
    const before = await snapshot(lake)
    const asked = fmp.requests.length
    const askedOfS3 = s3?.requests.length
    const cli = start(call)
    started.resolve(cli)
    const result = await cli.done
    const after = await snapshot(lake)
    const run = accountOf(result, { before, after, lake, isShared, requests: fmp.requests.slice(asked) })
    checkSecrets(run, after, s3)
    // The commands that look at a lake write nothing at all, but for one probe.
    const writes = args[0] === 'table' && !args.includes('--check')
    if (!writes && COMMAND_WORDS.some((word) => word === args[0]))
      expect(withoutProbe(after)).toEqual(withoutProbe(before))
    const maxRequests = env['TABLE'] === undefined ? 12 : 15
    if (args[0] === 'doctor') expectFrugal(after, s3?.requests.slice(askedOfS3) ?? [], maxRequests)
    await checkRun(run, { args, lake, after, isShared, isLossy })
    return run
  }
  return {
    kill: (signal, afterMs) => void started.promise.then(({ kill }) => kill(signal, afterMs)),
    done: finish(),
  }
}

type Traces = Pick<Run, 'requests'> & {
  readonly before: Snapshot
  readonly after: Snapshot
  readonly lake: Lake
  readonly isShared: boolean
}

/** What a run did, by its output and by what it changed. */
function accountOf(result: CliResult, { before, after, lake, isShared, requests }: Traces): Run {
  const changed = [...after].filter(([key, bytes]) => !sameBytes(bytes, before.get(key))).map(([key]) => key)
  const metricsKey = placeInSummary(result.stdout, lake) ?? (isShared ? undefined : changed.find(isMetricsKey))
  const document = metricsKey === undefined ? undefined : after.get(metricsKey)
  return {
    ...result,
    requests,
    metrics: document && (JSON.parse(new TextDecoder().decode(document)) as Metrics),
    metricsKey,
    changed: changed.filter(isDataKey),
  }
}

/** The metrics document of a run that must have left one. */
export function metricsOf({ metrics, stdout, stderr }: Run): Metrics {
  if (metrics === undefined) throw new Error(`The run left no metrics document.\n${stdout}\n${stderr}`)
  return metrics
}

/** The calls of a run as `SYMBOL variant from..to`, in the order in which they came in. */
export function callsOf({ requests }: Pick<Run, 'requests'>): string[] {
  return requests.map(({ symbol, variant, from, to }) => `${symbol} ${variant} ${from}..${to}`)
}

const PROBE = 'logs/ingest/doctor/probe'

function withoutProbe(files: Snapshot): Snapshot {
  return new Map([...files].filter(([key]) => key !== PROBE))
}

/** Doctor asks little of the store, and leaves little. */
function expectFrugal(after: Snapshot, requests: readonly unknown[], maxRequests: number): void {
  expect(requests.length).toBeLessThanOrEqual(maxRequests)
  const probe = after.get(PROBE)
  if (probe !== undefined) expect(probe.length).toBe(64)
}

async function snapshot(lake: Lake): Promise<Snapshot> {
  const keys = await lake.keys()
  const entries = keys.map(async (key) => {
    // Another run's temporary file may be gone by now, and so may an older file of its ledger.
    const mayBeGone = key.includes('.ingest-tmp') || key.includes('/ledger/')
    const bytes = lake.bytes(key)
    return [key, await (mayBeGone ? bytes.catch(() => new Uint8Array()) : bytes)] as const
  })
  return new Map(await Promise.all(entries))
}

function sameBytes(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.compare(a, b) === 0
}

function isMetricsKey(key: string): boolean {
  return /^logs\/ingest\/.*\.json$/.test(key)
}

function placeInSummary(stdout: string, { out }: Lake): string | undefined {
  const place = /^📋 Metrics: (.*)$/m.exec(stdout)?.[1]
  return place?.startsWith(`${out}/`) === true ? place.slice(out.length + 1) : undefined
}
