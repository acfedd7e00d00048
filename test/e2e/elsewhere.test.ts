// The real program where cron, systemd and a container start it: variables from a file, and pings to a monitor.

import { describe, expect, test } from 'bun:test'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { barsFor } from '../support/bars.ts'
import { disposableFolder } from '../support/lakes/lake.ts'
import { KEY, NOW } from '../support/runs/in-process.ts'
import { ROOT, runCli } from '../support/runs/process.ts'
import { setStage, type SpawnOptions, type Stage } from '../support/runs/stage.ts'

const DAY = '2024-09-16'
const TOKEN = 'a1b2c3d4-0000-4000-8000-5e6f7a8b9c0d'

type Ping = { readonly path: string; readonly body: string }

/** A monitor that keeps what it is told. */
function startMonitor(status = 200) {
  const pings: Ping[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      pings.push({ path: new URL(request.url).pathname, body: await request.text() })
      return new Response('OK', { status })
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}/${TOKEN}`,
    pings,
    paths: () => pings.map(({ path }) => path.replace(`/${TOKEN}`, '')),
    async [Symbol.asyncDispose]() {
      await server.stop(true)
    },
  }
}

async function writeEnvFile(folder: string, lines: readonly string[], mode = 0o600): Promise<string> {
  const path = join(folder, 'fmp-ingest.env')
  await Bun.write(path, `${lines.join('\n')}\n`)
  await chmod(path, mode)
  return path
}

/** A run whose environment has what is given and nothing else but PATH and HOME. */
async function runBare(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return await runCli([...args, '--now', NOW], { env })
}

describe('--env-file', () => {
  test('gives a bare environment all that a run needs; what the environment sets goes first', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], DAY, DAY) })
    await using folder = await disposableFolder()
    const path = await writeEnvFile(folder.path, [
      '# for cron',
      `export FMP_API_KEY='${KEY}'`,
      `FMP_BASE_URL="${stage.fmp.url}"`,
      'RATE_LIMIT_SECONDS=0 # no gate',
      'S3_RAW_PREFIX=from-file',
    ])
    const args = ['--tickers', 'A', '--out', stage.lake.out, '--env-file', path]
    const run = await runBare(args)
    expect(run).toMatchObject({ code: 0, stderr: expect.not.stringContaining(KEY) })
    expect((await stage.lake.keys()).filter((key) => key.startsWith('from-file/'))).toHaveLength(1)
    const other = await runBare(args, { S3_RAW_PREFIX: 'from-environment' })
    expect(other.code).toBe(0)
    expect((await stage.lake.keys()).filter((key) => key.startsWith('from-environment/'))).toHaveLength(1)
  })

  test('that others may read is refused by its mode, whatever is in it, and nothing is called', async () => {
    await using stage = await setStage()
    await using folder = await disposableFolder()
    const path = await writeEnvFile(folder.path, [`FMP_API_KEY=${KEY}`, `FMP_BASE_URL=${stage.fmp.url}`], 0o644)
    const run = await runBare(['--tickers', 'A', '--out', stage.lake.out, '--env-file', path])
    expect(run).toMatchObject({ code: 2, stdout: '' })
    expect(run.stderr).toContain(`(mode 0644), and it holds secrets: chmod 600 ${path}.`)
    expect(run.stderr).not.toContain('FMP_API_KEY is not set')
    expect(stage.fmp.requests).toHaveLength(0)
  })

  test('with lines that nobody could mean is refused by their numbers, together with what is wrong on the command line', async () => {
    await using folder = await disposableFolder()
    const path = await writeEnvFile(folder.path, [`FMP_API_KEY ${KEY}`, 'A=b', `C=$${KEY}`])
    const run = await runBare(['--tickers', 'A', '--lookbak', '3', '--env-file', path])
    expect(run.code).toBe(2)
    expect(run.stderr).toContain('❌ 3 problems, nothing was called')
    for (const part of ['--lookbak', 'line 1: ', 'line 3: ']) expect(run.stderr).toContain(part)
    expect(run.stderr).not.toContain(KEY)
  })

  test.each([
    ['nowhere.env', 'cannot be read (ENOENT)'],
    ['.', 'cannot be read (EISDIR)'],
  ])('that is %j is refused', async (name, says) => {
    await using folder = await disposableFolder()
    const run = await runBare(['--tickers', 'A', '--out', folder.path, '--env-file', join(folder.path, name)])
    expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining(says) })
  })

  test('may be a pipe, so that a password store can fill it', async () => {
    await using folder = await disposableFolder()
    const script = `exec "$0" --no-env-file ingest.ts --dry-run --keys --quiet --tickers A --env-file <(echo S3_RAW_PREFIX=piped) --out "$1"`
    const child = Bun.spawn(['bash', '-c', script, process.execPath, folder.path], {
      cwd: ROOT,
      env: { PATH: process.env['PATH'] ?? '', HOME: folder.path },
      stderr: 'pipe',
    })
    expect({ out: await child.stdout.text(), err: await child.stderr.text() }).toEqual({
      out: expect.stringContaining('piped/prices/symbol=A/'),
      err: expect.stringMatching(/^ℹ️ .*last session only.*\n$/u),
    })
  })
})

async function runPinged(stage: Stage, args: readonly string[], options: SpawnOptions & { readonly url: string }) {
  const run = await stage.spawn(args, { ...options, env: { PING_URL: options.url, ...options.env } }).done
  for (const text of [run.stdout, run.stderr, JSON.stringify(run.metrics ?? null)]) expect(text).not.toContain(TOKEN)
  return run
}

describe('--ping', () => {
  test('tells of start and success, with the summary that the run prints', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], DAY, DAY) })
    await using monitor = startMonitor()
    const run = await runPinged(stage, ['--tickers', 'A'], { url: monitor.url })
    expect(run.code).toBe(0)
    expect(monitor.paths()).toEqual(['/start', ''])
    expect(monitor.pings[1]?.body).toBe(run.stdout)
  })

  test('tells of the summary under --json too, and takes the flag before the variable', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], DAY, DAY) })
    await using monitor = startMonitor()
    const args = ['--tickers', 'A', '--json', '--quiet', '--ping', monitor.url]
    const run = await runPinged(stage, args, { url: 'http://127.0.0.1:9/nobody' })
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(monitor.paths()).toEqual(['/start', ''])
    expect(monitor.pings[1]?.body).toStartWith('✅ Ingestion Complete\n')
  })

  test('tells of failure: a failed symbol, a spent budget, a list that cannot be read, an interrupt', async () => {
    await using stage = await setStage({ bars: barsFor(['A', 'B'], DAY, DAY) })
    const failed = async (args: readonly string[], expected: number) => {
      await using monitor = startMonitor()
      const run = await runPinged(stage, args, { url: monitor.url })
      expect(run.code).toBe(expected)
      expect(monitor.paths()).toEqual(['/start', '/fail'])
      return monitor.pings[1]?.body ?? ''
    }
    expect(await failed(['--tickers', 'A,NONE'], 1)).toContain('❌ Errors: 1')
    expect(await failed(['--tickers', 'A,B', '--force', '--max-calls', '2'], 3)).toContain('Stopped Early')
    expect(await failed(['--tickers-path', 'nowhere.csv'], 2)).toStartWith('❌ ')
    const job: { kill?: (signal: 'SIGTERM') => void } = {}
    stage.onRequest = () => {
      job.kill?.('SIGTERM')
      return undefined
    }
    await using monitor = startMonitor()
    const started = stage.spawn(['--tickers', 'A', '--force'], { env: { PING_URL: monitor.url } })
    job.kill = started.kill
    expect((await started.done).code).toBe(143)
    expect(monitor.paths()).toEqual(['/start', '/fail'])
    expect(monitor.pings[1]?.body).toContain('🛑 Ingestion Interrupted')
  })

  test('tells of a usage error, which has no start, and of a file of variables that is refused', async () => {
    await using monitor = startMonitor()
    await using folder = await disposableFolder()
    const typo = await runBare(['--tickers', 'A', '--lookback', '0'], { PING_URL: monitor.url })
    expect(typo.code).toBe(2)
    expect(typo.stderr).not.toContain(TOKEN)
    const path = await writeEnvFile(folder.path, ['A=b'], 0o644)
    expect((await runBare(['--env-file', path, '--ping', monitor.url])).code).toBe(2)
    expect(monitor.paths()).toEqual(['/fail', '/fail'])
    expect(monitor.pings[0]?.body).toContain('--lookback is "0"')
    // The file may name the monitor.
    const known = await writeEnvFile(folder.path, [`PING_URL=${monitor.url}`])
    expect((await runBare(['--env-file', known, '--tickers', 'A'])).code).toBe(2)
    expect(monitor.pings[2]).toMatchObject({ path: `/${TOKEN}/fail`, body: expect.stringContaining('FMP_API_KEY') })
  })

  test('is no part of a dry run, of help or of another command', async () => {
    await using monitor = startMonitor()
    await using folder = await disposableFolder()
    const env = { PING_URL: monitor.url }
    expect((await runBare(['--dry-run', '--tickers', 'A', '--out', folder.path], env)).code).toBe(0)
    expect((await runBare(['--dry-run', '--lookback', '0'], env)).code).toBe(2)
    expect((await runCli(['--help'], { env })).code).toBe(0)
    expect((await runCli(['databricks', join(folder.path, 'bundle')], { env })).code).toBe(0)
    expect(monitor.pings).toEqual([])
  })

  test('that fails is a warning in words, and the exit code stays', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], DAY, DAY) })
    await using monitor = startMonitor(404)
    const run = await runPinged(stage, ['--tickers', 'A'], { url: monitor.url })
    expect(run.code).toBe(0)
    expect(run.stderr).toContain("⚠️ The monitor did not take the ping of the run's success: HTTP 404.")
  })

  test.each([
    `http://hc.example.com/${TOKEN}`,
    `ftp://127.0.0.1/${TOKEN}`,
    `https://user:secret@hc.example.com/${TOKEN}`,
    `https://hc.example.com/${TOKEN}#x`,
    TOKEN,
  ])('refuses %j without showing it', async (url) => {
    await using folder = await disposableFolder()
    const run = await runBare(['--dry-run', '--tickers', 'A', '--out', folder.path, '--ping', url])
    expect(run.code).toBe(2)
    expect(run.stderr).toContain('--ping is not accepted, expected an https:// address')
    expect(run.stderr).not.toContain(TOKEN)
    // Neither where it stands without its flag.
    const bare = await runBare(['--dry-run', url])
    if (url !== TOKEN) expect(bare.stderr).not.toContain(TOKEN)
  })
})
