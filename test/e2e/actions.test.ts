// The real program as a step of GitHub Actions: what its log, its annotations and its step summary say.

import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { KEY } from '../support/runs/in-process.ts'
import { barsFor, iso } from '../support/bars.ts'
import { runCli } from '../support/runs/process.ts'
import { setS3Stage, setStage, type RunOptions, type Stage } from '../support/runs/stage.ts'
import { makeTempFolder } from '../support/lakes/temp-folder.ts'

const DAY = '2024-09-16'

/** `how` is a run in this process unless told. */
async function runInActions(
  stage: Stage,
  args: readonly string[],
  options: RunOptions = {},
  how: 'start' | 'spawn' = 'start',
) {
  const folder = await makeTempFolder()
  const file = join(folder.path, 'step-summary.md')
  // GitHub makes the file, and a step before this one may have said something in it.
  await Bun.write(file, '# From before\n')
  const env = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: file, ...options.env }
  const run = await stage[how](args, { ...options, env }).done
  const summary = await Bun.file(file).text()
  await folder.remove()
  return { ...run, summary, annotations: run.stderr.split('\n').filter((line) => line.startsWith('::')) }
}

const seen = (markdown: string): string =>
  markdown.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))

describe.concurrent('in GitHub Actions', () => {
  test('a good run leaves a summary and no annotation', async () => {
    await using stage = await setS3Stage({ bars: barsFor(['A', 'B'], DAY, DAY) })
    const run = await runInActions(stage, ['--tickers', 'A,B'])
    expect(run).toMatchObject({ code: 0, annotations: [] })
    expect(run.summary).toStartWith('# From before\n## ✅ Ingestion Complete\n')
    expect(seen(run.summary)).toContain(`Metrics: ${stage.lake.out}/${run.metricsKey}`)
    expect(run.summary).not.toContain('console.aws')
  })

  test('a failed symbol is an annotation, a row of the summary and the same line as everywhere', async () => {
    const bars = barsFor(['A', 'B'], '2024-09-10', DAY)
    bars['B'] = bars['B']?.filter(({ date }) => date !== iso('2024-09-12')) ?? []
    await using stage = await setStage({ bars })
    const text = 'Error\n::error::evil | <img src=x>\r\n##[warning]x'
    stage.onRequest = ({ symbol }) =>
      symbol === 'A' ? Response.json({ 'Error Message': text }, { status: 402 }) : undefined
    const run = await runInActions(stage, ['--tickers', 'A,B', '--from-date', '2024-09-10', '--to-date', DAY])
    expect(run.code).toBe(1)
    expect(run.stderr).toMatch(/^❌ A: /m)
    expect(run.annotations).toHaveLength(1)
    expect(run.annotations[0]).toMatch(/^::error title=A::A: .*plan/)
    expect(seen(run.summary)).toMatch(/### Failed symbols \(1\)\n\n.*\n.*\n\| A \| .*plan/)
    expect(seen(run.summary)).toContain('| B | 2024-09-12 |')
    expect(run.summary).not.toContain('<img')
  })

  test('with --json stdout is the document alone, and the log has the summary', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], DAY, DAY) })
    const run = await runInActions(stage, ['--tickers', 'A', '--json'])
    expect(JSON.parse(run.stdout)).toMatchObject({ files_written: 1 })
    expect(run.stderr).toContain('✅ Ingestion Complete\n')
    const quiet = await runInActions(stage, ['--tickers', 'A', '--json', '--quiet', '--force'])
    expect(quiet).toMatchObject({ code: 0, stderr: '' })
    const elsewhere = await stage.run(['--tickers', 'A', '--json', '--quiet', '--force'])
    expect(elsewhere.stderr).toBe('')
  })

  test('a run that a budget ends is red and says so', async () => {
    await using stage = await setStage({ bars: barsFor(['A', 'B'], DAY, DAY) })
    const env = { JOB_TIMEOUT_MINUTES: '200', ROLE_DURATION_SECONDS: '3600', RATE_LIMIT_SECONDS: '3600' }
    const run = await runInActions(stage, ['--tickers', 'A,B', '--max-calls', '1'], { env })
    expect(run.code).toBe(3)
    expect(run.annotations).toEqual([expect.stringMatching(/^::error title=Ingestion::.*--max-calls/)])
    expect(run.summary).toContain('## 🛑 Ingestion Stopped Early')
    // Four calls, one an hour, do not fit into the job nor into the role's time: said in the log and in the summary.
    expect(run.stderr).toMatch(/⚠️ The calls take 4 h, but this job is ended after 200 min/)
    expect(seen(run.summary)).toMatch(/> ⚠️ The calls take 4 h, but the role's credentials expire after 1 h/)
  })

  test('what ends the program before its run is an annotation and a summary too, without the key', async () => {
    await using stage = await setStage()
    const typo = await runInActions(
      stage,
      ['--tickers', 'A', '--from-date', '2024-13-01', '--lookback', '0'],
      {},
      'spawn',
    )
    expect(typo).toMatchObject({ code: 2, requests: [], stdout: '' })
    expect(typo.annotations).toHaveLength(1)
    expect(typo.annotations[0]).toMatch(/^::error title=Ingestion::.*%0A .*--from-date.*%0A .*--lookback/)
    expect(seen(typo.summary)).toMatch(/## ❌ Nothing Was Ingested[^]*--from-date[^]*<br>\n.*--lookback/)
    const wrong = await runInActions(stage, ['--tickers', 'A', '--from-date', KEY], {}, 'spawn')
    expect(`${wrong.stderr}${wrong.summary}`).not.toContain(KEY)
  })

  test('an error of the run, the lost metrics and a symbol that is a secret are told without the secret', async () => {
    await using stage = await setS3Stage({ bars: barsFor(['A'], DAY, DAY) })
    // A vendor that repeats the key, and a list that has it by mistake.
    const listed = 'ABCD1234EFGH5678'
    stage.onRequest = () => Response.json({ 'Error Message': `Invalid API KEY ${listed}.` }, { status: 401 })
    stage.s3.onRequest = ({ operation, key }) =>
      operation === 'put' && key.startsWith('logs/')
        ? { action: 'reply', status: 403, code: 'AccessDenied', message: `no right for ${listed}` }
        : undefined
    const env = { FMP_API_KEY: listed }
    const run = await runInActions(stage, ['--tickers', `A,${listed}`], { env, isShared: true })
    expect(run.code).toBe(1)
    expect(run.annotations).toHaveLength(2)
    expect(run.annotations[0]).toMatch(/^::error title=Ingestion::.*key/)
    expect(run.annotations[1]).toMatch(/^::error title=Ingestion::.*access denied/)
    expect(seen(run.summary)).toMatch(/> ❌ .*key[^]*> ❌ .*access denied[^]*Metrics: could not be written/)
    expect(run.summary).toContain('&#91;redacted&#93;')
    expect(`${run.stdout}${run.stderr}${run.summary}`).not.toContain(listed)
  })

  test('a summary that cannot be written is a warning, and a wrong setting of the job an error', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], DAY, DAY) })
    const env = { GITHUB_STEP_SUMMARY: '/dev/null/nowhere' }
    const run = await runInActions(stage, ['--tickers', 'A'], { env })
    expect(run.code).toBe(0)
    expect(run.stderr).toMatch(/⚠️ The step summary could not be written to \/dev\/null\/nowhere \(ENOTDIR\)/)
    const wrong = await runInActions(stage, ['--tickers', 'A'], { env: { JOB_TIMEOUT_MINUTES: 'soon' } })
    expect(wrong.code).toBe(2)
    expect(wrong.stderr).toContain('JOB_TIMEOUT_MINUTES is "soon", expected a whole number of minutes')
  })

  test('elsewhere nothing of this is said, whatever is in the environment', async () => {
    const folder = await makeTempFolder()
    const file = join(folder.path, 'summary.md')
    const env = { GITHUB_STEP_SUMMARY: file, JOB_TIMEOUT_MINUTES: 'soon' }
    const { code, stderr } = await runCli(['--tickers', 'A', '--from-date', 'x', '--out', folder.path], { env })
    expect(code).toBe(2)
    expect(stderr).not.toContain('::')
    expect(stderr).not.toContain('JOB_TIMEOUT_MINUTES')
    expect(await Bun.file(file).exists()).toBe(false)
    await folder.remove()
  })
})
