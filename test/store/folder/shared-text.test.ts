// What only the folder store does with a shared text: a file for each version.
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { openFolderStore } from '../../../lib/store/folder/folder.ts'
import { TEMP_FOLDER } from '../../../lib/store/folder/temp-files.ts'
import type { SharedText } from '../../../lib/store/store.ts'
import { makeTempFolder, type TempFolder } from '../../support/lakes/temp-folder.ts'
import { failureOf } from '../../support/values.ts'

const KEY = 'logs/ingest/ledger/date=2026-11-28/7f83b1657ff1fc53.json'
const FOLDER = KEY.slice(0, -'.json'.length)

let temp: TempFolder
let lake: string
let text: SharedText
beforeEach(async () => {
  temp = await makeTempFolder()
  lake = join(temp.path, 'lake')
  text = await openText()
})
afterEach(() => temp.remove())

async function openText(): Promise<SharedText> {
  return (await openFolderStore({ folder: lake, nowMs: Date.now })).sharedText(KEY)
}

async function writeTimes(times: number): Promise<void> {
  for (let round = 1; round <= times; round += 1) {
    expect(await text.write(`text ${round}`, (await text.read()).version)).toBe(true)
  }
}

const versions = async (): Promise<string[]> => (await readdir(join(lake, FOLDER))).toSorted()

test('each version is a file of its own, and the greatest number counts', async () => {
  await writeTimes(3)
  expect(await versions()).toEqual(['00000001.json', '00000002.json', '00000003.json'])
  expect(await Bun.file(join(lake, FOLDER, '00000002.json')).text()).toBe('text 2')
  await Bun.write(join(lake, FOLDER, '00000007.json'), 'text 7')
  expect(await text.read()).toMatchObject({ text: 'text 7', version: '7' })
})

test('the newest seventeen versions are kept', async () => {
  await writeTimes(40)
  expect(await versions()).toEqual(Array.from({ length: 17 }, (_, index) => `000000${24 + index}.json`))
})

test('a process that has slept for more versions than are kept is refused, though its number is free', async () => {
  await writeTimes(2)
  const { version } = await text.read()
  const sleeper = await openText()
  await writeTimes(30)
  expect(await versions()).not.toContain('00000003.json')
  expect(await sleeper.write('late', version)).toBe(false)
  expect((await text.read()).text).toBe('text 30')
  // What it has written is gone with the next version.
  await writeTimes(1)
  expect(await versions()).not.toContain('00000003.json')
})

test('other files in the folder are none of its versions, and stay', async () => {
  await writeTimes(1)
  for (const name of ['.00000009.json', '9.json', '00000009.json.bak', 'notes.txt']) {
    await Bun.write(join(lake, FOLDER, name), 'x')
  }
  expect((await text.read()).version).toBe('1')
  await writeTimes(30)
  expect(await versions()).toContain('notes.txt')
})

test('nothing temporary is left', async () => {
  await writeTimes(2)
  expect(await text.write('late', '0')).toBe(false)
  expect(await readdir(join(lake, TEMP_FOLDER))).toEqual([])
  expect(await versions()).toHaveLength(2)
})

test('whoever only looks makes nothing, not even the folder of the lake', async () => {
  expect(await text.look()).toEqual({ text: undefined, time: undefined })
  expect(await readdir(temp.path)).toEqual([])
  await writeTimes(2)
  expect((await text.look()).text).toBe('text 2')
})

test('a file where the folder has to be is an error that names it', async () => {
  await text.read()
  await Bun.write(join(lake, FOLDER), 'x')
  for (const run of [() => text.read(), () => text.look(), () => text.write('one', '0')]) {
    const error = await failureOf(run())
    expect(error.kind).toBe('store')
    expect(error.message).toContain(FOLDER)
  }
})
