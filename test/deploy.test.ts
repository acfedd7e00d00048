// The files of .github/deploy: what they start is a command line of the program, and systemd finds nothing wrong. The
// schema of Kubernetes and the model of AWS Batch are held by `bun run check:workflows`, Slurm's by `bun run test:slurm`,
// the image by security/binary.test.ts.

import { describe, expect, test } from 'bun:test'
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseCommandLine } from '../lib/cli/cli.ts'
import { parseEnvFile } from '../lib/cli/env-file.ts'
import { resolveConfig } from '../lib/cli/resolve.ts'
import type { Setting } from '../lib/cli/setting.ts'
import { FLAGS } from '../lib/cli/settings.ts'
import { VARIABLES } from '../lib/cli/variables.ts'
import type { Config } from '../lib/core/config.ts'
import { barsFor, dayKey } from './support/bars.ts'
import { makeTempFolder } from './support/lakes/temp-folder.ts'
import { KEY, NOW } from './support/runs/in-process.ts'
import { ROOT } from './support/runs/process.ts'
import { setStage } from './support/runs/stage.ts'
import { readWorkflow } from './support/workflow.ts'

const PROGRAM = '/usr/local/bin/ingest'
const SETTINGS: readonly Setting[] = [...Object.values(VARIABLES), ...Object.values(FLAGS)]
const SECRETS = SETTINGS.flatMap(({ isSecret, variable }) =>
  isSecret === true && variable !== undefined ? variable : [],
)
const S3 = { S3_BUCKET: 'my-bucket' }
const KNOWN_VARIABLES = new Set(SETTINGS.map(({ variable }) => variable))

const read = async (name: string) => await Bun.file(join(ROOT, '.github/deploy', name)).text()
const guide = await read('README.md')
const [service, timer] = await Promise.all([read('fmp-ingest.service'), read('fmp-ingest.timer')])
const cronJobs = (await read('cronjob.yaml')).split(/^---$/m)
const [slurm, indexedJob, batchJob] = await Promise.all([
  read('slurm.sh'),
  read('kubernetes-indexed-job.yaml'),
  read('aws-batch-job.json'),
])

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

type Variable = {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

type Pod = {
  readonly securityContext: { readonly runAsUser: number; readonly runAsNonRoot: boolean }
  readonly containers: readonly {
    readonly name: string
    readonly args: readonly string[]
    readonly env: readonly Variable[]
    readonly volumeMounts?: readonly { readonly mountPath: string }[]
  }[]
}

type CronJob = {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly concurrencyPolicy: string
    readonly jobTemplate: {
      readonly spec: { readonly backoffLimit: number; readonly template: { readonly spec: Pod } }
    }
  }
}

/** Those of the names that are neither the program's nor AWS's. */
function unknownVariables(names: readonly string[]): readonly string[] {
  return names.filter((name) => !KNOWN_VARIABLES.has(name) && !name.startsWith('AWS_'))
}

/** The settings of a shard of a scheduler's job, under these variables too. */
function settingsUnder(args: readonly string[], environment: Readonly<Record<string, string>>): Config {
  const line = parseCommandLine(args)
  if (line.kind !== 'run') throw new Error(`${args.join(' ')} is no run`)
  return resolveConfig(line, { FMP_API_KEY: KEY, ...environment }, { isCompiled: true })
}

describe('the CronJob', () => {
  const documents = cronJobs.map((text) => Bun.YAML.parse(text) as CronJob)
  const job = documents.find(({ kind }) => kind === 'CronJob')?.spec
  const pod = job?.jobTemplate.spec.template.spec
  const [container] = pod?.containers ?? []

  test('starts a command line and sets variables that the program knows', () => {
    expect(problemsOf(container?.args ?? [''])).toEqual([])
    const names = container?.env.map(({ name }) => name) ?? []
    expect({ names: names.length > 0, unknown: unknownVariables(names) }).toEqual({ names: true, unknown: [] })
    // The list is the file that the ConfigMap holds.
    const list = container?.args[container.args.indexOf('--tickers-path') + 1]
    expect(list).toBe(`${container?.volumeMounts?.[0]?.mountPath}/tickers.csv`)
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

describe('the array of Slurm', () => {
  const options = new Map(
    [...slurm.matchAll(/^#SBATCH --([\w-]+)(?:=(.*))?$/gm)].map(([, name = '', value = '']) => [name, value]),
  )
  const [, start = ''] = /^(\/usr\/local\/bin\/ingest .*) "\$@" &$/m.exec(slurm) ?? []
  const [, ...args] = start.split(' ')

  test('is eight shards under one limit', () => {
    expect(options.get('array')).toBe('1-8')
    const env = { ...S3, SLURM_ARRAY_JOB_ID: '4711', SLURM_ARRAY_TASK_MIN: '1', SLURM_ARRAY_TASK_MAX: '8' }
    const config = settingsUnder(args, { ...env, SLURM_ARRAY_TASK_ID: '3', SLURM_ARRAY_TASK_COUNT: '8' })
    expect(config).toMatchObject({ shard: { index: 3, count: 8 }, runGroup: '4711', usesLedger: true })
  })

  test('goes on after a death, keeps all it has said, and takes over nothing of the environment', () => {
    expect(Object.fromEntries(options)).toMatchObject({
      requeue: '',
      'open-mode': 'append',
      signal: 'B:USR1@120',
      export: 'NONE',
    })
    expect(slurm).not.toMatch(/KEY|SECRET/)
  })

  /** The last task of an array has the array's own number. */
  const TASK = { SLURM_JOB_ID: '4711', SLURM_ARRAY_JOB_ID: '4711', SLURM_ARRAY_TASK_ID: '8' }

  /** Runs the script; the program is a script of a test, and scontrol one that says what it was asked. */
  async function play(
    program: string,
    { restarts = '0', signal }: { restarts?: string; signal?: NodeJS.Signals } = {},
  ) {
    const folder = await makeTempFolder()
    const own = join(folder.path, 'program')
    for (const [name, text] of [
      ['program', program],
      ['scontrol', 'echo "asked: $@"'],
    ] as const) {
      await Bun.write(join(folder.path, name), `#!/bin/bash\n${text}\n`)
      await chmod(join(folder.path, name), 0o755)
    }
    const child = Bun.spawn(['bash', '-c', slurm.replace(PROGRAM, own), 'slurm.sh', '--lookback', '3'], {
      cwd: folder.path,
      env: { PATH: `${folder.path}:/usr/bin:/bin`, ...TASK, SLURM_RESTART_COUNT: restarts },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'ignore',
    })
    if (signal !== undefined) {
      // The program says that it is there by a file.
      while (!(await Bun.file(join(folder.path, 'there')).exists())) await new Promise(setImmediate)
      child.kill(signal)
    }
    const said = await child.stdout.text()
    const code = await child.exited
    await folder.remove()
    return { code, said }
  }

  const WAITING = `tail -f /dev/null & trap "kill $!; echo finished; exit 143" TERM; touch there; wait $!`

  test('gives the program its arguments, and ends as it does', async () => {
    expect(await play('echo "$@"; exit 3')).toEqual({ code: 3, said: '--quiet --ledger --lookback 3\n' })
    expect(await play('exit 0')).toEqual({ code: 0, said: '' })
  })

  test('is started again when the program was killed, but not for ever', async () => {
    const killed = 'kill -KILL $$'
    expect(await play(killed)).toEqual({ code: 137, said: 'asked: requeue 4711_8\n' })
    expect(await play(killed, { restarts: '19' })).toMatchObject({ said: 'asked: requeue 4711_8\n' })
    expect(await play(killed, { restarts: '20' })).toEqual({ code: 137, said: '' })
  })

  test('lets the program finish before the time limit and is then started again', async () => {
    expect(await play(WAITING, { signal: 'SIGUSR1' })).toEqual({ code: 143, said: 'finished\nasked: requeue 4711_8\n' })
  })

  test('is not started again when somebody else ends the program', async () => {
    expect(await play('kill -TERM $$')).toEqual({ code: 143, said: '' })
  })
})

describe('the Indexed Job', () => {
  const { spec } = Bun.YAML.parse(indexedJob) as {
    readonly spec: {
      readonly completionMode: string
      readonly completions: number
      readonly parallelism: number
      readonly podFailurePolicy: {
        readonly rules: readonly { readonly onExitCodes?: { readonly containerName: string } }[]
      }
      readonly template: { readonly spec: Pod }
    }
  }
  const { containers, securityContext } = spec.template.spec
  const [container] = containers

  test('has as many indexes as shards, all at once, under one limit', () => {
    const { args = [], env = [] } = container ?? {}
    const given = Object.fromEntries(env.map(({ name, value = 'of-the-cluster' }) => [name, value]))
    expect(unknownVariables(Object.keys(given))).toEqual([])
    const config = settingsUnder(args, {
      ...given,
      FMP_API_KEY: KEY,
      JOB_COMPLETION_INDEX: String(spec.completions - 1),
    })
    const { completions: count } = spec
    expect(config).toMatchObject({ shard: { index: count, count }, runGroup: 'of-the-cluster', usesLedger: true })
    expect(spec).toMatchObject({ completionMode: 'Indexed', parallelism: count })
  })

  test('has no secret in it, and the job’s uid for the group', () => {
    const from = new Map(container?.env.map(({ name, valueFrom }) => [name, valueFrom]))
    expect(from.get('FMP_API_KEY')).toEqual({ secretKeyRef: { name: 'fmp-ingest', key: 'FMP_API_KEY' } })
    expect(from.get('RUN_GROUP')?.['fieldRef']?.['fieldPath']).toContain('controller-uid')
    expect(SECRETS.filter((name) => from.has(name))).toEqual(['FMP_API_KEY'])
  })

  test('runs as the user of the image, and knows its container by name', async () => {
    const [, user] = /^USER (\d+):\d+$/m.exec(await read('Dockerfile')) ?? []
    expect(securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: Number(user) })
    const named = spec.podFailurePolicy.rules.flatMap(({ onExitCodes }) => onExitCodes?.containerName ?? [])
    expect(named).toEqual(['ingest', 'ingest'])
    expect(container?.name).toBe('ingest')
  })
})

describe('the array job of AWS Batch', () => {
  const { containerProperties: job, jobDefinitionName } = JSON.parse(batchJob) as {
    readonly jobDefinitionName: string
    readonly containerProperties: {
      readonly command: readonly string[]
      readonly environment: readonly { readonly name: string; readonly value: string }[]
      readonly secrets: readonly { readonly name: string; readonly valueFrom: string }[]
    }
  }
  const [, size = ''] = /^aws batch submit-job .*--array-properties size=(\d+)$/m.exec(guide) ?? []

  test('is so many shards as the guide submits, under one limit', () => {
    const given = Object.fromEntries(job.environment.map(({ name, value }) => [name, value]))
    expect(unknownVariables(Object.keys(given))).toEqual([])
    const own = { AWS_BATCH_JOB_ARRAY_INDEX: '7', AWS_BATCH_JOB_ARRAY_SIZE: size, AWS_BATCH_JOB_ID: 'a1b2:7' }
    const config = settingsUnder(job.command, { ...given, ...own })
    expect(config).toMatchObject({ shard: { index: 8, count: 8 }, runGroup: 'a1b2', usesLedger: true })
    expect(guide).toContain(`--job-definition ${jobDefinitionName} `)
  })

  test('has its secrets by their ARN, and none among the variables', () => {
    expect(job.secrets.map(({ name }) => name)).toEqual(['FMP_API_KEY'])
    for (const { valueFrom } of job.secrets) expect(valueFrom).toStartWith('arn:aws:secretsmanager:')
    expect(job.environment.filter(({ name }) => SECRETS.includes(name))).toEqual([])
  })
})

describe('the guide', () => {
  test('has a file of variables that the program takes, all of them its own', () => {
    const [, text = ''] = /```\n(# \/home[^`]*)```/.exec(guide) ?? []
    const { variables, problems } = parseEnvFile('env', { text, mode: 0o600 })
    expect(problems).toEqual([])
    expect(variables.size).toBe(5)
    expect(unknownVariables([...variables.keys()])).toEqual([])
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
