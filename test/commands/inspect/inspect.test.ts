// How a command that looks at a lake starts and ends, shown by `ingest status`: settings, store, exit codes, output.

import { describe, expect, test } from 'bun:test'
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { disposableFolder, folderLake } from '../../support/lakes/lake.ts'
import { putPrices, rowsFor } from '../../support/lakes/price-files.ts'
import { ROOT, runCli } from '../../support/runs/process.ts'
import { setS3Stage, setStage } from '../../support/runs/stage.ts'

const DAY = '2024-09-16'
const NOW = '2024-09-17T13:00:00Z'

describe.concurrent('a command that looks at a lake', () => {
  test('needs no more than the rights to list and to read', async () => {
    await using stage = await setS3Stage()
    await putPrices(stage.lake, rowsFor('A', '2024-09-03', DAY), 'year')
    stage.s3.denied.add('s3:PutObject')
    expect((await stage.run(['status'])).code).toBe(0)
    expect(stage.s3.requests.filter(({ method }) => method !== 'GET')).toEqual([])
  })

  test.each([
    ['s3:ListBucket', 'access denied to s3:ListBucket'],
    ['s3:GetObject', 'access denied to s3:GetObject'],
  ])('without the right to %s fails, and says which it needs', async (right, says) => {
    await using stage = await setS3Stage()
    await putPrices(stage.lake, rowsFor('A', '2024-09-03', DAY), 'year')
    stage.s3.denied.add(right)
    const run = await stage.run(['status'])
    expect(run).toMatchObject({ code: 3, stdout: '' })
    expect(run.stderr).toStartWith('❌ ')
    expect(run.stderr).toContain(says)
  })

  test('refuses a folder that is not there, and makes none', async () => {
    await using stage = await setStage()
    const run = await stage.run(['status'])
    expect(run).toMatchObject({ code: 3, stdout: '' })
    expect(run.stderr).toBe(`❌ ${stage.lake.out}: there is no such folder. Name the folder of the lake with --out.\n`)
    expect(await Bun.file(stage.lake.out).exists()).toBe(false)
  })

  test('looks at a folder that nobody may write to', async () => {
    await using temp = await disposableFolder()
    await putPrices(folderLake(temp.path), rowsFor('A', DAY, DAY), 'day')
    await chmod(temp.path, 0o555)
    const run = await runCli(['status', '--out', temp.path, '--now', NOW])
    await chmod(temp.path, 0o755)
    expect(run).toMatchObject({ code: 0, stderr: '' })
  })

  test('looks at a lake of the demo, whose files another creator has written', async () => {
    await using stage = await setStage()
    await putPrices(stage.lake, rowsFor('A', DAY, DAY), 'year')
    expect((await stage.run(['status'])).code).toBe(0)
    await stage.lake.put('DEMO.txt', new TextEncoder().encode('a demo'))
    expect((await stage.run(['status'])).stdout).toContain('1 of them without a stored session')
  })

  test.each([
    [['--bogus', '--max-behind', 'x'], '❌ 2 problems, nothing was called (see --help):'],
    [['--tickers-path', 'nowhere.csv'], '❌ There is no ticker list at nowhere.csv.'],
    [['--now', '2100-01-01T00:00:00Z'], 'the calendar XNYS, which covers 1990 to 2035'],
  ])('%j is a usage error', async (args, says) => {
    await using stage = await setStage()
    const run = await stage.run(['status', ...args])
    expect(run).toMatchObject({ code: 2, stdout: '' })
    expect(run.stderr).toContain(says)
  })

  test('reads the file of variables, as a run does', async () => {
    await using temp = await disposableFolder()
    const path = join(temp.path, 'variables')
    await Bun.write(path, `S3_RAW_PREFIX=eod\nTICKERS_PATH=${temp.path}/list.csv\n`)
    await chmod(path, 0o600)
    await Bun.write(join(temp.path, 'list.csv'), 'A\nB\n')
    const run = await runCli(['status', '--out', temp.path, '--now', NOW, '--env-file', path, '--json'])
    expect(run).toMatchObject({ code: 1, stderr: '' })
    expect(JSON.parse(run.stdout)).toMatchObject({ symbols: 2, symbols_stored: 0 })
  })

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s ends at once, with exit code %d', async (signal, code) => {
    await using stage = await setS3Stage()
    const running = stage.spawn(['status'])
    stage.s3.onRequest = () => {
      running.kill(signal)
      return { action: 'hang' }
    }
    const run = await running.done
    expect(run).toMatchObject({ code, stdout: '' })
    expect(run.stderr).toContain(`Interrupted by ${signal}.`)
  })

  test('ends quietly where nobody reads its output', async () => {
    await using temp = await disposableFolder()
    await mkdir(join(temp.path, 'raw'))
    const line = `${process.execPath} --no-env-file ingest.ts status --json --out ${temp.path} | true; echo \${PIPESTATUS[0]}`
    const shell = Bun.spawn(['bash', '-c', line], { cwd: ROOT, stdout: 'pipe', stderr: 'pipe' })
    const [stdout, stderr] = await Promise.all([shell.stdout.text(), shell.stderr.text()])
    expect({ stdout, stderr }).toEqual({ stdout: '141\n', stderr: '' })
  })

  test('shows no secret', async () => {
    await using stage = await setStage()
    const secret = 'A-secret-0123456789'
    const run = await stage.run(['status', '--out', `/nowhere/${secret}`], { env: { FMP_API_KEY: secret } })
    expect(run.code).toBe(3)
    expect(run.stderr).toStartWith('❌ /nowhere/[redacted]: there is no such folder')
  })
})
