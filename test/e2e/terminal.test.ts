// The program at a terminal, and with a reader that goes away: what only a process in a pseudo terminal or a pipe shows.

import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { barsFor } from '../support/bars.ts'
import { disposableFolder, folderLake, priceKeys } from '../support/lakes/lake.ts'
import { KEY, NOW } from '../support/runs/in-process.ts'
import { ROOT, TIME_LIMIT_MS } from '../support/runs/process.ts'
import { metricsOf, setS3Stage, setStage, type Stage } from '../support/runs/stage.ts'

const DAY = '2024-09-16'
const PROGRAM = [process.execPath, '--no-env-file', join(ROOT, 'ingest.ts')]

/** A terminal of so many columns, as far as the program uses one: text, CR, LF, and erasing the rest of a line. */
class Screen {
  readonly #columns: number
  readonly lines: string[] = ['']
  /** Lines that were longer than the terminal, so that they went on below. */
  readonly wraps: string[] = []
  #column = 0

  constructor(columns: number) {
    this.#columns = columns
  }

  write(text: string): void {
    // oxlint-disable-next-line no-control-regex -- finds the escape sequences of a terminal
    for (const part of text.match(/\r|\n|\u001B\[K|[^\r\n\u001B]+|\u001B/g) ?? []) {
      if (part === '\r') this.#column = 0
      else if (part === '\n') this.#nextLine()
      else if (part === '\u001B[K') this.#setLine('')
      else this.#print(part)
    }
  }

  #print(text: string): void {
    if (this.#column === 0) this.#setLine('')
    this.#setLine(`${this.lines.at(-1) ?? ''}${text}`)
    this.#column += Bun.stringWidth(text)
    if (this.#column > this.#columns) this.wraps.push(this.lines.at(-1) ?? '')
  }

  #setLine(text: string): void {
    this.lines[this.lines.length - 1] = text
  }

  #nextLine(): void {
    this.lines.push('')
    this.#column = 0
  }
}

type AtTerminal = {
  readonly code: number
  readonly screen: Screen
  readonly said: string
  readonly drawn: readonly string[]
}

/** Runs the program in a pseudo terminal. `drawn` are the live lines in their order. */
async function atTerminal(
  args: readonly string[],
  { columns, env = {}, preload }: { columns: number; env?: Readonly<Record<string, string>>; preload?: string },
): Promise<AtTerminal> {
  const screen = new Screen(columns)
  const decoder = new TextDecoder()
  const chunks: string[] = []
  const [bun = '', ...rest] = PROGRAM
  const preloading = preload === undefined ? [] : ['--preload', join(ROOT, preload)]
  const child = Bun.spawn([bun, ...preloading, ...rest, ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm-256color', ...env },
    terminal: {
      cols: columns,
      rows: 24,
      data: (_terminal, bytes) => {
        const text = decoder.decode(bytes, { stream: true })
        chunks.push(text)
        screen.write(text)
      },
    },
    timeout: TIME_LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  const code = await child.exited
  child.terminal?.close()
  const said = chunks.join('')
  const drawn = said.split('\r\u001B[K').flatMap((text) => text.match(/^⏳[^\r\n]*/) ?? [])
  return { code, screen, said, drawn }
}

const hasTerminal = 'Terminal' in Bun && process.platform !== 'win32'
if (!hasTerminal)
  console.log('SKIPPED: this Bun has no pseudo terminal, so the program at a terminal is not tested here.')

function vendorOf({ fmp }: Stage, env: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { FMP_API_KEY: KEY, FMP_BASE_URL: fmp.url, RATE_LIMIT_SECONDS: '0', ...env }
}

describe.skipIf(!hasTerminal)('at a terminal of 60 columns', () => {
  test('the live line ticks between calls, says what is left, and never scrolls', async () => {
    const symbols = ['A', 'B', 'C', 'D']
    await using stage = await setStage({ bars: barsFor(symbols, DAY, DAY) })
    // Time passes ten times as fast: eight calls, one per 4 s.
    const env = vendorOf(stage, { RATE_LIMIT_SECONDS: '4', TIME_WARP: '10' })
    const args = [
      '--tickers',
      symbols.join(','),
      '--from-date',
      DAY,
      '--out',
      stage.lake.out,
      '--now',
      '2024-09-17T23:00:00Z',
    ]
    const { code, screen, drawn } = await atTerminal(args, {
      columns: 60,
      env,
      preload: 'test/support/runs/time-warp.ts',
    })
    expect(code).toBe(0)
    // More often than anything happens: eight calls and four symbols.
    expect(drawn.length).toBeGreaterThan(12)
    expect(drawn.filter((line) => /next in [1-4] s/.test(line)).length).toBeGreaterThan(6)
    expect(drawn.some((line) => /\b\d+ s left$/.test(line))).toBe(true)
    for (const line of drawn) expect(Bun.stringWidth(line)).toBeLessThan(60)
    expect(screen.wraps.filter((line) => line.includes('⏳'))).toEqual([])
    // What stays on the screen is what was said, and no live line.
    expect(screen.lines.join('\n')).not.toContain('⏳')
    expect(screen.lines).toContain('✅ Ingestion Complete')
    expect(await priceKeys(stage.lake)).toHaveLength(4)
  })

  test('a pause of the vendor counts down', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], DAY, DAY) })
    stage.onRequest = ({ n }) =>
      n === 1
        ? new Response('{"Error Message":"Limit Reach ."}', { status: 429, headers: { 'retry-after': '20' } })
        : undefined
    const args = ['--tickers', 'A', '--from-date', DAY, '--out', stage.lake.out, '--now', '2024-09-17T23:00:00Z']
    const { code, screen, drawn } = await atTerminal(args, {
      columns: 60,
      env: vendorOf(stage, { TIME_WARP: '10' }),
      preload: 'test/support/runs/time-warp.ts',
    })
    expect(code).toBe(0)
    const seconds = drawn.flatMap((line) => /next in (\d+) s/.exec(line)?.slice(1).map(Number) ?? [])
    expect(seconds.length).toBeGreaterThan(3)
    expect(seconds).toEqual(seconds.toSorted((a, b) => b - a))
    expect(screen.wraps.filter((line) => line.includes('⏳'))).toEqual([])
  })

  test('--help wraps to it, and to no colours', async () => {
    const { code, screen, said } = await atTerminal(['--help'], { columns: 60 })
    expect(code).toBe(0)
    expect(screen.wraps).toEqual([])
    expect(said).toContain('--lookback')
    expect(said).not.toContain('\u001B')
    const widest = Math.max(...screen.lines.map((line) => line.length))
    expect(widest).toBeGreaterThan(50)
    expect(widest).toBeLessThanOrEqual(60)
    for (const line of screen.lines) expect(line).toBe(line.trimEnd())
  })

  test.each([
    ['--quiet', ['--quiet'], {}],
    ['a terminal that cannot draw', [], { TERM: 'dumb' }],
  ])('%s shows no live line', async (_, flags, more) => {
    await using stage = await setStage({ bars: barsFor(['A'], DAY, DAY) })
    const env = vendorOf(stage, { RATE_LIMIT_SECONDS: '4', TIME_WARP: '10', ...more })
    const args = [
      '--tickers',
      'A',
      '--from-date',
      DAY,
      '--out',
      stage.lake.out,
      '--now',
      '2024-09-17T23:00:00Z',
      ...flags,
    ]
    const { code, said } = await atTerminal(args, { columns: 60, env, preload: 'test/support/runs/time-warp.ts' })
    expect(code).toBe(0)
    expect(said).not.toContain('⏳')
    expect(said).not.toContain('\u001B')
    if (flags.length > 0) expect(said).toBe('')
  })
})

/** Runs a line of shell in which `$INGEST` is the program. Gives its exit code and what came on stderr. */
async function shell(
  line: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; stderr: string }> {
  const child = Bun.spawn(['bash', '-c', line], {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', INGEST: PROGRAM.join(' '), ...env },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
    timeout: TIME_LIMIT_MS,
  })
  const [stderr] = await Promise.all([child.stderr.text(), child.exited])
  return { code: child.exitCode ?? 128, stderr }
}

/** The command begins when its reader is gone. */
const toNobody = (command: string) =>
  `GATE="$(mktemp -u)" && mkfifo "$GATE" && { read -r < "$GATE"; ${command}; } | { exec 0<&-; echo > "$GATE"; rm "$GATE"; }; exit \${PIPESTATUS[0]}`

describe.concurrent('a reader that goes away', () => {
  const PLAN = `$INGEST --dry-run --tickers A --out /nonexistent/lake --now ${NOW}`

  test.each([
    ['--help', toNobody('$INGEST --help')],
    ['--version', toNobody('$INGEST --version')],
    ['--help of a command', toNobody('$INGEST demo --help')],
    ['a dry run', toNobody(PLAN)],
    ['a dry run with its keys', `${PLAN} --keys --from-date 1990-01-01 | head -1 > /dev/null; exit \${PIPESTATUS[0]}`],
    ['a dry run as JSON', `${PLAN} --json --from-date 1990-01-01 | head -c 1 > /dev/null; exit \${PIPESTATUS[0]}`],
    ['the bundle for Databricks', toNobody('cd "$FOLDER" && $INGEST databricks')],
    ['the demo', toNobody('cd "$FOLDER" && $INGEST demo')],
  ])('of %s ends it quietly, with the code that shells give', async (_, line) => {
    await using folder = await disposableFolder()
    const { code, stderr } = await shell(line, { FOLDER: folder.path })
    expect({ code, stderr: stderr.replaceAll(/^ℹ️.*\n/gm, '') }).toEqual({ code: 141, stderr: '' })
  })

  test.each([
    ['', ''],
    [' with --json', '--json'],
  ])('of a run%s changes nothing of the run: it stores, leaves its metrics, and keeps its code', async (_, flag) => {
    await using stage = await setStage({ bars: barsFor(['A', 'B'], DAY, DAY) })
    await using folder = await disposableFolder()
    const run = `$INGEST --tickers A,B ${flag} --now ${NOW} --out ${folder.path}`
    const { code, stderr } = await shell(toNobody(run), vendorOf(stage))
    expect(code).toBe(0)
    expect(stderr).not.toMatch(/❌|💥|EPIPE/)
    const lake = folderLake(folder.path)
    expect(await priceKeys(lake)).toHaveLength(2)
    expect((await lake.keys()).filter((key) => key.startsWith('logs/'))).toHaveLength(1)
    const failed = await shell(toNobody(run.replace('A,B', 'A,NONE')), vendorOf(stage))
    expect(failed.code).toBe(1)
    expect(failed.stderr).toMatch(/^❌ NONE: /m)
  })

  test('of a usage error leaves its code', async () => {
    expect((await shell(toNobody('$INGEST --nonsense 2>&1'))).code).toBe(2)
  })
})

describe('a terminal that is closed', () => {
  test('(SIGHUP) ends a run as SIGTERM does: writes are finished, metrics are left', async () => {
    await using stage = await setS3Stage({ bars: barsFor(['A', 'B', 'C'], DAY, DAY) })
    const running = stage.spawn(['--tickers', 'A,B,C'], { env: { MAX_WORKERS: '1', UPLOAD_CONCURRENCY: '1' } })
    stage.s3.onRequest = ({ operation, key }) => {
      if (operation !== 'put' || !key.includes('symbol=B')) return undefined
      running.kill('SIGHUP')
      return { action: 'delay', ms: 300 }
    }
    const run = await running.done
    expect(run.code).toBe(143)
    expect(run.stderr).toContain('Interrupted by SIGHUP.')
    expect(metricsOf(run)).toMatchObject({ interrupted: true, files_written: 2 })
  })

  test.skipIf(process.platform !== 'linux')('does not end a run under nohup', async () => {
    await using stage = await setStage({ bars: barsFor(['A', 'B'], DAY, DAY) })
    await using folder = await disposableFolder()
    const asked = Promise.withResolvers<void>()
    stage.onRequest = ({ n }) => {
      if (n === 1) asked.resolve()
      return undefined
    }
    const child = Bun.spawn(['nohup', ...PROGRAM, '--tickers', 'A,B', '--now', NOW, '--out', folder.path], {
      env: { PATH: process.env['PATH'] ?? '', ...vendorOf(stage, { RATE_LIMIT_SECONDS: '0.3' }) },
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'ignore',
      timeout: TIME_LIMIT_MS,
    })
    await asked.promise
    child.kill('SIGHUP')
    expect(await child.exited).toBe(0)
    expect(await priceKeys(folderLake(folder.path))).toHaveLength(2)
  })
})

test('the program names itself and its version to FMP and to S3', async () => {
  await using stage = await setS3Stage({ bars: barsFor(['A'], DAY, DAY) })
  const run = await stage.spawn(['--tickers', 'A', '--backfill']).done
  const again = await stage.spawn(['--tickers', 'A', '--backfill', '--now', '2024-09-18T13:00:00Z']).done
  expect([run.code, again.code]).toEqual([0, 0])
  const name = `fmp-ingest/${packageJson.version}`
  for (const { headers } of stage.fmp.requests) expect(headers.get('user-agent')).toBe(name)
  for (const { headers } of stage.s3.requests) expect(headers['user-agent']).toContain(name)
  expect(new Set(stage.s3.requests.map(({ operation }) => operation))).toEqual(new Set(['list', 'put', 'get']))
})
