// Files that wait for the program where it is going to write: links to somewhere else, folders, things left by others.

import { describe, expect, test } from 'bun:test'
import { lstat, mkdir, readdir, readlink, stat, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { disposableFolder, folderLake } from '../support/lakes/lake.ts'
import { barsFor, dayKey } from '../support/bars.ts'
import { setStage, type Stage } from '../support/runs/stage.ts'

const DAY = '2024-09-16'
const METRICS = 'logs/ingest/date=2024-09-17/run-1726578000.json'
const PRECIOUS = 'not to be touched'

async function setVictim() {
  const stage = await setStage({ bars: barsFor(['A'], DAY, DAY) })
  const folder = await disposableFolder()
  const victim = join(folder.path, 'victim')
  await Bun.write(victim, PRECIOUS)
  const lake = join(folder.path, 'lake')
  return {
    stage,
    lake,
    victim,
    /** Puts a link where the program wants a file. */
    lure: async (key: string, target = victim) => {
      await mkdir(dirname(join(lake, key)), { recursive: true })
      await symlink(target, join(lake, key))
    },
    run: async (...args: string[]) => await runOver(stage, lake, args),
    async [Symbol.asyncDispose]() {
      await stage[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

async function runOver(stage: Stage, lake: string, args: readonly string[]) {
  return await stage.run(['--tickers', 'A', '--out', lake, ...args], { isShared: true })
}

describe.concurrent('a symbolic link', () => {
  test.each([
    ['to a file', false],
    ['to nowhere', true],
  ])('%s at the metrics’ path is not followed: the next free name is taken', async (_name, isDangling) => {
    await using place = await setVictim()
    const target = isDangling ? `${place.victim}-that-is-not-there` : place.victim
    await place.lure(METRICS, target)
    const run = await place.run()
    expect(run.code).toBe(0)
    expect(run.stdout).toContain('run-1726578000-2.json')
    expect(await readlink(join(place.lake, METRICS))).toBe(target)
    expect(await Bun.file(place.victim).text()).toBe(PRECIOUS)
    expect(await readdir(dirname(place.victim))).toHaveLength(2)
  })

  test('at a price file’s path is not followed, and with --force replaced itself', async () => {
    await using place = await setVictim()
    await place.lure(dayKey('A', DAY))
    const run = await place.run()
    expect(run.code).toBe(1)
    expect(run.stderr).toMatch(
      /^❌ A: .*A-2024-09-16\.parquet is taken by something that is no regular file.*remove it/m,
    )
    expect(await readlink(join(place.lake, dayKey('A', DAY)))).toBe(place.victim)
    expect(await Bun.file(place.victim).text()).toBe(PRECIOUS)
    const forced = await place.run('--force')
    expect(forced.code).toBe(0)
    expect(await Bun.file(place.victim).text()).toBe(PRECIOUS)
    expect((await lstat(join(place.lake, dayKey('A', DAY)))).isFile()).toBe(true)
  })

  test.each([['.ingest-tmp']])(
    'at %s is refused before any call: temporary files would go through it',
    async (name) => {
      await using place = await setVictim()
      const elsewhere = `${place.victim}-folder`
      await mkdir(elsewhere)
      await place.lure(name, elsewhere)
      const run = await place.run()
      expect({ code: run.code, calls: place.stage.fmp.requests.length }).toEqual({ code: 1, calls: 0 })
      expect(run.stderr).toMatch(/^❌ .*\.ingest-tmp is not a folder of its own.*Remove it/m)
      expect(await readdir(elsewhere)).toEqual([])
    },
  )
})

describe.concurrent('what stands in the way', () => {
  test('a folder at the metrics’ path: another name, or an error with exit 1, and the data stays', async () => {
    await using place = await setVictim()
    await mkdir(join(place.lake, METRICS), { recursive: true })
    const run = await place.run()
    expect(run.code).toBe(0)
    expect(run.stdout).toContain('run-1726578000-2.json')
    expect(await Bun.file(join(place.lake, dayKey('A', DAY))).exists()).toBe(true)
  })

  test('a folder at a price file’s path: an error that names it, exit 1, and metrics', async () => {
    await using place = await setVictim()
    await mkdir(join(place.lake, dayKey('A', DAY)), { recursive: true })
    const run = await place.run('--force')
    expect(run.code).toBe(1)
    expect(run.stderr).toMatch(/A-2024-09-16\.parquet: a folder stands where a file is to go \(EISDIR\)/)
    expect(await folderLake(place.lake).keys()).toEqual([METRICS])
  })
})

test('files have the user’s own rights, folders too, and nothing is left in the temporary folder', async () => {
  await using place = await setVictim()
  const run = await place.run()
  expect(run.code).toBe(0)
  const umask = process.umask()
  for (const key of [METRICS, dayKey('A', DAY)]) {
    const { mode } = await stat(join(place.lake, key))
    expect((mode & 0o777).toString(8)).toBe((0o666 & ~umask).toString(8))
  }
  expect(await readdir(join(place.lake, '.ingest-tmp')).catch(() => [])).toEqual([])
})
