// The compiled binary in a folder that somebody else has filled: nothing there is run or believed. It is built once, as
// `bun run build` does, into a temporary folder.

import { grouped } from '../../lib/core/text.ts'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmod, cp, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { bundleFiles } from '../../lib/commands/databricks/bundle.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { startFakeS3 } from '../support/servers/fake-s3.ts'
import { KEY, NOW } from '../support/runs/in-process.ts'
import { ROOT, TIME_LIMIT_MS } from '../support/runs/process.ts'
import { barsFor, dayKey, sessions } from '../support/bars.ts'
import { setStage } from '../support/runs/stage.ts'
import { makeTempFolder, type TempFolder } from '../support/lakes/temp-folder.ts'

const DAY = '2024-09-16'
const SENTINEL = 'the-value-of-the-machine-that-built-it'
let folder: TempFolder
let binary = ''

beforeAll(async () => {
  folder = await makeTempFolder()
  binary = join(folder.path, 'ingest')
  const build = Bun.spawnSync([process.execPath, 'build.ts', '--outdir', folder.path], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', HOME: folder.path, FMP_API_KEY: SENTINEL },
    stderr: 'pipe',
  })
  if (!build.success) throw new Error(`The binary could not be built: ${build.stderr.toString()}`)
})

afterAll(async () => await folder.remove())

const EVIL = "require('node:fs').writeFileSync(process.env.MARK ?? '/dev/null', 'evil ran')"

/** A working folder in which every file that Bun may read by itself wants to run code or change settings. */
async function setTrap(only?: readonly string[]): Promise<string> {
  const trap = join(folder.path, `trap-${crypto.randomUUID()}`)
  const files: Record<string, string> = {
    'bunfig.toml':
      'preload = ["./evil.cjs"]\n[run]\nbun = true\n[define]\n"process.env.FMP_BASE_URL" = "\'http://127.0.0.1:1\'"\n',
    '.env': 'FMP_API_KEY=key-of-the-trap\nFMP_BASE_URL=http://127.0.0.1:1\nAWS_ENDPOINT_URL_S3=http://127.0.0.1:1\n',
    '.env.local': 'FMP_API_KEY=key-of-the-trap\n',
    '.env.production': 'FMP_API_KEY=key-of-the-trap\n',
    'evil.cjs': EVIL,
    'ingest.ts': EVIL,
    'package.json':
      '{"name":"x","type":"commonjs","imports":{"#x":"./evil.cjs"},"main":"./evil.cjs","patchedDependencies":{}}',
    'tsconfig.json': '{"compilerOptions":{"baseUrl":".","paths":{"*":["./evil.cjs"],"p-queue":["./evil.cjs"]}}}',
    '.npmrc': 'registry=http://127.0.0.1:1\n',
    'node_modules/p-queue/index.js': EVIL,
    'node_modules/p-queue/package.json': '{"name":"p-queue","main":"index.js"}',
    'node_modules/@aws-sdk/client-s3/index.js': EVIL,
    'node_modules/@aws-sdk/client-s3/package.json': '{"name":"@aws-sdk/client-s3","main":"index.js"}',
    'lib/commands/ingest/ingest.ts': EVIL,
    'lib/store/folder/folder.ts': EVIL,
    'lib/store/s3/s3.ts': EVIL,
  }
  for (const [name, text] of Object.entries(files)) {
    if (only?.includes(name) === false) continue
    await mkdir(join(trap, name, '..'), { recursive: true })
    await Bun.write(join(trap, name), text)
  }
  return trap
}

async function run(cwd: string, args: readonly string[], env: Record<string, string> = {}) {
  const mark = join(cwd, 'MARK')
  const child = Bun.spawn([binary, ...args], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', HOME: cwd, MARK: mark, ...env },
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: TIME_LIMIT_MS,
  })
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { code: child.exitCode, stdout, stderr, hasEvilRun: await Bun.file(mark).exists() }
}

describe('the binary in a hostile working folder', () => {
  test('runs nothing of it and believes nothing of it', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], DAY, DAY) })
    const trap = await setTrap()
    const env = { FMP_API_KEY: KEY, FMP_BASE_URL: stage.fmp.url, RATE_LIMIT_SECONDS: '0' }
    const good = await run(trap, ['--tickers', 'A', '--out', 'lake', '--now', NOW], env)
    expect({ code: good.code, evil: good.hasEvilRun }).toEqual({ code: 0, evil: false })
    expect(await Bun.file(join(trap, 'lake', dayKey('A', DAY))).exists()).toBe(true)
    expect(stage.fmp.requests.map(({ headers }) => headers.get('apikey'))).toEqual([KEY, KEY])
    const store = await startFakeS3()
    const s3 = await run(trap, ['--tickers', 'A', '--out', `s3://${store.bucket}`, '--dry-run'], store.env())
    await store.stop()
    expect({ code: s3.code, evil: s3.hasEvilRun, listed: store.requests.length }).toEqual({
      code: 0,
      evil: false,
      // For the plan, and for what --backfill would make of it.
      listed: 2,
    })
  })

  test('takes no key from .env there, and says so', async () => {
    const trap = await setTrap()
    const none = await run(trap, ['--tickers', 'A', '--out', 'lake'])
    expect({ code: none.code, evil: none.hasEvilRun }).toEqual({ code: 2, evil: false })
    expect(none.stderr).toMatch(/FMP_API_KEY is not set.*reads no \.env file/)
    const help = await run(trap, ['--help'])
    expect({ code: help.code, evil: help.hasEvilRun }).toEqual({ code: 0, evil: false })
  })

  test('the trap would work: the same folder springs on a program that is run by bun', async () => {
    const trap = await setTrap(['bunfig.toml', '.env', 'evil.cjs'])
    await Bun.write(join(trap, 'harmless.ts'), 'console.log(process.env.FMP_API_KEY)')
    const child = Bun.spawn([process.execPath, 'harmless.ts'], {
      cwd: trap,
      env: { PATH: process.env['PATH'] ?? '', MARK: join(trap, 'MARK') },
      stdout: 'pipe',
      stderr: 'ignore',
    })
    expect((await child.stdout.text()).trim()).toBe('key-of-the-trap')
    expect(await Bun.file(join(trap, 'MARK')).exists()).toBe(true)
  })
})

/** A folder that is laid out as the Dockerfile says, over no more of a base image than the C library. */
async function layOutImage(): Promise<{ root: string; user: string; entrypoint: string; workdir: string }> {
  const text = await Bun.file(join(ROOT, '.github/deploy/Dockerfile')).text()
  const [, instructions = ''] = /^FROM \S+\n([\s\S]*)$/m.exec(text) ?? []
  const lines = instructions.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const valueOf = (name: string) => lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? ''
  // Nothing else may be in it.
  expect(lines.map((line) => line.split(' ')[0])).toEqual(['ARG', 'COPY', 'WORKDIR', 'USER', 'ENTRYPOINT'])
  const [, preset] = valueOf('ARG').split('=')
  const [, mode = '', source = '', target = ''] = /^--chmod=(\d+) (\S+) (\S+)$/.exec(valueOf('COPY')) ?? []
  expect(source.replace('${BINARY}', preset ?? '')).toBe('ingest')
  const root = join(folder.path, 'image')
  await mkdir(join(root, target, '..'), { recursive: true })
  await cp(binary, join(root, target))
  await chmod(join(root, target), Number.parseInt(mode, 8))
  const needed = Bun.spawnSync(['ldd', binary], { stdout: 'pipe' }).stdout.toString().match(/\/\S+/g) ?? []
  for (const library of needed) {
    await mkdir(join(root, library, '..'), { recursive: true })
    await cp(library, join(root, library), { dereference: true })
  }
  const [entrypoint = ''] = JSON.parse(valueOf('ENTRYPOINT')) as string[]
  const workdir = valueOf('WORKDIR')
  await mkdir(join(root, workdir), { recursive: true })
  for (const mounted of ['proc', 'tmp']) await mkdir(join(root, mounted), { recursive: true })
  return { root, user: valueOf('USER'), entrypoint, workdir }
}

/** Like a container: a root of its own with /proc, mounted where nobody else sees it. It takes root's rights. */
const inRoot = (root: string, user: string, command: readonly string[]): string[] => {
  const script = 'mount -t proc proc "$1/proc" && shift && exec chroot "$@"'
  return [
    '/bin/sh',
    '-c',
    'exec unshare --mount /bin/sh -c "$0" sh "$@"',
    script,
    root,
    `--userspec=${user}`,
    root,
    ...command,
  ]
}
const canChangeRoot =
  process.platform === 'linux' &&
  process.getuid?.() === 0 &&
  Bun.spawnSync(['/bin/sh', '-c', 'unshare --mount /bin/true && command -v chroot ldd']).success
if (!canChangeRoot) process.stderr.write('Skipped: without the right to change the root the image was not laid out.\n')

describe('the image', () => {
  test.skipIf(!canChangeRoot)(
    'is the binary alone: without a shell, as nobody, it starts, plans and runs the demo',
    async () => {
      const { root, user, entrypoint, workdir } = await layOutImage()
      const inImage = (args: readonly string[]) => {
        const command = inRoot(root, user, [entrypoint, ...args])
        const ran = Bun.spawnSync(command, {
          env: { PATH: process.env['PATH'] ?? '', HOME: '/home/nonroot' },
          stdout: 'pipe',
          stderr: 'pipe',
        })
        return { code: ran.exitCode, stdout: ran.stdout.toString(), stderr: ran.stderr.toString() }
      }
      expect(inImage(['--version'])).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^ingest \d+\.\d+\.\d+ \(/),
        stderr: '',
      })
      const plan = inImage(['--dry-run', '--quiet', '--tickers', 'AAPL,MSFT', '--out', `${workdir}/lake`])
      expect({ code: plan.code, stderr: plan.stderr }).toEqual({ code: 0, stderr: '' })
      expect(plan.stdout).toContain('Calls: 4\n')
      // The folder is a volume there, which its user may write.
      await chmod(join(root, workdir), 0o777)
      const demo = inImage(['demo', '--out', `${workdir}/demo`])
      expect({ code: demo.code, isWhole: demo.stdout.includes('Ingestion Complete') }).toEqual({
        code: 0,
        isWhole: true,
      })
      expect([...new Bun.Glob('**/*.parquet').scanSync(join(root, workdir))].length).toBeGreaterThan(100)
    },
  )
})

describe('what the binary holds', () => {
  test('is no path and no variable of the machine that built it', async () => {
    const bytes = await Bun.file(binary).bytes()
    const hay = Buffer.from(bytes)
    expect([ROOT, folder.path, SENTINEL].filter((text) => hay.includes(text))).toEqual([])
  })

  test('is the thread that encodes, too, where there are thousands of files', async () => {
    const days = sessions('2019-09-16', DAY)
    expect(days.length).toBeGreaterThan(1_200)
    await using stage = await setStage({ bars: barsFor(['A'], '2019-09-16', DAY) })
    const empty = join(folder.path, 'thousands')
    await mkdir(empty)
    const env = { FMP_API_KEY: KEY, FMP_BASE_URL: stage.fmp.url, RATE_LIMIT_SECONDS: '0' }
    const dates = ['--from-date', '2019-09-16', '--to-date', DAY]
    const { code, stdout } = await run(empty, ['--tickers', 'A', '--out', 'lake', '--now', NOW, ...dates], env)
    expect({ code, isWhole: stdout.includes(`Files written: ${grouped(days.length)}\n`) }).toEqual({
      code: 0,
      isWhole: true,
    })
    const files = [...new Bun.Glob('**/*.parquet').scanSync(join(empty, 'lake'))]
    expect(files).toHaveLength(days.length)
  })

  test('is the Databricks bundle, file by file', async () => {
    const empty = join(folder.path, 'bundle')
    await mkdir(empty)
    expect(await run(empty, ['databricks', '.', '--bucket', 'my-bucket'])).toMatchObject({ code: 0, stderr: '' })
    for (const [path, text] of bundleFiles({ bucket: 'my-bucket', prefix: 'raw', catalog: 'main' })) {
      expect(await Bun.file(join(empty, path)).text()).toBe(text)
    }
  })

  test('is what a release tries on every machine', async () => {
    const child = Bun.spawn(['bash', join(ROOT, '.github/smoke.sh'), binary], {
      env: { PATH: process.env['PATH'] ?? '', TMPDIR: folder.path, HOME: folder.path },
      stdout: 'ignore',
      stderr: 'pipe',
    })
    const [stderr, code] = await Promise.all([child.stderr.text(), child.exited])
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  })

  test('is all that it needs: it runs away from the sources, as another file, in an empty folder', async () => {
    const empty = join(folder.path, 'empty')
    await mkdir(empty)
    const version = await run(empty, ['--version'])
    expect(version).toMatchObject({ code: 0, stderr: '' })
    // The commit, or that there was none to be known.
    expect(version.stdout).toMatch(/^ingest \d+\.\d+\.\d+ \(([0-9a-f]{12}(, changed)?|no commit known)\)\n$/)
    expect(version.stdout).toStartWith(`ingest ${packageJson.version} `)
    expect(await readdir(empty)).toEqual([])
  })
})
