import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { prepareTempFolder, shareSyncs, syncUpwards } from '../../../lib/store/folder/temp-files.ts'
import { forRandomRuns } from '../../support/random.ts'
import { makeTempFolder } from '../../support/lakes/temp-folder.ts'

test('a folder that is made for the store has a name on the disk, as have those made above it', async () => {
  const { path, remove } = await makeTempFolder()
  const synced: string[] = []
  const sync = async (folder: string) => void synced.push(folder)
  const tempFolder = join(path, 'new/lake/.ingest-tmp')
  await prepareTempFolder(tempFolder, Date.now(), sync)
  expect(synced).toEqual([join(path, 'new/lake'), join(path, 'new'), path])
  await prepareTempFolder(tempFolder, Date.now(), sync)
  expect(synced).toHaveLength(3)
  await remove()
})

test.each([
  ['up to the folder that is named', '/lake/a/b', '/lake', ['/lake/a/b', '/lake/a', '/lake']],
  ['of one folder', '/lake', '/lake', ['/lake']],
  ['up to the root', '/lake', '/', ['/lake', '/']],
  ['whose end is spelled in another way', '/lake/a', '/lake/x/../', ['/lake/a', '/lake']],
  ['whose end is no ancestor', '/lake/a', '/lak', ['/lake/a']],
  ['whose end is below', '/lake', '/lake/a', ['/lake']],
])('syncs upwards %s come to an end', async (_, from, to, expected) => {
  const synced: string[] = []
  await syncUpwards(from, to, async (folder) => void synced.push(folder))
  expect(synced).toEqual(expected)
})

describe('shared syncs', () => {
  test('cover whatever was there when they were asked for, whoever else asks, in as few syncs as may be', async () => {
    await forRandomRuns('syncs', 30, async (random) => {
      const names = new Set<number>()
      const safe = new Set<number>()
      let syncs = 0
      const sync = shareSyncs(async () => {
        syncs += 1
        // What a sync makes safe is what was there when it began.
        const covered = [...names]
        for (let turns = Math.floor(random() * 3); turns >= 0; turns -= 1) await Bun.sleep(0)
        for (const name of covered) safe.add(name)
      })
      const files = Array.from({ length: 200 }, async (_, name) => {
        for (let turns = Math.floor(random() * 6); turns > 0; turns -= 1) await Bun.sleep(0)
        names.add(name)
        await sync('the folder')
        return safe.has(name)
      })
      expect(await Promise.all(files)).toEqual(files.map(() => true))
      expect(syncs).toBeLessThan(40)
    })
  })

  test('of different folders do not wait for each other', async () => {
    const begun: string[] = []
    const ends = new Map<string, () => void>()
    const sync = shareSyncs(async (path) => {
      begun.push(path)
      await new Promise<void>((resolve) => ends.set(path, resolve))
    })
    const both = [sync('a'), sync('b')]
    await Bun.sleep(0)
    expect(begun).toEqual(['a', 'b'])
    for (const end of ends.values()) end()
    await Promise.all(both)
  })

  test('that fail tell all who waited for them, and nobody after', async () => {
    let fails = true
    const sync = shareSyncs(async () => {
      await Bun.sleep(0)
      if (fails) throw new Error('EIO')
    })
    const ends = await Promise.allSettled([sync('a'), sync('a')])
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    fails = false
    expect(await sync('a')).toBeUndefined()
  })
})
