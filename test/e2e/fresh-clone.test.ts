// The program without an install step: a copy of the sources without node_modules, which the runtime completes from the
// machine's cache of packages. No registry can be reached here. A package whose version is not locked would need one, so
// these tests fail when the lock file is not what decides.

import { $ } from 'bun'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { KEY, NOW } from '../support/runs/in-process.ts'
import { ROOT, TIME_LIMIT_MS } from '../support/runs/process.ts'
import { barsFor } from '../support/bars.ts'
import { setS3Stage } from '../support/runs/stage.ts'
import { makeTempFolder, type TempFolder } from '../support/lakes/temp-folder.ts'

const SOURCES = ['ingest.ts', 'lib', 'package.json', 'bun.lock', 'bunfig.toml', 'tickers.csv']
const DEAD_END = 'http://127.0.0.1:9'

let folder: TempFolder
let clone: string
let cache: string
beforeAll(async () => {
  folder = await makeTempFolder()
  clone = join(folder.path, 'clone')
  for (const name of SOURCES) await cp(join(ROOT, name), join(clone, name), { recursive: true })
  cache = (await $`${process.execPath} pm cache`.cwd(ROOT).quiet().text()).trim()
})
afterAll(async () => await folder.remove())

async function runClone(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = Bun.spawn([process.execPath, '--no-env-file', 'run', 'ingest.ts', ...args], {
    cwd: clone,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: folder.path,
      BUN_INSTALL_CACHE_DIR: cache,
      HTTPS_PROXY: DEAD_END,
      HTTP_PROXY: DEAD_END,
      ...env,
    },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: TIME_LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { code: child.exitCode, stdout, stderr }
}

describe('a fresh clone', () => {
  test('helps, and does the whole demo: prices and statements into a folder', async () => {
    const help = await runClone(['--help'])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(help.stdout).toContain('--lookback')
    const demo = await runClone(['demo', '--out', join(folder.path, 'lake')])
    expect(demo).toMatchObject({ code: 0, stdout: expect.stringMatching(/(?:✅ Ingestion Complete[^]*){3}/) })
  })

  test('stores in S3, and reads what it has stored', async () => {
    await using stage = await setS3Stage({ bars: barsFor(['A'], '2023-01-03', '2024-09-16') })
    const env = { ...stage.s3.env(), FMP_API_KEY: KEY, FMP_BASE_URL: stage.fmp.url, RATE_LIMIT_SECONDS: '0' }
    const args = ['--tickers', 'A', '--backfill', '--out', `s3://${stage.s3.bucket}`, '--now', NOW]
    expect(await runClone(args, env)).toMatchObject({ code: 0, stdout: expect.stringContaining('Files written: 1') })
    expect(await runClone(args, env)).toMatchObject({ code: 0, stdout: expect.stringContaining('Files written: 0') })
  })

  test('leaves nothing behind in its folder', async () => {
    await runClone(['--help'])
    expect((await readdir(clone)).toSorted()).toEqual(SOURCES.toSorted())
  })

  test('without a place in the lock file for what it imports ends at once, by name', async () => {
    const lock = join(clone, 'bun.lock')
    const text = await Bun.file(lock).text()
    try {
      await Bun.write(lock, text.replaceAll(/valibot@[\d.]+/g, 'valibot@0.0.0'))
      const { code, stderr } = await runClone(['--dry-run'])
      expect(code).toBe(1)
      expect(stderr).toContain('valibot')
    } finally {
      await Bun.write(lock, text)
    }
  })
})
