import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { chmod, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { openEffects } from '../../lib/commands/effects.ts'
import { configOf, failureOf } from '../support/values.ts'
import { makeTempFolder, type TempFolder } from '../support/lakes/temp-folder.ts'

const user = new AbortController()
const effects = openEffects({ version: '1.2.3', stop: user, interruption: user.signal, encoderScript: '' })
const isRoot = process.getuid?.() === 0

let temp: TempFolder
beforeEach(async () => {
  temp = await makeTempFolder()
})
afterEach(() => temp.remove())

const read = async (name: string, maxBytes = 100) => await effects.readTextFile(join(temp.path, name), maxBytes)

describe('readTextFile()', () => {
  test('reads a file up to its cap', async () => {
    await Bun.write(join(temp.path, 'list.csv'), 'Ä'.repeat(50))
    expect(await read('list.csv')).toBe('Ä'.repeat(50))
  })

  test('reads an empty file as an empty text, and none as nothing', async () => {
    await Bun.write(join(temp.path, 'empty.csv'), '')
    expect(await read('empty.csv')).toBe('')
    expect(await read('absent.csv')).toBeUndefined()
    expect(await read('absent/list.csv')).toBeUndefined()
  })

  test('refuses one that is larger, and says how much may be', async () => {
    await Bun.write(join(temp.path, 'list.csv'), 'x'.repeat(101))
    const error = await failureOf(read('list.csv'))
    expect(error).toMatchObject({ kind: 'usage', scope: 'run' })
    expect(error.message).toContain('list.csv')
    expect(error.message).toContain('100')
  })

  test('refuses a folder, and a path through a file', async () => {
    await mkdir(join(temp.path, 'folder'))
    await Bun.write(join(temp.path, 'file'), 'x')
    for (const [name, code] of [
      ['folder', 'EISDIR'],
      ['file/list.csv', 'ENOTDIR'],
    ] as const) {
      const error = await failureOf(read(name, 1_000_000))
      expect(error).toMatchObject({ kind: 'usage', scope: 'run' })
      expect(error.message).toContain(code)
      expect(error.message).toContain(name)
      expect(error.hint).toContain('--tickers-path')
    }
  })

  test.skipIf(isRoot)('refuses one that may not be read', async () => {
    await Bun.write(join(temp.path, 'list.csv'), 'A')
    await chmod(join(temp.path, 'list.csv'), 0o000)
    expect((await failureOf(read('list.csv'))).message).toContain('EACCES')
  })

  test.skipIf(process.platform !== 'linux')('never takes more than the cap from what tells no size', async () => {
    expect(await failureOf(effects.readTextFile('/proc/self/status', 100))).toMatchObject({ kind: 'usage' })
  })
})

describe('the clock', () => {
  test('never runs backwards', () => {
    const first = effects.clock.elapsedMs()
    expect(effects.clock.elapsedMs()).toBeGreaterThanOrEqual(first)
  })

  test('wakes at once when the signal has aborted, before or meanwhile', async () => {
    const stop = new AbortController()
    const started = effects.clock.elapsedMs()
    const sleeping = effects.clock.sleep(60_000, stop.signal)
    stop.abort()
    await sleeping
    await effects.clock.sleep(60_000, stop.signal)
    expect(effects.clock.elapsedMs() - started).toBeLessThan(60_000)
  })
})

test('openStore() opens a folder to plan, and writes nothing', async () => {
  const folder = join(temp.path, 'lake')
  const options = { runUuid: 'x', onWarning: () => undefined, access: 'plan' } as const
  const store = await effects.openStore({ kind: 'folder', folder }, configOf(), options)
  expect(store.locate('a')).toBe(join(folder, 'a'))
  expect(await store.list('raw/')).toEqual([])
  expect(await Bun.file(folder).exists()).toBe(false)
  expect(await store.create('a/b', new Uint8Array([1]), {})).toBe('created')
})

test('openStore() opens a folder to write by preparing it, and one to read only where it is', async () => {
  const target = { kind: 'folder', folder: join(temp.path, 'lake') } as const
  const options = { runUuid: 'x', onWarning: () => undefined }
  const refused = await failureOf(effects.openStore(target, configOf(), { ...options, access: 'read' }))
  expect(refused.message).toBe(`${target.folder}: there is no such folder`)
  await effects.openStore(target, configOf(), { ...options, access: 'write' })
  expect(await readdir(target.folder)).toEqual(['.ingest-tmp'])
  await effects.openStore(target, configOf(), { ...options, access: 'read' })
})
