// The files of .github/deploy: what they start is a command line of the program, and systemd finds nothing wrong. The
// schema of Kubernetes is held by `bun run check:workflows`, the image by security/binary.test.ts.

import { describe, expect, test } from 'bun:test'
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseCommandLine } from '../lib/cli/cli.ts'
import { parseEnvFile } from '../lib/cli/env-file.ts'
import type { Setting } from '../lib/cli/setting.ts'
import { FLAGS } from '../lib/cli/settings.ts'
import { VARIABLES } from '../lib/cli/variables.ts'
import { barsFor, dayKey } from './support/bars.ts'
import { makeTempFolder } from './support/lakes/temp-folder.ts'
import { KEY, NOW } from './support/runs/in-process.ts'
import { ROOT } from './support/runs/process.ts'
import { setStage } from './support/runs/stage.ts'
import { readWorkflow } from './support/workflow.ts'

const PROGRAM = '/usr/local/bin/ingest'
const SETTINGS: readonly Setting[] = [...Object.values(VARIABLES), ...Object.values(FLAGS)]
const KNOWN_VARIABLES = new Set(SETTINGS.map(({ variable }) => variable))

const read = async (name: string) => await Bun.file(join(ROOT, '.github/deploy', name)).text()
const guide = await read('README.md')
const [service, timer] = await Promise.all([read('fmp-ingest.service'), read('fmp-ingest.timer')])
const cronJobs = (await read('cronjob.yaml')).split(/^---$/m)

/** What is wrong with the arguments of a command line. */
function problemsOf(args: readonly string[]): readonly string[] {
  const line = parseCommandLine(args)
  return line.kind === 'run' ? line.problems : [`${args.join(' ')} is no run`]
}

/** The value of a setting of a unit. */
function valuesOf(unit: string, name: string): readonly string[] {
  return [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value)
}

/** Runs systemd-analyze over the units, in which the program is one that is there. */
async function analyze(args: readonly string[], text = service) {
  const folder = await makeTempFolder()
  await Bun.write(join(folder.path, 'fmp-ingest.service'), text.replaceAll(PROGRAM, process.execPath))
  await Bun.write(join(folder.path, 'fmp-ingest.timer'), timer)
  const ran = Bun.spawnSync(['systemd-analyze', ...args], { cwd: folder.path, stdout: 'pipe', stderr: 'pipe' })
  await folder.remove()
  return { code: ran.exitCode, said: `${ran.stdout.toString()}${ran.stderr.toString()}` }
}

describe('the unit of systemd', () => {
  const hasSystemd = Bun.which('systemd-analyze') !== null
  if (!hasSystemd) process.stderr.write('Skipped: systemd-analyze is not on the PATH, so no unit was verified.\n')

  test('starts a command line that the program takes', () => {
    const [line = ''] = valuesOf(service, 'ExecStart')
    const [program, ...args] = line.split(' ')
    expect({ program, problems: problemsOf(args) }).toEqual({ program: PROGRAM, problems: [] })
  })

  test.skipIf(!hasSystemd)('is what systemd takes, and says nothing about', async () => {
    const files = ['./fmp-ingest.service', './fmp-ingest.timer']
    expect(await analyze(['verify', ...files])).toEqual({ code: 0, said: '' })
    const wrong = await analyze(['verify', ...files], service.replace('DynamicUser=yes', 'DynamicUsr=yes'))
    expect(wrong.said).toContain('DynamicUsr')
  })

  test.skipIf(!hasSystemd)('leaves the program little that it could do: an exposure below 2 of 10', async () => {
    const args = ['security', '--offline=yes', '--threshold=20', './fmp-ingest.service']
    expect((await analyze(args)).code).toBe(0)
    const open = service.slice(0, service.indexOf('# The program needs'))
    expect((await analyze(args, open)).code).toBe(1)
  })

  test('runs when the workflow runs', async () => {
    const slots = (await readWorkflow('ingest.yml')).on.schedule?.map(({ cron }) => cron) ?? []
    const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
    const asCron = valuesOf(timer, 'OnCalendar').map((slot) => {
      const [, from = '', to = '', hour, minute] = /^(\w+)\.\.(\w+) \*-\*-\* (\d+):(\d+):00 UTC$/.exec(slot) ?? []
      return `${Number(minute)} ${Number(hour)} * * ${days.indexOf(from)}-${days.indexOf(to)}`
    })
    expect(asCron).toHaveLength(2)
    expect(slots).toEqual(expect.arrayContaining(asCron))
  })

  test.skipIf(!hasSystemd)('has times that systemd reads', () => {
    const ran = Bun.spawnSync(['systemd-analyze', 'calendar', ...valuesOf(timer, 'OnCalendar')], { stdout: 'pipe' })
    expect(ran.exitCode).toBe(0)
  })
})

type CronJob = {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly concurrencyPolicy: string
    readonly jobTemplate: {
      readonly spec: {
        readonly backoffLimit: number
        readonly template: {
          readonly spec: {
            readonly securityContext: { readonly runAsUser: number; readonly runAsNonRoot: boolean }
            readonly containers: readonly {
              readonly args: readonly string[]
              readonly env: readonly { readonly name: string }[]
              readonly volumeMounts: readonly { readonly mountPath: string }[]
            }[]
          }
        }
      }
    }
  }
}

describe('the CronJob', () => {
  const documents = cronJobs.map((text) => Bun.YAML.parse(text) as CronJob)
  const job = documents.find(({ kind }) => kind === 'CronJob')?.spec
  const pod = job?.jobTemplate.spec.template.spec
  const [container] = pod?.containers ?? []

  test('starts a command line and sets variables that the program knows', () => {
    expect(problemsOf(container?.args ?? [''])).toEqual([])
    const names = container?.env.map(({ name }) => name) ?? []
    const unknown = names.filter((name) => !KNOWN_VARIABLES.has(name) && !name.startsWith('AWS_'))
    expect({ names: names.length > 0, unknown }).toEqual({ names: true, unknown: [] })
    // The list is the file that the ConfigMap holds.
    const list = container?.args[container.args.indexOf('--tickers-path') + 1]
    expect(list).toBe(`${container?.volumeMounts[0]?.mountPath}/tickers.csv`)
  })

  test('makes no second attempt at once, no two runs at once, and runs as the user of the image', async () => {
    expect({ policy: job?.concurrencyPolicy, tries: job?.jobTemplate.spec.backoffLimit }).toEqual({
      policy: 'Forbid',
      tries: 0,
    })
    const [, user] = /^USER (\d+):\d+$/m.exec(await read('Dockerfile')) ?? []
    expect(pod?.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: Number(user) })
  })
})

describe('the guide', () => {
  test('has a file of variables that the program takes, all of them its own', () => {
    const [, text = ''] = /```\n(# \/home[^`]*)```/.exec(guide) ?? []
    const { variables, problems } = parseEnvFile('env', { text, mode: 0o600 })
    expect(problems).toEqual([])
    expect(variables.size).toBe(5)
    expect([...variables.keys()].filter((name) => !KNOWN_VARIABLES.has(name) && !name.startsWith('AWS_'))).toEqual([])
  })

  const crontab = guide.split('\n').filter((line) => /^\d+ \d+ \* \* \S+ +\//.test(line))

  test.each(crontab)('has the crontab line %j, which cron’s bare environment can run', async (line) => {
    const bars = barsFor(['A'], '2024-09-16', '2024-09-16')
    await using stage = await setStage({ bars })
    const folder = await makeTempFolder()
    const home = join(folder.path, 'home/me')
    await mkdir(join(home, '.config'), { recursive: true })
    const variables = join(home, '.config/fmp-ingest.env')
    await Bun.write(variables, `FMP_API_KEY='${KEY}'\nFMP_BASE_URL=${stage.fmp.url}\nRATE_LIMIT_SECONDS=0\n`)
    await chmod(variables, 0o600)
    await Bun.write(join(home, 'tickers.csv'), 'symbol\nA\n')
    const program = join(folder.path, 'ingest')
    const start = `exec '${process.execPath}' --no-env-file '${join(ROOT, 'ingest.ts')}' "$@" --now '${NOW}' --out '${stage.lake.out}'`
    await Bun.write(program, `#!/bin/sh\n${start}\n`)
    await chmod(program, 0o755)
    const command = line.replace(/^\S+ \S+ \S+ \S+ \S+ +/, '')
    const here = command.replaceAll(PROGRAM, program).replaceAll('/home/me', home)
    const child = Bun.spawn(['/bin/sh', '-c', here], {
      cwd: home,
      // What cron gives.
      env: { HOME: home, LOGNAME: 'me', SHELL: '/bin/sh', PATH: '/usr/bin:/bin' },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [stderr, code] = await Promise.all([child.stderr.text(), child.exited])
    await folder.remove()
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(await stage.lake.keys()).toContain(dayKey('A', '2024-09-16'))
  })

  test('has crontab lines for the slots of the workflow', async () => {
    const slots = (await readWorkflow('ingest.yml')).on.schedule?.map(({ cron }) => cron) ?? []
    expect(crontab).toHaveLength(2)
    for (const line of crontab) expect(slots).toContain(line.split(/ +/).slice(0, 5).join(' '))
  })
})
