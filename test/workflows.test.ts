// The workflows against what they lean on: the actions' commits and inputs, the program's own flags and variables.

import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import { parseCommandLine } from '../lib/cli/cli.ts'
import { resolveConfig } from '../lib/cli/resolve.ts'
import { FLAGS } from '../lib/cli/settings.ts'
import { VARIABLES } from '../lib/cli/variables.ts'
import { DATASET_WORDS, tickersLocation, type Config } from '../lib/core/config.ts'
import actions from './fixtures/actions.json' with { type: 'json' }
import { ROOT } from './support/runs/process.ts'
import { makeTempFolder } from './support/lakes/temp-folder.ts'
import {
  environmentOf,
  readWorkflow,
  startScript,
  stepNamed,
  stepsOf,
  WORKFLOWS,
  workflowText,
  type Step,
} from './support/workflow.ts'

type Action = { readonly version: string; readonly commit: string; readonly inputs: readonly string[] }

const KNOWN: ReadonlyMap<string, Action> = new Map(Object.entries(actions))
const ingest = await readWorkflow('ingest.yml')
const ingestStep = stepNamed(ingest, 'Ingest')
const shards = await readWorkflow('ingest-shards.yml')

describe('every workflow', () => {
  test.each(WORKFLOWS)('%s uses actions by the commit of a release, and only inputs that they take', async (file) => {
    const text = await workflowText(file)
    const all = text.split('\n').filter((line) => /^ *(- )?uses:/.test(line))
    expect(all.length).toBeGreaterThan(0)
    // Those of this commit.
    const own = all.filter(isOwn).map((line) => /workflows\/([\w-]+\.yml)/.exec(line)?.[1] ?? line)
    expect(own.filter((name) => !WORKFLOWS.includes(name))).toEqual([])
    const lines = all.filter((line) => !isOwn(line))
    for (const line of lines) {
      const [, name = '', commit, version] = /uses: ([\w./-]+)@([0-9a-f]{40}) # (v[\d.]+)$/.exec(line) ?? []
      expect({ line, commit, version }).toMatchObject({
        commit: KNOWN.get(name)?.commit,
        version: KNOWN.get(name)?.version,
      })
    }
    const steps = stepsOf(await readWorkflow(file)).filter(({ uses }) => uses !== undefined)
    expect(steps).toHaveLength(lines.length)
    const unknown = steps.flatMap(({ uses = '', with: given = {} }) => {
      const inputs = KNOWN.get(uses.split('@')[0] ?? '')?.inputs ?? []
      return Object.keys(given).filter((input) => !inputs.includes(input))
    })
    expect(unknown).toEqual([])
  })

  test.each(WORKFLOWS)(
    '%s gives no right to all jobs, a time limit to each, and pastes nothing into a script',
    async (file) => {
      const workflow = await readWorkflow(file)
      expect(workflow.permissions).toEqual({})
      for (const job of Object.values(workflow.jobs)) {
        expect(job.permissions).toBeDefined()
        // A called workflow limits its own jobs.
        expect({ job, isLimited: 'timeout-minutes' in job || 'uses' in job }).toMatchObject({ isLimited: true })
      }
      const scripts = stepsOf(workflow).flatMap(({ run }) => run ?? [])
      expect(scripts.filter((script) => script.includes('${{'))).toEqual([])
      expect(await workflowText(file)).not.toMatch(/pull_request_target|secrets: inherit/)
    },
  )
})

const isOwn = (line: string): boolean => line.includes('uses: ./')

/** The settings of a run without a flag, under this environment. */
function configUnder(environment: Readonly<Record<string, string>>, args: readonly string[] = []): Config {
  const line = parseCommandLine(args)
  if (line.kind !== 'run') throw new Error('This is no run')
  return resolveConfig(
    line,
    { FMP_API_KEY: 'k-0123456789', S3_BUCKET: 'my-bucket', ...environment },
    { isCompiled: true },
  )
}

describe('the nightly workflow', () => {
  const { workflow_dispatch: dispatch, workflow_call: call } = ingest.on

  test('has the name, the slots and the one queue that the documents promise', async () => {
    expect(ingest.name).toBe('Stock Data Ingestion')
    expect(ingest.on.schedule?.map(({ cron }) => cron).toSorted()).toEqual([
      '0 23 * * 1-5',
      '17 12 * * 0',
      '47 10 * * 2-6',
    ])
    // Shards would wait for each other, and all but one of those that wait would be dropped.
    const group = "stock-data-ingestion${{ inputs.shard && format('-{0}', inputs.shard) }}"
    expect(ingest.concurrency).toEqual({ group, 'cancel-in-progress': false })
    const guide = await Bun.file(join(ROOT, '.github/workflows/README.md')).text()
    const slots = ingest.on.schedule?.map(({ cron }) => cron) ?? []
    expect(slots.filter((cron) => !guide.includes(cron))).toEqual([])
  })

  test('takes the same inputs by hand and when it is called, each a flag of the program of the same kind', () => {
    const { report, ...flags } = dispatch?.inputs ?? {}
    // What it starts is two other commands.
    expect(report).toMatchObject({ type: 'boolean', default: false })
    const inputs = Object.entries(flags)
    expect(inputs.map(([name]) => name)).toEqual([
      'tickers_path',
      'from_date',
      'to_date',
      'backfill',
      'backfill_days',
      'force',
      'dataset',
      'period',
      'max_calls',
      'accept',
      'accept_session',
      'dry_run',
      'shard',
      'run_group',
      'ledger',
    ])
    expect(Object.keys(call?.inputs ?? {})).toEqual(Object.keys(dispatch?.inputs ?? {}))
    for (const [name, { type, default: preset }] of inputs) {
      expect(call?.inputs).toMatchObject({ [name]: preset === undefined ? { type } : { type, default: preset } })
      const flag = `--${name.replaceAll('_', '-')}`
      const setting = Object.values(FLAGS).find((one) => one.flag === flag)
      expect({ name, isSwitch: setting?.value === 'switch' }).toEqual({ name, isSwitch: type === 'boolean' })
      // A boolean takes no value, anything else needs one: the program says which it is.
      const line = parseCommandLine([flag])
      const problems = line.kind === 'run' ? line.problems : ['no run']
      expect({ name, problems: problems.length }).toEqual({ name, problems: type === 'boolean' ? 0 : 1 })
      expect(problems.join()).not.toContain('unknown option')
    }
    expect(dispatch?.inputs['tickers_path']?.default).toBe(tickersLocation(configUnder({}).tickers) ?? '')
  })

  test('names every dataset in the text of its input', () => {
    for (const inputs of [dispatch?.inputs, call?.inputs]) {
      const text = inputs?.['dataset']?.description ?? ''
      expect(DATASET_WORDS.filter((word) => !text.includes(word))).toEqual([])
    }
  })

  test('leaves every setting at the program’s own default where no variable is set', () => {
    const unset = environmentOf(ingestStep, {})
    const named = Object.fromEntries(Object.entries(unset).filter(([name]) => name in SETTINGS))
    expect(Object.keys(named).toSorted()).toEqual(Object.keys(SETTINGS).toSorted())
    const filled = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== ''))
    expect(Object.keys(filled).toSorted()).toEqual(['MAX_WORKERS', 'RATE_LIMIT_SECONDS', 'S3_RAW_PREFIX'])
    for (const { variable, ...setting } of Object.values(VARIABLES)) {
      const preset = 'default' in setting ? setting.default : undefined
      if (variable in filled) expect({ variable, value: filled[variable] }).toEqual({ variable, value: preset })
    }
    expect({ ...configUnder(filled), secrets: [] }).toEqual({ ...configUnder({}), secrets: [] })
  })

  test('hands every variable to the program, which knows it by that name', () => {
    // The key is a secret, the host is the vendor's, and AWS's own come from the step that takes on the role.
    const others = ['FMP_API_KEY', 'FMP_BASE_URL', 'AWS_*']
    const forPeople = Object.values(VARIABLES).filter((setting) => 'help' in setting)
    expect([...Object.keys(SETTINGS), ...others].toSorted()).toEqual(
      forPeople.map(({ variable }) => variable).toSorted(),
    )
    const values = Object.fromEntries(Object.entries(SETTINGS).map(([name, [value]]) => [`vars.${name}`, value]))
    const config = configUnder(environmentOf(ingestStep, { ...values, 'secrets.FMP_API_KEY': 'the-key' }))
    expect(config.apiKey).toBe('the-key')
    // A secret, which no log shows; where logs are private, a variable does.
    for (const name of ['secrets.PING_URL', 'vars.PING_URL']) {
      expect(environmentOf(ingestStep, { [name]: 'https://x' })).toMatchObject({ PING_URL: 'https://x' })
    }
    expect(call?.secrets?.['PING_URL']?.required).toBe(false)
    for (const [name, [, field, expected]] of Object.entries(SETTINGS)) {
      expect({ name, value: config[field] }).toEqual({ name, value: expected } as never)
    }
  })

  test('needs the three secrets and the bucket, and says which of them is not set', async () => {
    const names = ['secrets.FMP_API_KEY', 'secrets.AWS_ROLE_ARN', 'secrets.AWS_REGION', 'vars.S3_BUCKET']
    expect(
      Object.entries(call?.secrets ?? {}).flatMap(([name, { required }]) => (required ? `secrets.${name}` : [])),
    ).toEqual(names.slice(0, 3))
    const step = stepNamed(ingest, 'Check the set-up')
    const check = async (set: readonly string[], inputs: Readonly<Record<string, string>> = {}) => {
      const env = environmentOf(step, { ...Object.fromEntries(set.map((name) => [name, 'value-of-it'])), ...inputs })
      expect(Object.values(env)).not.toContain('value-of-it')
      return await startScript(step.run ?? '', { cwd, env: { ...env, GITHUB_OUTPUT: join(cwd, 'output') } }).done
    }
    const folder = await makeTempFolder()
    const cwd = folder.path
    const unfit = await check(names)
    expect(unfit.code).toBe(2)
    expect(unfit.stdout).toStartWith('::error title=Set-up::The program could not be checked out')
    await Bun.write(join(cwd, '.fmp-ingest/ingest.ts'), '')
    expect(await check(names)).toMatchObject({ code: 0, stdout: '' })
    expect(await Bun.file(join(cwd, 'output')).text()).toMatch(/^started=\d{8}T\d{6}Z\n$/)
    await Bun.write(join(cwd, 'output'), '')
    expect(await check(names, { 'inputs.shard': '3/8' })).toMatchObject({ code: 0, stdout: '' })
    expect(await Bun.file(join(cwd, 'output')).text()).toMatch(/^started=\d{8}T\d{6}Z-shard-3-of-8\n$/)
    expect(stepNamed(ingest, 'Keep the metrics').with?.['name']).toBe('metrics-${{ steps.setup.outputs.started }}')
    const none = await check([])
    expect(none.code).toBe(2)
    expect(none.stdout).toStartWith(
      '::error title=Set-up::Not set: the secret FMP_API_KEY, the secret AWS_ROLE_ARN, the secret AWS_REGION, the variable S3_BUCKET. ',
    )
    for (const name of names) {
      const one = await check(names.filter((other) => other !== name))
      expect(one.code).toBe(2)
      expect(one.stdout).toContain(
        `Not set: the ${name.startsWith('vars') ? 'variable' : 'secret'} ${name.split('.')[1]}.`,
      )
    }
    await folder.remove()
  })

  test('asks AWS and GitHub for no more than it needs, and tells the program how long both will bear it', () => {
    expect(ingest.jobs['ingest']?.permissions).toEqual({ contents: 'read', 'id-token': 'write' })
    expect(ingest.jobs['ingest']?.['timeout-minutes']).toBe("${{ fromJSON(vars.JOB_TIMEOUT_MINUTES || '350') }}")
    const role = stepNamed(ingest, 'Take on the AWS role').with ?? {}
    expect(role).toMatchObject({
      'role-to-assume': '${{ secrets.AWS_ROLE_ARN }}',
      'aws-region': '${{ secrets.AWS_REGION }}',
      'role-duration-seconds': "${{ vars.ROLE_DURATION_SECONDS || '3600' }}",
    })
    expect(Object.keys(role).filter((name) => /access-key|session-token/.test(name))).toEqual([])
    expect(environmentOf(ingestStep, {})).toMatchObject({ JOB_TIMEOUT_MINUTES: '350', ROLE_DURATION_SECONDS: '3600' })
    // The metrics are kept whatever became of the step before.
    const keep = stepNamed(ingest, 'Keep the metrics')
    expect(keep.if).toBe('always()')
    expect(keep.with?.['path']).toBe('${{ runner.temp }}/metrics.json')
  })
})

describe('the shards', () => {
  const { shard: job } = shards.jobs
  const { at_once: atOnce, ...inputs } = shards.on.workflow_dispatch?.inputs ?? {}

  test('are all parts of the list, each a job of its own, in one group and under one limit', () => {
    const { matrix, ...strategy } = job?.strategy ?? { matrix: {} }
    expect(matrix.shard).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(strategy).toEqual({ 'fail-fast': false, 'max-parallel': '${{ fromJSON(inputs.at_once) }}' })
    expect(atOnce?.default).toBe('1')
    expect(job?.with).toMatchObject({
      shard: '${{ matrix.shard }}/${{ strategy.job-total }}',
      run_group: '${{ github.run_id }}',
      ledger: true,
    })
    const values = {
      'inputs.shard': '3/8',
      'inputs.run_group': '4711',
      'inputs.ledger': 'true',
      'vars.DAILY_CALLS': '250',
    }
    const given = { ...values, 'secrets.FMP_API_KEY': 'the-key', 'vars.S3_BUCKET': 'my-bucket' }
    expect(configUnder(environmentOf(ingestStep, given))).toMatchObject({
      shard: { index: 3, count: 8 },
      runGroup: '4711',
      usesLedger: true,
      dailyCalls: 250,
    })
    expect(environmentOf(ingestStep, { 'vars.LEDGER': 'true' })).toMatchObject({ LEDGER: 'true' })
  })

  test('hand on every input, each one of the nightly workflow', () => {
    const { shard: _shard, run_group: _group, ledger: _ledger, ...handed } = job?.with ?? {}
    expect(handed).toEqual(Object.fromEntries(Object.keys(inputs).map((name) => [name, `\${{ inputs.${name} }}`])))
    for (const [name, { type, default: preset }] of Object.entries(inputs)) {
      const called = ingest.on.workflow_call?.inputs[name]
      expect({ name, type: called?.type, preset: called?.default }).toEqual({ name, type, preset })
    }
  })

  test('have the rights and the secrets that the nightly job needs, and no more', () => {
    expect(job?.permissions).toEqual(ingest.jobs['ingest']?.permissions)
    const needed = Object.entries(ingest.on.workflow_call?.secrets ?? {}).filter(([, { required }]) => required)
    expect(job?.secrets).toEqual(Object.fromEntries(needed.map(([name]) => [name, `\${{ secrets.${name} }}`])))
  })
})

/** A variable, a value for it, and the setting that the program makes of it. */
const SETTINGS: Readonly<Record<string, readonly [string, keyof Config, unknown]>> = {
  S3_BUCKET: ['another-bucket', 'target', { kind: 's3', bucket: 'another-bucket' }],
  S3_RAW_PREFIX: ['bronze/in', 'prefix', 'bronze/in'],
  S3_TABLE_PREFIX: ['gold/in', 'tablePrefix', 'gold/in'],
  RATE_LIMIT_SECONDS: ['0.25', 'rateLimitSeconds', 0.25],
  MAX_WORKERS: ['7', 'maxWorkers', 7],
  UPLOAD_CONCURRENCY: ['9', 'uploadConcurrency', 9],
  API_TIMEOUT_SECONDS: ['11', 'apiTimeoutSeconds', 11],
  FMP_API: ['v3', 'api', 'v3'],
}

describe('a release', () => {
  test('is refused where the tag is not the version of package.json', async () => {
    const { run = '' } = stepNamed(await readWorkflow('release.yml'), 'Is the tag the version?')
    const tagged = async (tag: string) => await startScript(run, { cwd: ROOT, env: { GITHUB_REF_NAME: tag } }).done
    expect(await tagged(`v${packageJson.version}`)).toMatchObject({ code: 0 })
    const wrong = await tagged('v99.0.0')
    expect(wrong.code).toBe(1)
    expect(wrong.stdout).toContain(`The tag is v99.0.0, but package.json says ${packageJson.version}.`)
  })
})

/** A step as the table below has it: what it is, and every key of it that could keep it from running or from counting. */
const outline = ({ name, uses, ...step }: Step): string =>
  [
    name ?? uses?.split('@')[0],
    ...['if', 'continue-on-error', 'working-directory', 'shell'].flatMap((key) => {
      const value = (step as Record<string, unknown>)[key]
      return value === undefined ? [] : [`${key}: ${JSON.stringify(value)}`]
    }),
  ].join(', ')

const outlineOf = (steps: readonly Step[] = []): readonly string[] => steps.map(outline)

describe('the steps', () => {
  test('of the nightly job are these, in this order, and none is skipped or excused but artifacts and the look at the lake', async () => {
    const { ingest: job, ...others } = ingest.jobs
    expect(Object.keys(others)).toEqual([])
    expect(Object.keys(job ?? {}).toSorted()).toEqual(['name', 'permissions', 'runs-on', 'steps', 'timeout-minutes'])
    expect(outlineOf(job?.steps)).toEqual([
      'Check out the ticker list',
      'Check out the program',
      'Check the set-up',
      'Set up Bun',
      'Build the program, working-directory: ".fmp-ingest"',
      'Take on the AWS role',
      'Ingest',
      'Drop an empty metrics file, if: "always()"',
      'Keep the metrics, if: "always()", continue-on-error: true',
      `Look at the lake, if: "\${{ !cancelled() && steps.role.outcome == 'success' && (inputs.report || github.event.schedule == '17 12 * * 0') }}", continue-on-error: true`,
      `Keep what it says of the lake, if: "\${{ !cancelled() && steps.lake.outcome == 'success' }}", continue-on-error: true`,
      `Link it in the summary, if: "\${{ !cancelled() && steps.lake.outcome == 'success' }}", continue-on-error: true`,
    ])
    const [list, program] = job?.steps ?? []
    expect(list?.with).toEqual({ 'persist-credentials': false })
    expect(program?.with).toEqual({
      repository: '${{ fromJSON(toJSON(job)).workflow_repository || github.repository }}',
      ref: '${{ fromJSON(toJSON(job)).workflow_sha || github.sha }}',
      path: '.fmp-ingest',
      'persist-credentials': false,
    })
    expect(stepNamed(ingest, 'Set up Bun').with).toEqual({
      'bun-version-file': '.fmp-ingest/package.json',
      'no-cache': true,
    })
    expect(stepNamed(ingest, 'Build the program').run).toBe(
      'bun install --frozen-lockfile --production\nbun run build\n',
    )
  })

  test('of CI check and build on both systems, and start the binary', async () => {
    const { check } = (await readWorkflow('ci.yml')).jobs
    expect(check?.strategy?.matrix.os).toEqual(['ubuntu-24.04', 'macos-15'])
    expect(check?.steps?.flatMap(({ run }) => run ?? [])).toEqual([
      'bun run check',
      'bun run check:workflows --required',
      'bun run test:page --required',
      'bun run build',
      '.github/smoke.sh dist/ingest',
    ])
    expect(outlineOf(check?.steps)).toContain(`Check the workflows, if: "runner.os == 'Linux'"`)
    expect(outlineOf(check?.steps)).toContain(`Try the coverage page in a browser, if: "runner.os == 'Linux'"`)
  })

  test('of a release start every binary that is built', async () => {
    const { try: tried, 'try-musl': triedMusl } = (await readWorkflow('release.yml')).jobs
    const targets = /const TARGETS = \[([^\]]*)\]/.exec(await Bun.file(join(ROOT, 'build.ts')).text())?.[1] ?? ''
    const built = new Set(targets.match(/(?<=')[^',]+(?=')/g))
    const plain = tried?.strategy?.matrix.include?.map(({ target }) => target?.replace('.exe', '')) ?? []
    const musl = triedMusl?.strategy?.matrix.include?.map(({ arch }) => `linux-${arch}-musl`) ?? []
    expect(new Set([...plain, ...musl])).toEqual(built)
    expect(built.size).toBe(7)
  })

  test('of a release check, build twice, compare, try every binary, attest, and only then publish what was tried', async () => {
    const { build, try: tried, 'try-musl': triedMusl, publish } = (await readWorkflow('release.yml')).jobs
    expect(outlineOf(build?.steps)).toEqual([
      'actions/checkout',
      'oven-sh/setup-bun',
      'Is the tag the version?',
      'Check',
      'List the contents (SBOM)',
      'Build twice',
      'Put all together',
      'actions/upload-artifact',
    ])
    const release = await readWorkflow('release.yml')
    expect(stepNamed(release, 'Check').run).toBe('bun run check')
    const twice = stepNamed(release, 'Build twice').run ?? ''
    expect(twice.match(/^bun install --frozen-lockfile --production$/gm)).toHaveLength(2)
    expect(twice.match(/^bun run build --release$/gm)).toHaveLength(2)
    expect(twice.trim().split('\n').at(-1)).toBe('sha256sum --check "$GITHUB_WORKSPACE/SHA256SUMS"')
    expect(publish?.needs).toEqual(['build', 'try', 'try-musl'])
    expect(outlineOf(publish?.steps)).toEqual([
      'actions/download-artifact',
      'Attest where the binaries come from',
      'Attest what is in them',
      'Release',
    ])
    expect(publish?.steps?.[1]?.with).toEqual({ 'subject-checksums': 'dist/SHA256SUMS' })
    const script = stepNamed(release, 'Release').run ?? ''
    expect(script).toMatch(
      /gh release create "\$GITHUB_REF_NAME" --draft --verify-tag .*\n.*upload.*\n.*--draft=false\n$/,
    )
    for (const job of [build, tried, triedMusl]) expect(job?.permissions).toEqual({ contents: 'read' })
  })
})
