// The step that starts the program in the nightly workflow, run as the runner runs it: what is typed into the dispatch form
// reaches the program as data and as nothing else, exit codes come through, and a cancel ends in metrics.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { KEY, NOW } from './support/runs/in-process.ts'
import { ROOT } from './support/runs/process.ts'
import { barsFor } from './support/bars.ts'
import { setS3Stage, type S3Stage } from './support/runs/stage.ts'
import { makeTempFolder, type TempFolder } from './support/lakes/temp-folder.ts'
import { environmentOf, readWorkflow, startScript, stepNamed, type Values } from './support/workflow.ts'

const DAY = '2024-09-16'
const workflow = await readWorkflow('ingest.yml')
const step = stepNamed(workflow, 'Ingest')
const script = step.run ?? ''

let folder: TempFolder
beforeAll(async () => void (folder = await makeTempFolder()))
afterAll(async () => await folder.remove())

/** A job's workspace in which the program is `command`, a script. */
async function makeWorkspace(command: string): Promise<string> {
  const workspace = join(folder.path, crypto.randomUUID())
  const program = join(workspace, '.fmp-ingest/dist/ingest')
  await mkdir(join(program, '..'), { recursive: true })
  await Bun.write(program, `#!/bin/bash\n${command}\n`)
  await chmod(program, 0o755)
  await Bun.write(join(workspace, 'tickers.csv'), 'A\nB\nC\n')
  return workspace
}

function start(workspace: string, values: Values, env: Readonly<Record<string, string>> = {}) {
  return startScript(script, {
    cwd: workspace,
    env: { RUNNER_TEMP: workspace, ...environmentOf(step, values), ...env },
  })
}

/** Settings that the program reads from its environment. */
const VARIABLES = ['TICKERS_PATH', 'MAX_CALLS', 'NO_ADJ_CLOSE', 'STATEMENT_PERIOD', 'MEND', 'AUDIT', 'TABLE'] as const

type Given = {
  readonly args: readonly string[]
  /** Those of `VARIABLES` that are not empty. */
  readonly variables: Readonly<Record<string, string>>
  readonly hasFired: boolean
  readonly code: number | null
}

/** The arguments and variables that a program in the real one's place gets; it ends with `code`. */
async function argumentsUnder(values: Values, code = 0): Promise<Given> {
  const variables = VARIABLES.map((name) => `"$${name}"`).join(' ')
  const workspace = await makeWorkspace(`printf '%s\\0' ${variables} > variables; printf '%s\\0' "$@"; exit ${code}`)
  const run = await start(workspace, values).done
  const [args = [], given = []] = await Promise.all(
    ['metrics.json', 'variables'].map(async (name) => {
      const text = await Bun.file(join(workspace, name)).text()
      return text.split('\0').slice(0, -1)
    }),
  )
  return {
    args,
    variables: Object.fromEntries(
      VARIABLES.flatMap((name, index) => (given[index] ? [[name, given[index]] as const] : [])),
    ),
    hasFired: await Bun.file(join(workspace, 'FIRED')).exists(),
    code: run.code,
  }
}

const BY_HAND = { 'inputs.tickers_path': 'tickers.csv', 'inputs.backfill': 'false', 'inputs.force': 'false' }

describe('the step’s arguments', () => {
  test('of the schedule are none but --json: no dates, no list', async () => {
    expect((await argumentsUnder({})).args).toEqual(['--json'])
  })

  test('of a form that nobody touched name the default list and nothing else', async () => {
    expect(await argumentsUnder(BY_HAND)).toMatchObject({
      args: ['--json'],
      variables: { TICKERS_PATH: 'tickers.csv' },
    })
  })

  test('are what the form and the variables say', async () => {
    const { args, variables } = await argumentsUnder({
      'inputs.tickers_path': 's3://my-bucket/config/tickers.csv',
      'inputs.from_date': '2024-01-01',
      'inputs.to_date': '2024-06-30',
      'inputs.backfill': 'true',
      'inputs.force': 'true',
      'vars.MAX_CALLS': '240',
      'vars.NO_ADJ_CLOSE': 'true',
    })
    expect(args.toSorted()).toEqual([
      '--backfill',
      '--force',
      '--from-date=2024-01-01',
      '--json',
      '--to-date=2024-06-30',
    ])
    expect(variables).toEqual({
      TICKERS_PATH: 's3://my-bucket/config/tickers.csv',
      MAX_CALLS: '240',
      NO_ADJ_CLOSE: 'true',
    })
    expect(await argumentsUnder({ 'vars.TICKERS_PATH': 's3://b/list.csv' })).toMatchObject({
      args: ['--json'],
      variables: { TICKERS_PATH: 's3://b/list.csv' },
    })
    // The program itself leaves a variable aside where the dataset has no use for it.
    const both = { 'inputs.period': 'annual', 'vars.NO_ADJ_CLOSE': 'true' }
    expect(await argumentsUnder({ ...both, 'inputs.dataset': 'income' })).toMatchObject({
      args: ['--json', '--dataset=income'],
      variables: { STATEMENT_PERIOD: 'annual', NO_ADJ_CLOSE: 'true' },
    })
    expect((await argumentsUnder({ 'github.event.schedule': '17 12 * * 0' })).args).toEqual([
      '--json',
      '--dataset=fundamentals',
    ])
    // An input goes before the variable of the same meaning.
    expect(await argumentsUnder({ 'inputs.max_calls': '10', 'vars.MAX_CALLS': '240' })).toMatchObject({
      args: ['--json'],
      variables: { MAX_CALLS: '10' },
    })
    expect((await argumentsUnder({ 'inputs.dry_run': 'true' })).args).toEqual(['--json', '--dry-run'])
    expect((await argumentsUnder({ 'inputs.backfill_days': '1825' })).args).toEqual(['--json', '--backfill-days=1825'])
  })
})

/** Each fires whether the command before it succeeds or fails. */
const PAYLOADS = [
  'x; touch FIRED; #',
  'x"; touch FIRED; : "',
  "x'; touch FIRED; : '",
  '$(touch FIRED)',
  '`touch FIRED`',
  'x\ntouch FIRED\n',
  'x || touch FIRED && touch FIRED',
  'x & touch FIRED',
  '"$(touch FIRED)"',
  'x -eq 0 ]; touch FIRED; [ x',
  'a[$(touch FIRED)]',
  '--force',
  '-- --force',
  '* ?',
  '${IFS}--force',
  '%0A::error::x',
  '  ',
]

const TEXT_INPUTS = [
  ['inputs.from_date', '--from-date'],
  ['inputs.to_date', '--to-date'],
  ['inputs.backfill_days', '--backfill-days'],
  ['inputs.dataset', '--dataset'],
  ['inputs.accept', '--accept'],
  ['inputs.accept_session', '--accept-session'],
] as const

const TEXT_VARIABLES = [
  ['inputs.tickers_path', 'TICKERS_PATH'],
  ['inputs.period', 'STATEMENT_PERIOD'],
  ['inputs.max_calls', 'MAX_CALLS'],
  ['vars.MAX_CALLS', 'MAX_CALLS'],
  ['vars.TICKERS_PATH', 'TICKERS_PATH'],
  ['vars.NO_ADJ_CLOSE', 'NO_ADJ_CLOSE'],
  ['vars.MEND', 'MEND'],
  ['vars.AUDIT', 'AUDIT'],
  ['vars.TABLE', 'TABLE'],
] as const

async function fires(naive: string): Promise<boolean> {
  const workspace = await makeWorkspace('exit 0')
  await startScript(naive, { cwd: workspace, env: {} }).done
  return await Bun.file(join(workspace, 'FIRED')).exists()
}

describe('hostile input', () => {
  test.each(TEXT_INPUTS)('in %s is one argument, byte for byte', async (name, flag) => {
    const results = await Promise.all(
      PAYLOADS.map(async (payload, index) => ({ payload, ...(await argumentsUnder({ [name]: payload }, index % 2)) })),
    )
    for (const [index, { payload, args, hasFired, code }] of results.entries()) {
      expect({ payload, args, hasFired, code }).toEqual({
        payload,
        args: ['--json', `${flag}=${payload}`],
        hasFired: false,
        code: index % 2,
      })
    }
  })

  test.each(TEXT_VARIABLES)('in %s is one variable, byte for byte, and no argument', async (name, variable) => {
    for (const payload of PAYLOADS) {
      expect(await argumentsUnder({ [name]: payload })).toEqual({
        args: ['--json'],
        variables: { [variable]: payload },
        hasFired: false,
        code: 0,
      })
    }
  })

  test('in a box that is ticked or not is not ticked', async () => {
    const names = ['inputs.backfill', 'inputs.force', 'inputs.dry_run']
    const results = await Promise.all(
      PAYLOADS.map(async (payload) => await argumentsUnder(Object.fromEntries(names.map((name) => [name, payload])))),
    )
    for (const result of results) expect(result).toMatchObject({ args: ['--json'], hasFired: false })
  })

  test('would fire if it were pasted into the script: the payloads are live, after success and after failure', async () => {
    const live = PAYLOADS.filter((payload) => payload.includes('FIRED'))
    const results = await Promise.all(
      live.flatMap((payload) =>
        ['true', 'false'].map(async (command) => {
          const pasted = [`${command} ${payload}\n`, `${command} "${payload}"\n`, `${command} '${payload}'\n`]
          const fired = await Promise.all(pasted.map(async (naive) => await fires(`set +e\n${naive}`)))
          return { payload, command, isLive: fired.some(Boolean) }
        }),
      ),
    )
    expect(results.filter(({ isLive }) => !isLive)).toEqual([])
  })

  test('is refused by the program in words: exit 2, nothing called', async () => {
    await using stage = await setS3Stage({ bars: barsFor(['A', 'B', 'C'], DAY, DAY) })
    const { code, stderr } = await startReal(stage, { ...BY_HAND, 'inputs.from_date': '$(touch FIRED)\n::error::x' })
    expect({ code, calls: stage.fmp.requests.length }).toEqual({ code: 2, calls: 0 })
    expect(stderr).toContain('--from-date')
    expect(stderr.split('\n').filter((line) => line.startsWith('::'))).toHaveLength(1)
  })
})

/** The step over the real program and this stage; `tell` gets the metrics that it left, as text. */
async function startReal(
  stage: S3Stage,
  values: Values,
  onStart: (kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
) {
  const program = `exec '${process.execPath}' --no-env-file '${join(ROOT, 'ingest.ts')}' "$@" --now '${NOW}'`
  const workspace = await makeWorkspace(program)
  const summary = join(workspace, 'summary.md')
  const { kill, done } = start(
    workspace,
    { 'secrets.FMP_API_KEY': KEY, 'vars.S3_BUCKET': stage.s3.bucket, ...values },
    {
      ...stage.s3.env(),
      HOME: workspace,
      FMP_BASE_URL: stage.fmp.url,
      RATE_LIMIT_SECONDS: '0',
      GITHUB_ACTIONS: 'true',
      GITHUB_STEP_SUMMARY: summary,
    },
  )
  onStart(kill)
  const result = await done
  const [metrics, markdown] = await Promise.all(
    [join(workspace, 'metrics.json'), summary].map(async (file) => await Bun.file(file).text()),
  )
  return { ...result, metrics: metrics ?? '', markdown: markdown ?? '' }
}

describe('the step, with the real program', () => {
  test('stores what is missing, exits 0, and leaves metrics and summary', async () => {
    await using stage = await setS3Stage({ bars: barsFor(['A', 'B', 'C'], DAY, DAY) })
    const { code, stdout, stderr, metrics, markdown } = await startReal(stage, BY_HAND)
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(JSON.parse(metrics)).toMatchObject({ files_written: 3, errors: 0 })
    expect(markdown).toContain('✅ Ingestion Complete')
    expect(stderr).toContain('✅ Ingestion Complete')
  })

  test('is red exactly as the program is, with metrics', async () => {
    await using stage = await setS3Stage({ bars: barsFor(['A', 'B', 'C'], DAY, DAY) })
    stage.onRequest = ({ symbol }) =>
      symbol === 'B' ? new Response('{"Error Message":"no"}', { status: 402 }) : undefined
    const failed = await startReal(stage, BY_HAND)
    expect(failed.code).toBe(1)
    expect(JSON.parse(failed.metrics)).toMatchObject({ files_written: 2, errors: 1 })
    const short = await startReal(stage, { ...BY_HAND, 'vars.MAX_CALLS': '1' })
    expect(short.code).toBe(3)
    expect(JSON.parse(short.metrics)).toMatchObject({ stopped_by: 'budget' })
  })

  test('by hand shows a plan: no call, nothing written, and the command that carries it out', async () => {
    await using stage = await setS3Stage({ bars: barsFor(['A', 'B', 'C'], DAY, DAY) })
    const run = await startReal(stage, { ...BY_HAND, 'inputs.dry_run': 'true', 'inputs.max_calls': '4' })
    expect({ code: run.code, calls: stage.fmp.requests.length, keys: await stage.lake.keys() }).toEqual({
      code: 0,
      calls: 0,
      keys: [],
    })
    expect(JSON.parse(run.metrics)).toMatchObject({ calls: 6 })
    expect(run.markdown).toContain('## 📋 Dry Run: Nothing Was Fetched')
    expect(run.markdown).toContain('<code>gh workflow run ingest.yml -f max&#95;calls&#61;4</code>')
    expect(run.stderr).toContain('Calls: 6')
  })

  test('tells a monitor, whose address no log and no file shows', async () => {
    await using stage = await setS3Stage({ bars: barsFor(['A', 'B', 'C'], DAY, DAY) })
    const paths: string[] = []
    const monitor = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: (request) => {
        paths.push(new URL(request.url).pathname)
        return new Response()
      },
    })
    const token = 'c0ffee00-0000-4000-8000-00000000beef'
    const address = `http://127.0.0.1:${monitor.port}/${token}`
    const run = await startReal(stage, { ...BY_HAND, 'secrets.PING_URL': address })
    await monitor.stop(true)
    expect(paths).toEqual([`/${token}/start`, `/${token}`])
    for (const text of [run.stdout, run.stderr, run.metrics, run.markdown]) expect(text).not.toContain(token)
  })

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('gets a cancel (%s) at once, leaves metrics and exits %d', async (signal, expected) => {
    await using stage = await setS3Stage({ bars: barsFor(['A', 'B', 'C'], DAY, DAY) })
    const job: { cancel?: (signal: NodeJS.Signals) => void } = {}
    stage.s3.onRequest = ({ operation, key }) => {
      if (operation !== 'put' || !key.includes('symbol=B')) return undefined
      job.cancel?.(signal)
      return { action: 'delay', ms: 100 }
    }
    const { code, metrics, markdown } = await startReal(
      stage,
      { ...BY_HAND, 'vars.MAX_WORKERS': '1', 'vars.UPLOAD_CONCURRENCY': '1' },
      (kill) => {
        job.cancel = kill
      },
    )
    expect(code).toBe(expected)
    expect(JSON.parse(metrics)).toMatchObject({ interrupted: true, files_written: 2 })
    expect(markdown).toContain('🛑 Ingestion Interrupted')
    expect((await stage.lake.keys()).filter((key) => key.startsWith('logs/'))).toHaveLength(1)
  })
})

describe('the steps that look at the lake', () => {
  const [look, link] = [stepNamed(workflow, 'Look at the lake'), stepNamed(workflow, 'Link it in the summary')]

  /** The summary, the log and the files that a step leaves. */
  async function runOf({ run = '', ...rest }: typeof look, workspace: string, values: Values, env = {}) {
    const summary = join(workspace, 'summary.md')
    const result = await startScript(run, {
      cwd: workspace,
      env: {
        RUNNER_TEMP: workspace,
        GITHUB_STEP_SUMMARY: summary,
        HOME: workspace,
        ...environmentOf(rest, values),
        ...env,
      },
    }).done
    const files = [...new Bun.Glob('lake/*').scanSync({ cwd: workspace })].toSorted()
    return { ...result, files, markdown: await Bun.file(summary).text() }
  }

  test('leave findings, the page and two lines in the summary', async () => {
    await using stage = await setS3Stage({ bars: barsFor(['A', 'B'], '2024-09-09', DAY) })
    expect((await stage.run(['--tickers', 'A,B', '--from-date', '2024-09-09', '--to-date', DAY])).code).toBe(0)
    const program = `exec '${process.execPath}' --no-env-file '${join(ROOT, 'ingest.ts')}' "$@" --now '${NOW}'`
    const workspace = await makeWorkspace(program)
    const run = await runOf(look, workspace, { 'vars.S3_BUCKET': stage.s3.bucket }, stage.s3.env())
    expect(run).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(run.files).toEqual(['lake/coverage.html', 'lake/coverage.txt', 'lake/verify.txt'])
    expect(run.markdown).toMatch(
      /^### The lake\n\n {4}✅ Nothing wrong: 2 symbols.*\n {4}Wrote .*2 symbols, 12 sessions, 0 missing/,
    )
    expect(await Bun.file(join(workspace, 'lake/coverage.html')).text()).toStartWith('<!doctype html>')
  })

  test.each([
    [1, 0],
    [1, 1],
    [130, 2],
  ])('are green where the commands end with %d and %d, and say so', async (verified, covered) => {
    const program = `echo "# first"; echo "❌ last of $1" >&2; [ "$1" = verify ] && exit ${verified}; exit ${covered}`
    const { code, stdout, markdown } = await runOf(look, await makeWorkspace(program), {})
    expect(code).toBe(0)
    expect(stdout).toBe(
      `::warning title=The lake::ingest verify ended with exit code ${verified}, ingest coverage with ${covered}: see the summary.\n`,
    )
    expect(markdown).toBe('### The lake\n\n    ❌ last of verify\n    ❌ last of coverage\n')
  })

  test('link the artifact, or say that there is none', async () => {
    const workspace = await makeWorkspace('exit 0')
    const url = 'https://github.com/o/r/actions/runs/1/artifacts/2'
    const run = async (values: Values) => (await runOf(link, workspace, values)).markdown
    expect(await run({ 'steps.report.outputs.artifact-url': url })).toContain(`[Coverage page and findings](${url})`)
    expect(await run({})).toContain('could not be kept')
  })

  test('turn no night red, whatever becomes of them', () => {
    const names = ['Look at the lake', 'Keep what it says of the lake', 'Link it in the summary']
    for (const name of names) {
      const { if: condition = '', 'continue-on-error': isExcused } = stepNamed(workflow, name)
      expect(isExcused).toBe(true)
      expect(condition).toContain('!cancelled()')
    }
    expect(look.if).toContain(
      "steps.role.outcome == 'success' && (inputs.report || github.event.schedule == '17 12 * * 0')",
    )
  })
})
