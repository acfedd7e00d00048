// Kills the real program at one point after another and holds what is left, and what the next run makes of it, against
// runs that nobody disturbed.

import { join } from 'node:path'
import PQueue from 'p-queue'
import type { Run } from '../support/runs/checks.ts'
import { seededRandom } from '../support/random.ts'
import { setS3Stage, setStage, type Stage } from '../support/runs/stage.ts'
import { disposableFolder, isDataKey, type Lake } from '../support/lakes/lake.ts'
import {
  dataFacts,
  falseClaims,
  readFiles,
  strayKeys,
  tablesBehind,
  untrueFiles,
  wrongsOfTable,
  type Files,
} from './look.ts'
import type { Done, Point } from './points.ts'
import type { Scenario, Visit } from './scenarios.ts'

export type StoreKind = 'folder' | 's3'

export type SweepOptions = {
  readonly store: StoreKind
  /** MAX_WORKERS and UPLOAD_CONCURRENCY: one at a time makes the order of the steps a fixed one. */
  readonly width: number
  readonly seed: number
}

/** What undisturbed runs do and leave. */
export type Reference = SweepOptions &
  Done & {
    readonly scenario: Scenario
    readonly before: Files
    /** Files of prices and statements right after the run that will be killed. */
    readonly whole: Files
    /** Keys with `rows-sha256` after the next run. */
    readonly end: ReadonlyMap<string, string>
    /**
     * What one more run asks the vendor for: nothing, but for years that are over and have no file to remember it, and for
     * statements of which a new one is due.
     */
    readonly idleCalls: number
  }

export type SweepResult = {
  readonly kills: number
  /** The points that the runs did not come to, or that they were over before. */
  readonly survived: readonly Point[]
  readonly differences: readonly string[]
}

/** One for all sweeps of a process; more at a time would fight for the two cores that CI has. */
const queue = new PQueue({ concurrency: 2 })

const PRELOAD = 'test/support/runs/kill-at.ts'

function settings({ width }: SweepOptions): Record<string, string> {
  return { MAX_WORKERS: String(width), UPLOAD_CONCURRENCY: String(width) }
}

async function stageFor(options: SweepOptions, files: Files = new Map()): Promise<Stage> {
  const stage = await (options.store === 's3' ? setS3Stage() : setStage())
  await putAll(stage.lake, files)
  return stage
}

async function putAll(lake: Lake, files: Files): Promise<void> {
  for (const [key, bytes] of files) await lake.put(key, bytes)
}

function teach(stage: Stage, { bars, reports = {} }: Visit): void {
  for (const known of [stage.bars, stage.reports]) for (const symbol of Object.keys(known)) delete known[symbol]
  Object.assign(stage.bars, bars)
  Object.assign(stage.reports, reports)
}

async function visit(stage: Stage, one: Visit, options: SweepOptions): Promise<Run> {
  teach(stage, one)
  return await stage.run(one.args, { now: one.now, env: settings(options) })
}

/** The run after the next, without --force: it has nothing to do. */
async function visitAgain(stage: Stage, { killed, next = killed }: Scenario, options: SweepOptions): Promise<Run> {
  return await visit(stage, { ...next, args: next.args.filter((arg) => arg !== '--force') }, options)
}

/** Runs a scenario undisturbed: what stands before, what the run makes of it, and what the one after it does. */
export async function makeReference(scenario: Scenario, options: SweepOptions): Promise<Reference> {
  await using stage = await stageFor(options)
  await using notes = await disposableFolder()
  for (const earlier of scenario.before) expectCode(await visit(stage, earlier, options))
  const before = await readFiles(stage.lake)
  const stepsFile = join(notes.path, 'steps')
  const { killed, next = killed } = scenario
  teach(stage, killed)
  const [apiBefore, s3Before] = [stage.fmp.requests.length, stage.s3?.requests.length ?? 0]
  const env = { ...settings(options), KILL_AT: '0', STEPS_FILE: stepsFile }
  expectCode(await stage.spawn(killed.args, { now: killed.now, env, preload: PRELOAD }).done)
  const counts = {
    api: stage.fmp.requests.length - apiBefore,
    s3: (stage.s3?.requests.length ?? 0) - s3Before,
  }
  const whole = new Map([...(await readFiles(stage.lake))].filter(([key]) => isDataKey(key)))
  expectCode(await visit(stage, next, options))
  const end = await dataFacts(stage.lake)
  const untrue = await untrueFiles(stage.lake, next.bars, next.reports)
  const behind = killed.args.includes('--table') ? await tablesBehind(stage.lake) : []
  if (behind.length > 0) throw new Error(`Undisturbed runs left other tables: ${behind.join(', ')}`)
  if (untrue.length > 0) throw new Error(`Undisturbed runs left what the vendor does not say: ${untrue.join(', ')}`)
  const idle = await visitAgain(stage, scenario, options)
  expectCode(idle)
  const steps = options.store === 'folder' ? (await Bun.file(stepsFile).text()).trim().split('\n') : []
  return { ...options, scenario, before, whole, end, idleCalls: idle.requests.length, counts, steps }
}

function expectCode({ code, stderr }: Run): void {
  if (code !== 0) throw new Error(`An undisturbed run ended with exit code ${code}:\n${stderr}`)
}

/** Kills at every one of the points, two at a time. */
export async function sweep(reference: Reference, points: readonly Point[]): Promise<SweepResult> {
  const { scenario, store } = reference
  const results = await Promise.all(
    points.map(async (point) => await queue.add(async () => await tryKill(reference, point))),
  )
  return {
    kills: results.filter(({ isKilled }) => isKilled).length,
    survived: results.filter(({ isKilled }) => !isKilled).map(({ point }) => point),
    differences: results.flatMap(({ point: { at, n, when }, differences }) =>
      differences.map((text) => `${scenario.name} (${store}), ${when} ${at} ${n}: ${text}`),
    ),
  }
}

async function tryKill(reference: Reference, point: Point): Promise<Killed & { readonly point: Point }> {
  try {
    return { point, ...(await killOnce(reference, point)) }
  } catch (error) {
    // What holds of every run did not hold of one of these.
    return { point, isKilled: true, differences: [error instanceof Error ? error.message : String(error)] }
  }
}

type Killed = { readonly isKilled: boolean; readonly differences: readonly string[] }

/** One kill, the run after it, and one more that must have nothing to do. */
async function killOnce(reference: Reference, point: Point): Promise<Killed> {
  const { scenario, before, whole, end } = reference
  const { killed, next = killed } = scenario
  await using stage = await stageFor(reference, before)
  teach(stage, killed)
  const env = settings(reference)
  const fsEnv = { KILL_AT: String(point.n), KILL_WHEN: point.when }
  const running = stage.spawn(killed.args, {
    now: killed.now,
    isShared: true,
    ...(point.at === 'fs' ? { env: { ...env, ...fsEnv }, preload: PRELOAD } : { env }),
  })
  armServers(stage, point, { kill: () => running.kill('SIGKILL'), seed: reference.seed })
  const { code, stderr } = await running.done
  disarmServers(stage)
  const isKilled = code === 137
  if (!isKilled && code !== 0) return { isKilled, differences: [`the run ended with ${code}: ${stderr}`] }

  const differences: string[] = []
  const left = await readFiles(stage.lake)
  for (const [key, bytes] of left) {
    if (!isDataKey(key)) continue
    const known = [before.get(key), whole.get(key)].some((file) => file !== undefined && Bun.deepEquals(file, bytes))
    // The same answers at the same instant are the same bytes: anything else is torn, or not of this run.
    if (!known) differences.push(`after the kill ${key} is neither the old file nor the new one`)
  }
  for (const key of before.keys()) if (!left.has(key)) differences.push(`after the kill ${key} is gone`)
  differences.push(...(await strayKeys(stage.lake, 'killed')), ...(await falseClaims(stage.lake, killed.bars)))
  const hasTable = killed.args.includes('--table')
  if (hasTable) differences.push(...(await wrongsOfTable(before, whole, left)))

  const rerun = await visit(stage, next, reference)
  if (rerun.code !== 0) differences.push(`the next run ended with ${rerun.code}: ${rerun.stderr}`)
  differences.push(...compare(await dataFacts(stage.lake), end))
  differences.push(...(await strayKeys(stage.lake, 'ended')), ...(await falseClaims(stage.lake, next.bars)))
  if (hasTable) differences.push(...(await tablesBehind(stage.lake)))

  const idle = await visitAgain(stage, scenario, reference)
  if (idle.code !== 0 || idle.requests.length !== reference.idleCalls || idle.changed.length > 0) {
    differences.push(
      `a further run ended with ${idle.code}, ${idle.requests.length} calls, wrote ${idle.changed.join()}`,
    )
  }
  return { isKilled, differences }
}

function armServers(stage: Stage, { at, n, when }: Point, { kill, seed }: { kill: () => void; seed: number }): void {
  const random = seededRandom(seed + n)
  if (at === 'api') {
    const first = stage.fmp.requests.length
    stage.onRequest = (info) => {
      if (info.n - first !== n) return undefined
      // Later it is somewhere in what the answer sets off.
      if (when === 'after') void Bun.sleep(random() * 30).then(kill)
      else kill()
      return when === 'after' ? undefined : 'hang'
    }
  }
  const { s3 } = stage
  if (at !== 's3' || s3 === undefined) return
  const first = s3.requests.length
  s3.onRequest = ({ number }) => {
    if (number - first !== n) return undefined
    // The answer is written before the next turn of the loop.
    if (when === 'after') setImmediate(kill)
    else kill()
    return when === 'after' ? undefined : { action: when === 'stored' ? 'hang-after' : 'hang' }
  }
}

function disarmServers(stage: Stage): void {
  stage.onRequest = undefined
  if (stage.s3 !== undefined) stage.s3.onRequest = () => undefined
}

function compare(got: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, string>): readonly string[] {
  const lacking = [...wanted.keys()].filter((key) => !got.has(key)).map((key) => `${key} is missing`)
  const surplus = [...got.keys()].filter((key) => !wanted.has(key)).map((key) => `${key} is there too`)
  const unlike = [...got].flatMap(([key, sha]) => (wanted.has(key) && wanted.get(key) !== sha ? [key] : []))
  return [...lacking, ...surplus, ...unlike.map((key) => `${key} has other rows`)]
}
