// `ingest databricks` as a user runs it: what it writes, what it refuses, what it says.

import { describe, expect, test } from 'bun:test'
import { chmod, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { bundleFiles } from '../../lib/commands/databricks/bundle.ts'
import { disposableFolder, folderLake } from '../support/lakes/lake.ts'
import { runCli } from '../support/runs/process.ts'

const PATHS = [...bundleFiles({ bucket: 'b', prefix: 'raw', catalog: 'main' }).keys()].toSorted()

/** Every file under a folder with its text. */
async function textsOf(folder: string): Promise<Record<string, string>> {
  const lake = folderLake(folder)
  const entries = (await lake.keys()).map(async (key) => [key, await Bun.file(join(folder, key)).text()] as const)
  return Object.fromEntries(await Promise.all(entries))
}

describe.concurrent('ingest databricks', () => {
  test('writes the bundle for the bucket and says how to deploy and run it', async () => {
    await using temp = await disposableFolder()
    const args = ['databricks', 'my bundle', '--bucket', 'my-bucket', '--prefix', '/eod/raw/', '--catalog', 'markets']
    // What a flag overrides need not be right.
    const run = await runCli(args, { cwd: temp.path, env: { S3_BUCKET: 'Upper', S3_RAW_PREFIX: '..' } })
    expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: '' })
    expect(run.stdout).toContain("\n  cd 'my bundle'\n  databricks bundle deploy\n  databricks bundle run prices\n")
    const expected = bundleFiles({ bucket: 'my-bucket', prefix: 'eod/raw', catalog: 'markets' })
    expect(await textsOf(join(temp.path, 'my bundle'))).toEqual(Object.fromEntries(expected))
    expect(expected.get('databricks.yml')).toContain('s3://my-bucket/eod/raw\n')
  })

  test('takes bucket and prefix from the environment, and ./databricks for the folder', async () => {
    await using temp = await disposableFolder()
    const run = await runCli(['databricks'], { cwd: temp.path, env: { S3_BUCKET: 'env-bucket', S3_RAW_PREFIX: 'p' } })
    expect(run.code).toBe(0)
    const bundle = await Bun.file(join(temp.path, 'databricks/databricks.yml')).text()
    expect(bundle).toContain('default: s3://env-bucket/p\n')
    expect(bundle).toContain("default: 'main'\n")
    expect(await readdir(temp.path)).toEqual(['databricks'])
    expect((await readdir(join(temp.path, 'databricks'))).toSorted()).toEqual([
      'README.md',
      'databricks.yml',
      'resources',
      'sql',
    ])
  })

  test('without a bucket says what is missing', async () => {
    await using temp = await disposableFolder()
    const run = await runCli(['databricks', '.'], { cwd: temp.path, env: { S3_BUCKET: '' } })
    expect(run.code).toBe(0)
    expect(run.stdout).toContain('raw_root in databricks.yml is marked MISSING')
    expect(run.stdout).toContain('--var raw_root=')
  })

  test('writes over nothing, names all that is there, and with --force writes over it', async () => {
    await using temp = await disposableFolder()
    const folder = join(temp.path, 'b')
    const own = ['README.md', 'sql/warehouse/10_tables.sql']
    for (const path of own) await Bun.write(join(folder, path), 'mine')
    const refused = await runCli(['databricks', folder, '--bucket', 'my-bucket'])
    expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 1, stdout: '' })
    expect(refused.stderr).toContain('2 files are there already, nothing was written.')
    for (const path of own) expect(refused.stderr).toContain(`\n  ${join(folder, path)}\n`)
    expect(refused.stderr).toContain('--force')
    expect(await textsOf(folder)).toEqual(Object.fromEntries(own.map((path) => [path, 'mine'])))

    const forced = await runCli(['databricks', folder, '--bucket', 'my-bucket', '--force'])
    expect(forced.code).toBe(0)
    const texts = await textsOf(folder)
    expect(Object.keys(texts)).toEqual(PATHS)
    expect(Object.values(texts)).not.toContain('mine')
  })

  test.each([
    ['hard links', {}],
    ['none', { NO_LINKS: '1' }],
  ])('on a file system with %s writes over no file that comes up meanwhile', async (_name, env) => {
    await using temp = await disposableFolder()
    const folder = join(temp.path, 'b')
    const theirs = join(folder, 'sql/warehouse/10_tables.sql')
    const preload = 'test/support/runs/rival.ts'
    const run = await runCli(['databricks', folder], { preload, env: { ...env, RIVAL_FILE: theirs } })
    expect({ code: run.code, stdout: run.stdout }).toEqual({ code: 1, stdout: '' })
    expect(run.stderr).toContain(`One file is there already, nothing was written.`)
    expect(run.stderr).toContain(`\n  ${theirs}\n`)
    expect(await textsOf(folder)).toEqual({ 'sql/warehouse/10_tables.sql': 'theirs' })

    const alone = await runCli(['databricks', join(temp.path, 'c')], { preload, env })
    expect({ code: alone.code, stderr: alone.stderr }).toEqual({ code: 0, stderr: '' })
    expect(Object.keys(await textsOf(join(temp.path, 'c')))).toEqual(PATHS)
  })

  test.each<[string, readonly string[], Readonly<Record<string, string>>, readonly string[]]>([
    [
      'all that is wrong with a command line at once',
      ['s3://b/x', 'y', '--bucket', 's3://b', '--prefix', '../up', '--catalog', 'a.b', '--catalog', 'c'].concat(
        '--bukcet',
        'b',
        '--dir',
        'x',
        '--force=1',
        '--out',
      ),
      {},
      [
        'DIR is "s3://b/x"',
        '"y"',
        '--bucket is "s3://b"',
        '--prefix is "../up"',
        '--catalog is "a.b"',
        'more than once',
      ].concat('unknown option --bukcet (did you mean --bucket?)', 'unknown option --dir', '--force takes no', '--out'),
    ],
    [
      'a malformed environment',
      ['--catalog'],
      { S3_BUCKET: 'Up', S3_RAW_PREFIX: 'a//b' },
      ['S3_BUCKET', 'S3_RAW_PREFIX'],
    ],
  ])('refuses %s: exit 2, nothing written', async (_name, args, env, words) => {
    await using temp = await disposableFolder()
    const run = await runCli(['databricks', ...args], { cwd: temp.path, env })
    expect({ code: run.code, stdout: run.stdout }).toEqual({ code: 2, stdout: '' })
    for (const word of words) expect(run.stderr).toContain(word)
    expect(await readdir(temp.path)).toEqual([])
  })

  test('says where and why it cannot write, and leaves nothing half done', async () => {
    await using temp = await disposableFolder()
    await Bun.write(join(temp.path, 'file'), 'x')
    const within = await runCli(['databricks', join(temp.path, 'file/b')])
    expect(within.code).toBe(1)
    expect(within.stderr).toContain('a file stands where a folder is needed')
    expect(within.stderr).toContain('no file was written')

    await Bun.write(join(temp.path, 'b/sql'), 'x')
    const blocked = await runCli(['databricks', join(temp.path, 'b')])
    expect(blocked.code).toBe(1)
    expect(blocked.stderr).toContain(join(temp.path, 'b/sql'))
    expect(await folderLake(join(temp.path, 'b')).keys()).toEqual(['sql'])

    await mkdir(join(temp.path, 'c/databricks.yml'), { recursive: true })
    const folder = await runCli(['databricks', join(temp.path, 'c'), '--force'])
    expect(folder.code).toBe(1)
    expect(folder.stderr).toContain('a folder stands where a file is to go')
    expect(await folderLake(join(temp.path, 'c')).keys()).toEqual([])
  })

  test.skipIf(process.getuid?.() === 0)('says that it may not write', async () => {
    await using temp = await disposableFolder()
    await chmod(temp.path, 0o500)
    const run = await runCli(['databricks', join(temp.path, 'b')])
    await chmod(temp.path, 0o700)
    expect(run.code).toBe(1)
    expect(run.stderr).toContain('permission denied')
  })
})
