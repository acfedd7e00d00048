// One seed of the proof on Slurm: two arrays of eight tasks over one lake, whose tasks are killed, against one process that
// nobody disturbs. The first array meets the quota of the day; the second one, with a larger quota, goes on to the end.
// `run.ts` starts it, with the program's file as its argument and a real S3 server in its environment.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { XNYS } from '../../lib/core/calendar.ts'
import { mapAhead } from '../../lib/core/concurrency.ts'
import type { Metrics } from '../../lib/report/contract.ts'
import type { RunGroup } from '../../lib/report/run-group.ts'
import { createBucket, type Bucket } from '../conformance/bench.ts'
import { makeBars } from '../support/bars.ts'
import { seededRandom, wholeBetween } from '../support/random.ts'
import { KEY, NOW } from '../support/runs/in-process.ts'
import { ROOT } from '../support/runs/process.ts'
import type { Bars } from '../support/servers/vendor.ts'
import { span } from '../support/values.ts'
import { logsOf, runArray, type ArrayRun } from './array.ts'
import {
  checkDay,
  checkEnds,
  checkLakes,
  checkMinute,
  checkRestarts,
  checkStopped,
  checkTenSeconds,
  checkTotals,
  useOfRate,
  type Check,
  type Files,
} from './checks.ts'
import { startCluster, TASKS, type Cluster } from './cluster.ts'
import { startCountingVendor, type CountingVendor } from './vendor.ts'

const RATE_LIMIT_SECONDS = 0.1
const CALLS_A_MINUTE = 60 / RATE_LIMIT_SECONDS
const PROGRAM = '/usr/local/bin/ingest'

/** What a seed draws. */
type Story = {
  readonly name: string
  readonly symbols: number
  /** Of the first stored session. */
  readonly from: string
  readonly args: readonly string[]
  /** Of what one process needs. */
  readonly quotaShare: number
  readonly kills: number
}

const seed = Number(process.env['TEST_SEED'])
const [program = ''] = process.argv.slice(2)
const random = seededRandom(seed)

/** Odd seeds fill days, a file for each symbol and session; even ones years. */
function drawStory(): Story {
  const [quotaShare, kills] = [wholeBetween(random, 25, 50) / 100, wholeBetween(random, 15, 25)]
  if (seed % 2 === 1) {
    const args = ['--from-date', '2024-09-11', '--to-date', '2024-09-16']
    return { name: 'days', symbols: 240, from: '2024-09-03', args, quotaShare, kills }
  }
  const args = ['--backfill', '--from-date', '2014-01-02', '--to-date', '2024-09-16']
  return { name: 'years', symbols: 120, from: '2014-01-02', args, quotaShare, kills }
}

function barsOf({ symbols, from }: Story): Bars {
  const dates = XNYS.sessions(span(`${from}..2024-09-16`))
  const named = ['^GSPC', 'BRK-B', ...Array.from({ length: symbols - 2 }, (_, index) => `S${index}`)]
  return Object.fromEntries(named.map((symbol, index) => [symbol, makeBars(dates, seed * 1_000 + index)]))
}

type Place = {
  readonly vendor: CountingVendor
  readonly bucket: Bucket
  readonly rateLimitSeconds: number
}

/** The settings of a run, as variables. */
function settingsOf({ vendor, bucket, rateLimitSeconds }: Place): Readonly<Record<string, string>> {
  return {
    FMP_API_KEY: KEY,
    FMP_BASE_URL: vendor.url,
    RATE_LIMIT_SECONDS: String(rateLimitSeconds),
    S3_BUCKET: bucket.name,
    ...bucket.owner.env,
  }
}

/** What the program prints. Throws where it ends with another code than these. */
async function runProgram(args: readonly string[], place: Place, codes: readonly number[] = [0]): Promise<string> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...settingsOf(place) }
  const child = Bun.spawn([program, ...args], { cwd: '/', env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  if (!codes.includes(code)) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`)
  return stdout
}

async function filesOf({ lake }: Bucket): Promise<Files> {
  const keys = (await lake.keys()).filter((key) => !key.startsWith('logs/'))
  const files = new Map<string, string>()
  const hash = async (key: string) =>
    [key, new Bun.CryptoHasher('sha256').update(await lake.bytes(key)).digest('hex')] as const
  for await (const [key, text] of mapAhead(keys, 32, hash)) files.set(key, text)
  return files
}

/** Writes what the batch script needs, and returns it with its arguments. */
async function writeJob(cluster: Cluster, tickers: string, { args }: Story): Promise<readonly string[]> {
  const script = await Bun.file(join(ROOT, '.github/deploy/slurm.sh')).text()
  if (script.split(PROGRAM).length !== 2) throw new Error(`slurm.sh does not name ${PROGRAM} once.`)
  const path = join(cluster.folder, 'slurm.sh')
  await Bun.write(path, script.replace(PROGRAM, program))
  return [path, '--env-file', join(cluster.folder, 'env'), '--tickers-path', tickers, '--now', NOW, ...args]
}

function writeSettings(cluster: Cluster, place: Place, dailyCalls: number): void {
  const settings = { ...settingsOf(place), DAILY_CALLS: String(dailyCalls) }
  const lines = Object.entries(settings).map(([name, value]) => `${name}='${value}'\n`)
  writeFileSync(join(cluster.folder, 'env'), lines.join(''), { mode: 0o600 })
}

function tellArray(name: string, ran: ArrayRun, arrivals: readonly number[]): void {
  const { id, seconds, kills, tasks, allLive, noneDead } = ran
  const nodes = [...new Set(tasks.map(({ node }) => node))].toSorted()
  console.log(`  ${name} ${id}: ${seconds} s, ${kills.length} kills, last on ${nodes.join(' and ')}`)
  for (const [when, spans] of [
    ['all eight live', allLive],
    ['all unfinished tasks live', noneDead],
  ] as const) {
    const use = useOfRate(arrivals, spans, RATE_LIMIT_SECONDS * 1_000) ?? 0
    const spanSeconds = spans.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0) / 1_000
    console.log(`  ${when} for ${spanSeconds.toFixed(1)} s: ${Math.round(use * 100)} % of the allowed rate`)
  }
}

async function main(): Promise<boolean> {
  const story = drawStory()
  const bars = barsOf(story)
  const [shards, one] = [await createBucket(), await createBucket()]
  using stack = new DisposableStack()
  const unlimited = { perMinute: Infinity, perDay: () => Infinity }
  const quiet = stack.adopt(startCountingVendor(bars, KEY, unlimited), ({ stop }) => stop())
  const quota = { calls: Infinity }
  const limits = { perMinute: CALLS_A_MINUTE, perDay: () => quota.calls }
  const vendor = stack.adopt(startCountingVendor(bars, KEY, limits), ({ stop }) => stop())
  const cluster = stack.adopt(await startCluster(), ({ stop }) => stop())

  const tickers = join(cluster.folder, 'tickers.csv')
  await Bun.write(tickers, `symbol\n${Object.keys(bars).join('\n')}\n`)
  const alone: Place = { vendor: quiet, bucket: one, rateLimitSeconds: 0 }
  const told = await runProgram(['--json', '--quiet', '--tickers-path', tickers, '--now', NOW, ...story.args], alone)
  const metrics = JSON.parse(told) as Metrics
  const needed = quiet.arrivals.length
  quota.calls = Math.round(needed * story.quotaShare)
  console.log(`Seed ${seed} (TEST_SEED=${seed} repeats it): ${story.name}, ${story.symbols} symbols, ${needed} calls`)

  const together: Place = { vendor, bucket: shards, rateLimitSeconds: RATE_LIMIT_SECONDS }
  const command = await writeJob(cluster, tickers, story)
  await cluster.slurm('sbatch', '--test-only', ...command)
  console.log('  sbatch --test-only takes slurm.sh')
  const groupOf = async ({ id }: ArrayRun) =>
    JSON.parse(await runProgram(['status', '--json', '--now', NOW, '--run-group', id], together, [0, 1])) as RunGroup
  const array = async (name: string, losesNode: boolean) => {
    writeSettings(cluster, together, quota.calls)
    const ran = await runArray({ cluster, command, program, random, kills: story.kills, losesNode })
    tellArray(name, ran, vendor.arrivals)
    return ran
  }

  const stopped = await array('array under the quota', false)
  const found = [
    checkEnds(stopped.tasks, TASKS, [3, 0]),
    checkRestarts(stopped.tasks, stopped.kills),
    checkDay(vendor.arrivals, quota.calls),
    checkStopped(await groupOf(stopped), metrics),
  ]
  // Enough for the calls that die with the leases of killed tasks.
  quota.calls = needed * 20
  const ended = await array('array to the end', true)
  found.push(
    checkEnds(ended.tasks, TASKS, [0]),
    checkRestarts(ended.tasks, ended.kills),
    checkDay(vendor.arrivals, quota.calls),
    checkMinute(vendor.arrivals, CALLS_A_MINUTE),
    checkTenSeconds(vendor.arrivals, CALLS_A_MINUTE / 6),
    checkLakes(await filesOf(shards), await filesOf(one)),
    checkTotals(await groupOf(ended), metrics),
  )
  found.forEach(tell)
  const isGood = found.every(({ problem }) => problem === undefined)
  if (!isGood) for (const { id } of [stopped, ended]) console.log(await logsOf(cluster, id))
  return isGood
}

function tell({ name, problem, said }: Check): void {
  console.log(problem === undefined ? `  ✅ ${name} (${said})` : `  ❌ ${name}: ${problem}`)
}

// The cluster is stopped at the exit.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))

process.exitCode = await main().then(
  (isGood) => (isGood ? 0 : 1),
  (error: unknown) => {
    console.error(error)
    return 1
  },
)
