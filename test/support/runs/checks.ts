// What holds of every run: no secret anywhere, an account that adds up, the right exit code.

import { expect } from 'bun:test'
import { COMMAND_WORDS } from '../../../lib/cli/commands.ts'
import { grouped } from '../../../lib/core/text.ts'
import type { Metrics } from '../../../lib/report/contract.ts'
import { sessions } from '../bars.ts'
import { schemaErrors } from '../json-schema.ts'
import { readFooter, type Lake } from '../lakes/lake.ts'
import type { FakeS3 } from '../servers/fake-s3.ts'
import type { FmpRequestInfo } from '../servers/vendor.ts'
import { KEY } from './in-process.ts'
import type { CliResult } from './process.ts'

export type Run = CliResult & {
  /** What this run asked the vendor. */
  readonly requests: readonly FmpRequestInfo[]
  /** The stored metrics document and its key; undefined where the run left none. */
  readonly metrics: Metrics | undefined
  readonly metricsKey: string | undefined
  /** Files of prices and statements that are new or have other bytes than before. */
  readonly changed: readonly string[]
}

/** Every file of a lake by its key. */
export type Snapshot = ReadonlyMap<string, Uint8Array>

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

export type CheckContext = {
  readonly args: readonly string[]
  readonly lake: Lake
  readonly after: Snapshot
  readonly isShared: boolean
  readonly isLossy: boolean
}

/** Throws unless a run kept what the design promises of all runs. */
export async function checkRun(run: Run, { args, lake, after, isShared, isLossy }: CheckContext): Promise<void> {
  const { code, stdout, stderr, requests, metrics, changed } = run
  // oxlint-disable-next-line no-control-regex -- finds control characters, which no output may hold
  expect(`${stdout}${stderr}`).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F]/)
  expect(stderr).not.toContain('defect')
  // A command that only looks leaves what it finds.
  const isLook = COMMAND_WORDS.some((word) => word === args[0])
  const left = [...after.keys()].filter((key) => key.includes('.ingest-tmp'))
  if (code !== 137 && !isShared && !isLook) expect(left).toEqual([])
  if (metrics === undefined) {
    if (isShared) return
    // Of the commands without metrics only doctor, a sample and who is told to ask the vendor.
    const mayAsk = args.includes('--sample') || args.includes('--ask') ? Infinity : args[0] === 'doctor' ? 3 : 0
    expect(requests.length).toBeLessThanOrEqual(mayAsk)
    expect(changed).toEqual([])
    return
  }
  expect(schemaErrors('metrics', metrics)).toEqual([])
  checkAccount(metrics)
  checkExitCode(run, metrics)
  if (args.includes('--json')) expect(JSON.parse(stdout)).toEqual(metrics)
  else if (args.includes('--quiet') && code === 0) expect(`${stdout}${stderr}`).toBe('')
  else checkSummary(stdout, metrics)
  const failed = metrics.results.filter(({ errors }) => errors.length > 0).map(({ symbol }) => symbol)
  // A line of its own each, or one line for many that say the same.
  const named = [...stderr.matchAll(/^❌ (?:([^ :a-z]+)|[\d,]+ symbols \((.+?)\)): /gm)].flatMap(
    ([, symbol, group = '']) => symbol ?? group.split(', '),
  )
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
    const own = results.filter(({ dataset }) => dataset === 'prices')
    expect(own.map((result) => result.sessions)).toEqual(own.map(() => count))
  }
  for (const { dataset, counts: own, ...written } of metrics.datasets) {
    expect(own.stored).toBeLessThanOrEqual(written.rows_written)
    if (dataset !== 'prices') expect(own.stored).toBe(written.files_written)
    else if (metrics.bars_on_closed_days === 0) expect(own.stored).toBeLessThanOrEqual(written.rows_written)
  }
  const fates = ['stored', 'already_stored', 'no_data', 'missing', 'rejected', 'failed', 'not_reached'] as const
  expect(Object.keys(counts).toSorted()).toEqual([...fates].toSorted())
  const ofPrices = results.filter(({ dataset }) => dataset === 'prices')
  for (const fate of fates) expect(counts[fate]).toBe(sum(ofPrices.map((result) => result.counts[fate])))
  expect(metrics.sessions).toBe(sum(Object.values(counts)))
  expect(metrics.files_written).toBe(sum(results.map(({ files_written: files }) => files)))
  expect(metrics.rows_written).toBe(sum(results.map(({ rows_written: rows }) => rows)))
  expect(metrics.errors).toBe(sum(results.map(({ errors }) => errors.length)) + metrics.run_errors.length)
  expect(metrics.calls).toBe(sum(results.map(({ calls }) => calls)))
  expect(metrics.calls).toBe(sum(metrics.datasets.map(({ calls }) => calls)))
  checkPast(metrics)
  const dates = (field: 'first_date' | 'through_date') => ofPrices.flatMap((result) => result[field] ?? []).toSorted()
  expect<string | null>(metrics.first_date).toBe(dates('first_date')[0] ?? null)
  expect<string | null>(metrics.through_date).toBe(dates('through_date').at(-1) ?? null)
  expect(metrics.symbols_processed).toBeLessThanOrEqual(results.length)
  if (metrics.stopped_by === null) expect(metrics.symbols_processed).toBe(metrics.symbols)
  if (counts.not_reached > 0) expect(metrics.stopped_by).not.toBeNull()
  expect(metrics.run_id).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/)
}

/** The sums of the comparisons are those of the symbols, and every mended or corrected file was written. */
function checkPast({ results, ...metrics }: Metrics): void {
  const pasts = results.flatMap(({ past }) => past ?? [])
  const count = (is: (past: (typeof pasts)[number]) => boolean) => pasts.filter(is).length
  expect(metrics).toMatchObject({
    compared_symbols: pasts.length,
    compared_wholly: count(({ wholly }) => wholly),
    compared_sessions: sum(pasts.map((past) => past.compared_sessions)),
    corrected_sessions: sum(pasts.map((past) => past.corrected_sessions)),
    mended_symbols: count((past) => past.mended_files > 0),
    mended_files: sum(pasts.map((past) => past.mended_files)),
    carried_rows: sum(pasts.map((past) => past.carried_rows)),
    held_symbols: count(({ held }) => held),
    bases_differ: count((past) => past.bases_differ),
  })
  expect(metrics.mended_files + metrics.corrected_sessions).toBeLessThanOrEqual(metrics.files_written)
}

const STATUSES: Readonly<Record<number, Metrics['status']>> = {
  0: 'ok',
  1: 'failed',
  3: 'stopped',
  130: 'interrupted',
  143: 'interrupted',
}

function checkExitCode({ code }: Run, { errors, stopped_by: stoppedBy, results, ...rest }: Metrics) {
  // Killed after it had said everything: nobody knows what its code would have been.
  if (code === 137) return undefined
  expect(rest.exit_code).toBe(code as typeof rest.exit_code)
  expect(rest.status).toBe(STATUSES[code] ?? 'failed')
  if (rest.interrupted) return expect([130, 143]).toContain(code)
  if (stoppedBy !== null && ['quota', 'bandwidth', 'budget'].includes(stoppedBy)) return expect(code).toBe(3)
  const isWhole = results.every(({ counts }) => counts.failed + counts.not_reached === 0)
  return expect(code).toBe(errors === 0 && isWhole ? 0 : 1)
}

const RULE = '='.repeat(60)

function checkSummary(stdout: string, metrics: Metrics): void {
  const prices = metrics.datasets.find(({ dataset }) => dataset === 'prices')?.counts
  const { errors } = metrics
  const lines = stdout.split('\n')
  const isClean = errors === 0 && metrics.stopped_by === null
  expect(lines[0] === '✅ Ingestion Complete').toBe(isClean)
  expect(lines.slice(1, 6)).toEqual([
    RULE,
    `📊 Symbols: ${grouped(metrics.symbols_processed)}`,
    `📁 Files written: ${grouped(metrics.files_written)}`,
    `📝 Rows written: ${grouped(metrics.rows_written)}`,
    `❌ Errors: ${grouped(errors)}`,
  ])
  expect(lines.at(-4)).toBe(`⏱️  Duration: ${grouped(metrics.duration_seconds, 1)}s`)
  expect(lines.at(-3)).toStartWith('📋 Metrics: ')
  expect(lines.slice(-2)).toEqual([RULE, ''])
  const news = lines.slice(6, -4)
  const shows = (label: string, count: number) => {
    const line = `${label}: ${grouped(count)}`
    expect(news.filter((text) => text.includes(`${label}:`))).toEqual(
      count === 0 ? [] : [expect.stringContaining(line)],
    )
  }
  shows('Already stored', prices?.already_stored ?? 0)
  shows('No data', prices?.no_data ?? 0)
  shows('Rejected rows', metrics.rejected_rows)
  shows('Corrected sessions', metrics.corrected_sessions)
  shows('Compared', metrics.compared_symbols)
  shows('Held back', metrics.held_symbols)
  shows('Carried over', metrics.carried_rows)
}
