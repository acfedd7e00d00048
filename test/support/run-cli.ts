// Runs the real program as a process of its own, against the fake vendor and a lake of the test's own, and holds every
// run against what the design promises of all runs: no secret anywhere, an account that adds up, the right exit code.

import { expect } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import PQueue from 'p-queue'
import { XNYS } from '../../lib/core/calendar.ts'
import { isIsoDate, type IsoDate } from '../../lib/core/dates.ts'
import {
  makeBars,
  startFakeFmp,
  type Bar,
  type FakeFmp,
  type FakeFmpOptions,
  type FmpRequestInfo,
  type Report,
} from './fake-fmp.ts'
import { startFakeS3, type FakeS3 } from './fake-s3.ts'
import { disposableFolder, folderLake, isDataKey, readFooter, s3Lake, type Lake } from './lake.ts'
import type { Metrics } from '../../lib/report/contract.ts'

export const ROOT = join(import.meta.dir, '../..')

/** A Tuesday morning in New York: the last session before today is Monday, 2024-09-16. */
export const NOW = '2024-09-17T13:00:00Z'

/** With characters that a URL escapes, so that an escaped key would be noticed as well. */
export const KEY = 'e2e+Key/0123456789=='

// One home for all runs: Bun keeps what it has transpiled there.
const HOME = mkdtempSync(join(tmpdir(), 'ingest-home-'))
process.on('exit', () => rmSync(HOME, { recursive: true, force: true }))

const TIME_LIMIT_MS = 25_000

// Each program lives for a tenth of a second: compiling its hot code takes a quarter more time than it gains.
const SHORT_LIVED = { BUN_JSC_useDFGJIT: '0' }

// Concurrent tests would otherwise start twenty programs at once and each of them would crawl.
const slots = new PQueue({ concurrency: 6 })

export type CliOptions = {
  /** All of the environment besides PATH, HOME and a setting of the runtime. */
  readonly env?: Readonly<Record<string, string>>
  /** An empty folder unless told. */
  readonly cwd?: string
  readonly preload?: string
  /** A run that takes longer is killed. */
  readonly timeLimitMs?: number
}

export type CliResult = {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export type Cli = {
  kill(signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): void
  readonly done: Promise<CliResult>
}

/** Starts `ingest` with a clean environment. */
export function startCli(args: readonly string[], options: CliOptions = {}): Cli {
  const { env = {}, cwd = HOME, preload, timeLimitMs = TIME_LIMIT_MS } = options
  const preloading = preload === undefined ? [] : ['--preload', join(ROOT, preload)]
  const child = Bun.spawn([process.execPath, '--no-env-file', ...preloading, join(ROOT, 'ingest.ts'), ...args], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', HOME, ...SHORT_LIVED, ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: timeLimitMs,
    killSignal: 'SIGKILL',
  })
  const finish = async (): Promise<CliResult> => {
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
    // A killed process has no exit code; shells count it so.
    const code = child.exitCode ?? 128 + (child.signalCode === 'SIGKILL' ? 9 : 15)
    return { code, stdout, stderr }
  }
  return { kill: (signal) => child.kill(signal), done: finish() }
}

/** Runs `ingest` to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return await slots.add(async () => await startCli(args, options).done)
}

const MEASURE = `
  const child = Bun.spawn(JSON.parse(process.argv.at(-1)), { stdout: 'ignore', stderr: 'ignore' })
  const code = await child.exited
  console.log(JSON.stringify({ code, peakBytes: child.resourceUsage().maxRSS }))`

/**
 * Runs `ingest` and tells its peak memory. By way of a small process in between: Linux counts what a process was before
 * its exec as its own, and that would be this one, tests and databases and all.
 */
export async function measureCli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; peakBytes: number }> {
  const command = [process.execPath, '--no-env-file', join(ROOT, 'ingest.ts'), ...args]
  const child = Bun.spawn([process.execPath, '--no-env-file', '-e', MEASURE, JSON.stringify(command)], {
    cwd: HOME,
    env: { PATH: process.env['PATH'] ?? '', HOME, ...env },
    stdout: 'pipe',
  })
  return JSON.parse(await child.stdout.text()) as { code: number; peakBytes: number }
}

export type RunOptions = CliOptions & {
  /** The instant of the run, `NOW` unless told; null is the real clock. */
  readonly now?: string | null
  /** Other runs go on over the same lake or vendor: what changed there is not this run's alone. */
  readonly isShared?: boolean
  /** The vendor resets connections: a call that was sent need not have come in. */
  readonly isLossy?: boolean
  /** Time passes so many times as fast. */
  readonly warp?: number
}

export type Run = CliResult & {
  /** What this run asked the vendor. */
  readonly requests: readonly FmpRequestInfo[]
  /** The stored metrics document and its key; undefined where the run left none. */
  readonly metrics: Metrics | undefined
  readonly metricsKey: string | undefined
  /** Files of prices and statements that are new or have other bytes than before. */
  readonly changed: readonly string[]
}

export type Stage = AsyncDisposable & {
  readonly fmp: FakeFmp
  readonly lake: Lake
  /** By symbol; a test may change them between runs. */
  readonly bars: Record<string, readonly Bar[]>
  /** Likewise. */
  readonly reports: Record<string, readonly Report[]>
  /** Answers in place of the usual ones; a test may set it between runs. */
  onRequest: FakeFmpOptions['onRequest']
  readonly s3: FakeS3 | undefined
  /** Starts a run over this stage's lake; `done` checks it and tells what it did. */
  start(args: readonly string[], options?: RunOptions): { kill: Cli['kill']; done: Promise<Run> }
  run(args: readonly string[], options?: RunOptions): Promise<Run>
}

export type S3Stage = Stage & { readonly s3: FakeS3 }

type StageOptions = Pick<FakeFmpOptions, 'bars'> & { readonly onRequest?: FakeFmpOptions['onRequest'] | undefined }

/** A vendor with these bars and an empty folder to store in, both gone at the end of the scope that holds them. */
export async function setStage(options: StageOptions = {}): Promise<Stage> {
  const folder = await disposableFolder()
  return buildStage(options, folderLake(join(folder.path, 'lake')), async () => await folder[Symbol.asyncDispose]())
}

/** The same with an empty bucket in a fake S3. */
export async function setS3Stage({ region, ...options }: StageOptions & { region?: string } = {}): Promise<S3Stage> {
  const s3 = await startFakeS3(region === undefined ? {} : { region })
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
  const fmp = startFakeFmp({ bars: held, reports, key: KEY, onRequest: (info) => stage.onRequest?.(info) })
  const stage: Stage = {
    fmp,
    lake,
    bars: held,
    reports,
    onRequest,
    s3,
    start: (args, options) => startRun(stage, args, options),
    run: async (args, options) => await startRun(stage, args, options).done,
    async [Symbol.asyncDispose]() {
      fmp.stop()
      await remove()
    },
  }
  return stage
}

function startRun(stage: Stage, args: readonly string[], options: RunOptions = {}) {
  const { lake, fmp, s3 } = stage
  const { now = NOW, isShared = false, isLossy = false, warp, env = {}, ...rest } = options
  const where = args.includes('--out') || 'S3_BUCKET' in env ? [] : ['--out', lake.out]
  const when = now === null || args.includes('--now') ? [] : ['--now', now]
  const started = Promise.withResolvers<Cli>()
  const start = () =>
    startCli([...args, ...where, ...when], {
      env: {
        FMP_API_KEY: KEY,
        FMP_BASE_URL: fmp.url,
        RATE_LIMIT_SECONDS: '0',
        ...s3?.env(),
        ...(warp === undefined ? {} : { TIME_WARP: String(warp) }),
        ...env,
      },
      ...(warp === undefined ? {} : { preload: 'test/support/time-warp.ts' }),
      ...rest,
    })
  const perform = async (): Promise<Run> => {
    const before = await snapshot(lake)
    const asked = fmp.requests.length
    const cli = start()
    started.resolve(cli)
    const result = await cli.done
    const after = await snapshot(lake)
    const changed = [...after].filter(([key, bytes]) => !sameBytes(bytes, before.get(key))).map(([key]) => key)
    const metricsKey = placeInSummary(result.stdout, lake) ?? (isShared ? undefined : changed.find(isMetricsKey))
    const document = metricsKey === undefined ? undefined : after.get(metricsKey)
    const run: Run = {
      ...result,
      requests: fmp.requests.slice(asked),
      metrics: document && (JSON.parse(new TextDecoder().decode(document)) as Metrics),
      metricsKey,
      changed: changed.filter(isDataKey),
    }
    checkSecrets(run, after, s3)
    await checkRun(run, { args, lake, after, isShared, isLossy })
    return run
  }
  return {
    kill: (signal: Parameters<Cli['kill']>[0]) => void started.promise.then(({ kill }) => kill(signal)),
    done: slots.add(perform),
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

export function iso(text: string): IsoDate {
  if (!isIsoDate(text)) throw new Error(`${text} is no date.`)
  return text
}

/** The NYSE's sessions from one date to another. */
export function sessions(from: string, to: string): readonly string[] {
  return XNYS.sessions({ from: iso(from), to: iso(to) })
}

/** What random cases are drawn by; printed as TEST_SEED. */
export const SEED = Number(process.env['TEST_SEED'] ?? 1)

/** Bars of each symbol for each session, drawn by TEST_SEED. */
export function barsFor(symbols: readonly string[], from: string, to: string): Record<string, readonly Bar[]> {
  return Object.fromEntries(
    symbols.map((symbol, index) => [symbol, makeBars(XNYS.sessions({ from: iso(from), to: iso(to) }), SEED + index)]),
  )
}

/** The day file's key of a symbol without characters that a path escapes. */
export function dayKey(symbol: string, date: string): string {
  const [year, month] = date.split('-')
  return `raw/prices/symbol=${symbol}/year=${year}/month=${month}/${symbol}-${date}.parquet`
}

export function yearKey(symbol: string, year: number): string {
  return `raw/prices/symbol=${symbol}/year=${year}/${symbol}-${year}.parquet`
}

// What holds of every run

type Snapshot = ReadonlyMap<string, Uint8Array>

async function snapshot(lake: Lake): Promise<Snapshot> {
  const keys = await lake.keys()
  const entries = keys.map(async (key) => {
    // Another run's temporary file may be gone by now.
    const bytes = key.includes('.ingest-tmp') ? lake.bytes(key).catch(() => new Uint8Array()) : lake.bytes(key)
    return [key, await bytes] as const
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

/** Neither the key nor the store's secret stands in any output or file, escaped or in base64 either. */
export function checkSecrets({ stdout, stderr }: CliResult, files: Snapshot, s3?: FakeS3): void {
  const secrets = [KEY, s3?.env()['AWS_SECRET_ACCESS_KEY']].filter((secret) => secret !== undefined)
  const forms = secrets.flatMap((secret) => [
    secret,
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64'),
    Buffer.from(secret).toString('base64url'),
  ])
  const texts = [['stdout', Buffer.from(stdout)] as const, ['stderr', Buffer.from(stderr)] as const, ...files]
  const found = texts.filter(([, bytes]) => {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return forms.some((form) => view.includes(form))
  })
  expect(found.map(([name]) => name)).toEqual([])
}

type CheckContext = {
  readonly args: readonly string[]
  readonly lake: Lake
  readonly after: Snapshot
  readonly isShared: boolean
  readonly isLossy: boolean
}

async function checkRun(run: Run, { args, lake, after, isShared, isLossy }: CheckContext): Promise<void> {
  const { code, stdout, stderr, requests, metrics, changed } = run
  // oxlint-disable-next-line no-control-regex -- they must not be there
  expect(`${stdout}${stderr}`).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F]/)
  expect(stderr).not.toContain('defect')
  if (code !== 137 && !isShared) expect([...after.keys()].filter((key) => key.includes('.ingest-tmp'))).toEqual([])
  if (metrics === undefined) {
    if (isShared) return
    expect({ requests: requests.length, changed }).toEqual({ requests: 0, changed: [] })
    return
  }
  checkAccount(metrics)
  checkExitCode(run, metrics)
  if (args.includes('--json')) expect(JSON.parse(stdout)).toEqual(metrics)
  else checkSummary(stdout, metrics)
  const failed = metrics.results.filter(({ errors }) => errors.length > 0).map(({ symbol }) => symbol)
  const named = [...stderr.matchAll(/^❌ ([^ :a-z]+): /gm)].map(([, symbol = '']) => symbol)
  expect([...new Set(named)].toSorted()).toEqual([...new Set(failed)].toSorted())
  if (isShared || code >= 128) return
  if (isLossy) expect(metrics.calls).toBeGreaterThanOrEqual(requests.length)
  else expect(metrics.calls).toBe(requests.length)
  expect(changed.length).toBeLessThanOrEqual(metrics.files_written)
  if (changed.length < metrics.files_written) return
  const rows = await Promise.all(changed.map(async (key) => (await readFooter(lake, key)).rows))
  expect(sum(rows)).toBe(metrics.rows_written)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/** Every session and document of every symbol has one fate, and the totals are those of the symbols. */
function checkAccount(metrics: Metrics): void {
  const { results, counts } = metrics
  for (const result of results) {
    const stated = { symbol: result.symbol, sessions: result.sessions }
    expect({ symbol: result.symbol, sessions: sum(Object.values(result.counts)) }).toEqual(stated)
  }
  // Where the range is everybody's, everybody answers for all of its sessions.
  const { from, to } = metrics.date_range
  const isCommon = metrics.mode === 'backfill' || metrics.settings.from_date !== null
  if (isCommon && from !== null && to !== null) {
    const count = sessions(from, to).length
    const ofPrices = results.filter(({ dataset }) => dataset === 'prices')
    expect(ofPrices.map((result) => result.sessions)).toEqual(ofPrices.map(() => count))
  }
  for (const { dataset, counts: own, ...written } of metrics.datasets) {
    expect(own.stored).toBeLessThanOrEqual(written.rows_written)
    if (dataset !== 'prices') expect(own.stored).toBe(written.files_written)
    else if (metrics.bars_on_closed_days === 0) expect(own.stored).toBeLessThanOrEqual(written.rows_written)
  }
  const fates = ['stored', 'already_stored', 'no_data', 'missing', 'rejected', 'failed', 'not_reached'] as const
  expect(Object.keys(counts).toSorted()).toEqual([...fates].toSorted())
  for (const fate of fates) expect(counts[fate]).toBe(sum(results.map((result) => result.counts[fate])))
  expect(metrics.sessions).toBe(sum(Object.values(counts)))
  expect(metrics.files_written).toBe(sum(results.map(({ files_written: files }) => files)))
  expect(metrics.rows_written).toBe(sum(results.map(({ rows_written: rows }) => rows)))
  expect(metrics.errors).toBe(sum(results.map(({ errors }) => errors.length)))
  expect(metrics.symbols_processed).toBeLessThanOrEqual(results.length)
  if (metrics.stopped_by === null) expect(metrics.symbols_processed).toBe(metrics.symbols)
  if (counts.not_reached > 0) expect(metrics.stopped_by).not.toBeNull()
  expect(metrics.run_id).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/)
}

function checkExitCode({ code }: Run, { errors, run_errors: runErrors, stopped_by: stoppedBy, ...rest }: Metrics) {
  // Killed after it had said everything: nobody knows what its code would have been.
  if (code === 137) return undefined
  if (rest.interrupted) return expect([130, 143]).toContain(code)
  if (stoppedBy !== null && ['quota', 'bandwidth', 'budget'].includes(stoppedBy)) return expect(code).toBe(3)
  const isGood = errors + runErrors.length === 0 && rest.counts.failed + rest.counts.not_reached === 0
  return expect(code).toBe(isGood ? 0 : 1)
}

const RULE = '='.repeat(60)

function checkSummary(stdout: string, metrics: Metrics): void {
  const prices = metrics.datasets.find(({ dataset }) => dataset === 'prices')?.counts
  const errors = metrics.errors + metrics.run_errors.length
  const lines = stdout.split('\n')
  const isClean = errors === 0 && metrics.stopped_by === null
  expect(lines[0] === '✅ Ingestion Complete').toBe(isClean)
  expect(lines.slice(1, 6)).toEqual([
    RULE,
    `📊 Symbols: ${metrics.symbols_processed}`,
    `📁 Files written: ${metrics.files_written}`,
    `📝 Rows written: ${metrics.rows_written}`,
    `❌ Errors: ${errors}`,
  ])
  expect(lines.at(-4)).toBe(`⏱️  Duration: ${metrics.duration_seconds.toFixed(1)}s`)
  expect(lines.at(-3)).toStartWith('📋 Metrics: ')
  expect(lines.slice(-2)).toEqual([RULE, ''])
  const news = lines.slice(6, -4)
  const shows = (label: string, count: number) => {
    const line = `${label}: ${count.toLocaleString('en-US')}`
    expect(news.filter((text) => text.includes(`${label}:`))).toEqual(
      count === 0 ? [] : [expect.stringContaining(line)],
    )
  }
  shows('Already stored', prices?.already_stored ?? 0)
  shows('No data', prices?.no_data ?? 0)
  shows('Rejected rows', metrics.rejected_rows)
}
