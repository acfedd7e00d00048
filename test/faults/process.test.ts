// What the machine can do to the process: no room, no right, nobody who listens, too little memory. Signals and kills are
// in cli.interrupt.test.ts and in the tests of kills at every step.

import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { disposableFolder, folderLake, priceFiles, priceKeys, readFooter, type Lake } from '../support/lakes/lake.ts'
import { KEY, NOW } from '../support/runs/in-process.ts'
import { barsFor } from '../support/bars.ts'
import { measureCli, ROOT, TIME_LIMIT_MS, runCli } from '../support/runs/process.ts'
import { setStage, type Stage } from '../support/runs/stage.ts'
import { mountSmallDisk, whyNoDisk } from '../support/runs/small-disk.ts'
import type { Metrics } from '../../lib/report/contract.ts'

const DAY = '2024-09-16'
const FIVE = ['A', 'B', 'C', 'D', 'E']
const noDisk = await whyNoDisk()
/** A longer proof: every symbol's call and file, not the first of them. */
const isLong = process.env['LONG_TESTS'] === '1'

function vendorOf({ fmp }: Stage): Record<string, string> {
  return { FMP_API_KEY: KEY, FMP_BASE_URL: fmp.url, RATE_LIMIT_SECONDS: '0' }
}

/** Runs a line of shell in which `$INGEST` is the program. Gives its exit code and what came on stderr. */
async function shell(line: string, stage: Stage, out: string): Promise<{ code: number; stderr: string }> {
  const ingest = `${process.execPath} --no-env-file ${join(ROOT, 'ingest.ts')} --tickers A,B --now ${NOW} --out ${out}`
  const child = Bun.spawn(['bash', '-c', line], {
    env: { PATH: process.env['PATH'] ?? '', INGEST: ingest, ...vendorOf(stage) },
    stdout: 'ignore',
    stderr: 'pipe',
    timeout: TIME_LIMIT_MS,
  })
  const [stderr] = await Promise.all([child.stderr.text(), child.exited])
  return { code: child.exitCode ?? 128, stderr }
}

/** Every price file is whole, and nothing else lies about. */
async function expectWhole(lake: Lake): Promise<void> {
  const keys = await lake.keys()
  expect(keys.filter((key) => key.includes('.ingest-tmp'))).toEqual([])
  for (const key of keys.filter((name) => name.endsWith('.parquet'))) {
    expect((await readFooter(lake, key)).rows).toBeGreaterThan(0)
  }
}

describe.skipIf(noDisk !== undefined)('a disk that fills up', () => {
  const bars = barsFor(FIVE, '2024-01-02', DAY)
  const args = ['--backfill', '--from-date', '2024-01-01', '--tickers', FIVE.join(','), '--now', NOW]

  test.each([
    ['in the middle of the files', 28, 3],
    ['at the metrics', 40, 5],
  ])(
    '%s: exit 1, the reason, whole files only; when there is room the next run completes them',
    async (_name, kibibytes, files) => {
      await using stage = await setStage({ bars })
      await using disk = await mountSmallDisk(kibibytes)
      await using roomy = await disposableFolder()
      const lake = folderLake(disk.path)
      const run = await runCli([...args, '--out', disk.path], { env: vendorOf(stage) })
      expect(run.code).toBe(1)
      expect(run.stderr).toMatch(/^(🛑|❌) .*the disk is full \(ENOSPC\)\. Make room and run again/m)
      expect(run.stdout).not.toContain('✅')
      expect(run.stdout).toContain('📋 Metrics: could not be written')
      expect(await priceKeys(lake)).toHaveLength(files)
      await expectWhole(lake)

      // The files are whole: it is the first case that shows how a later run goes on.
      if (files === FIVE.length) return
      Bun.spawnSync(['mount', '-o', 'remount,size=1m', disk.path])
      const next = await runCli([...args, '--out', disk.path], { env: vendorOf(stage) })
      expect(next.code).toBe(0)
      await runCli([...args, '--out', roomy.path], { env: vendorOf(stage) })
      expect(await priceFiles(lake)).toEqual(await priceFiles(folderLake(roomy.path)))
    },
  )

  test('read-only: said before any call', async () => {
    await using stage = await setStage({ bars })
    await using disk = await mountSmallDisk(64)
    disk.makeReadOnly()
    const run = await runCli([...args, '--out', disk.path], { env: vendorOf(stage) })
    expect({ code: run.code, calls: stage.fmp.requests.length }).toEqual({ code: 1, calls: 0 })
    expect(run.stderr).toMatch(/read-only \(EROFS\)\. Choose another folder with --out/)
  })
})

describe.concurrent('a file that may not grow', () => {
  test('(ulimit -f) is an error with its cure, and no half of it stays', async () => {
    await using stage = await setStage({ bars: barsFor(['A', 'B'], '2024-01-02', DAY) })
    await using folder = await disposableFolder()
    const line = '(ulimit -f 3; $INGEST --backfill --from-date 2024-01-01 | cat; exit ${PIPESTATUS[0]})'
    const { code, stderr } = await shell(line, stage, folder.path)
    expect(code).toBe(1)
    expect(stderr).toMatch(/larger than allowed here \(EFBIG\).*ulimit -f/)
    await expectWhole(folderLake(folder.path))
  })
})

const isRoot = process.getuid?.() === 0
if (isRoot) console.log('SKIPPED: root may write everywhere, so a folder without the right to is not tested here.')

describe.skipIf(isRoot)('a folder without the right to write', () => {
  test('is said before any call', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], DAY, DAY) })
    await using folder = await disposableFolder()
    const out = join(folder.path, 'lake')
    await mkdir(out)
    await chmod(out, 0o555)
    const run = await runCli(['--tickers', 'A', '--out', out], { env: vendorOf(stage) })
    expect({ code: run.code, calls: stage.fmp.requests.length }).toEqual({ code: 1, calls: 0 })
    expect(run.stderr).toContain('permission denied (EACCES)')
  })
})

// macOS has no device that is always full.
const isPossible = ([, line]: readonly string[]) => !line?.includes('/dev/full') || existsSync('/dev/full')

const LOST_RESULTS = [
  ['a full device', '$INGEST > /dev/full', 'ENOSPC'],
  ['a full device, of the metrics', '$INGEST --json > /dev/full', 'ENOSPC'],
  ['a full device, of a dry run', '$INGEST --dry-run > /dev/full', 'ENOSPC'],
  ['a full device, of the help', '$INGEST --help > /dev/full', 'ENOSPC'],
].filter(isPossible)

const LOST_LOGS = [
  ['full', '$INGEST 2> /dev/full'],
  ['closed', '$INGEST 2>&-'],
  ['read by nobody', '$INGEST 2> >(exit 0)'],
].filter(isPossible)

describe.concurrent('an output that nobody takes', () => {
  test.each(LOST_RESULTS)(
    '(%s) makes exit 1 and says so; what was stored stays',
    async (name = '', line = '', code = '') => {
      await using stage = await setStage({ bars: barsFor(['A', 'B'], DAY, DAY) })
      await using folder = await disposableFolder()
      const run = await shell(`trap '' PIPE; ${line}`, stage, folder.path)
      expect(run.code).toBe(1)
      expect(run.stderr).toMatch(new RegExp(`^❌ The output could not be written to stdout \\(${code}\\)`, 'm'))
      const isIngest = !/dry run|help/.test(name)
      expect(await priceKeys(folderLake(folder.path))).toHaveLength(isIngest ? 2 : 0)
    },
  )

  test.each(LOST_LOGS)('on stderr (%s) ends no run: a log is no result', async (_name, line = '') => {
    await using stage = await setStage({ bars: barsFor(['A', 'B'], DAY, DAY) })
    await using folder = await disposableFolder()
    expect((await shell(line, stage, folder.path)).code).toBe(0)
    expect(await priceKeys(folderLake(folder.path))).toHaveLength(2)
  })

  test('of a usage error does not change its exit code', async () => {
    await using stage = await setStage()
    expect((await shell('$INGEST --nonsense 2>&- >&-', stage, 'x')).code).toBe(2)
  })
})

test('ten thousand symbols stay under 256 MB, and are all accounted for', async () => {
  const names = Array.from({ length: 10_000 }, (_, index) => `T${index}`)
  await using stage = await setStage({ bars: isLong ? barsFor(names, DAY, DAY) : {} })
  await using folder = await disposableFolder()
  await Bun.write(join(folder.path, 'list.csv'), names.join('\n'))
  const limit = isLong ? [] : ['--max-calls', '40']
  const out = join(folder.path, 'lake')
  const args = ['--tickers-path', join(folder.path, 'list.csv'), '--out', out, '--now', NOW, '--no-adj-close']
  const { code, peakBytes } = await measureCli([...args, ...limit, '--quiet'], vendorOf(stage))
  console.log(`peak memory with 10,000 symbols: ${Math.round(peakBytes / 1e6)} MB`)
  expect(code).toBe(isLong ? 0 : 3)
  expect(peakBytes).toBeLessThan(256e6)
  const [day = ''] = await readdir(join(out, 'logs/ingest'))
  const [document = ''] = await readdir(join(out, 'logs/ingest', day))
  const metrics = (await Bun.file(join(out, 'logs/ingest', day, document)).json()) as Metrics
  expect({ results: metrics.results.length, sessions: metrics.sessions }).toEqual({ results: 10_000, sessions: 10_000 })
  expect(metrics.calls).toBe(isLong ? 10_000 : 40)
})
