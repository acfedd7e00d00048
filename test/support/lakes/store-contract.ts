// The store contract: what every store promises, as a suite that runs over any place that can be opened and emptied.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { SharedText, Store, StoredFile } from '../../../lib/store/store.ts'
import { failureOf } from '../values.ts'

/** Stores on one and the same place, as several runs would open it. */
export type Place = { open(): Promise<Store>; close(): Promise<void> }

const MAX_BYTES = 1_000_000

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

async function textOf(store: Store, key: string): Promise<string | undefined> {
  const bytes = await store.read(key, undefined, MAX_BYTES)
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
}

const compareBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

function keysOf(files: readonly StoredFile[]): string[] {
  return files.map(({ key }) => key)
}

/** The only file with this key. */
async function fileAt(store: Store, key: string): Promise<StoredFile> {
  const files = await store.list(key.slice(0, key.lastIndexOf('/') + 1))
  const file = files.find((found) => found.key === key)
  if (file === undefined) throw new Error(`no ${key}`)
  return file
}

/** Declares the suite for stores in `kind` of place; each test gets a place of its own, with nothing in it. */
export function describeStore(kind: string, openPlace: () => Promise<Place>): void {
  describe(`a store in ${kind}`, () => {
    let place: Place
    let store: Store
    beforeEach(async () => {
      place = await openPlace()
      store = await place.open()
    })
    afterEach(() => place.close())

    async function fill(keys: readonly string[]): Promise<void> {
      for (const key of keys) expect(await store.create(key, bytesOf(key), {})).toBe('created')
    }

    test('locate() puts the name before the key', () => {
      expect(store.locate('a/b.parquet')).toEndWith('/a/b.parquet')
    })

    describe('list()', () => {
      const ORDERED = [
        'p/A-1/x', // `-` sorts before `/`, so a sibling folder comes before the folder's own files
        'p/A.B/x',
        'p/A/2024/a',
        'p/A/2024/b',
        'p/A/2024-x',
        'p/A/2025/a',
        'p/A0/x',
        'p/a/x',
        'p/é/x',
        'p/\u{ff41}/x',
        'p/\u{1f600}/x', // after U+FF41 in UTF-8, before it in UTF-16
      ].toSorted(compareBytes)

      test('gives nothing where nothing was written', async () => {
        expect(await store.list('p/')).toEqual([])
      })

      test('gives the keys under the prefix in the order of their bytes, over several pages', async () => {
        await fill([...ORDERED.toReversed(), 'o/x', 'q/x', 'p2/x'])
        expect(keysOf(await store.list('p/'))).toEqual(ORDERED)
        expect(keysOf(await store.list('p/A/'))).toEqual(ORDERED.filter((key) => key.startsWith('p/A/')))
      })

      test('starts after one key and ends with another, whether they exist or not', async () => {
        await fill(ORDERED)
        const others = 'p/ p/A/ p/A/2024 p/A/2024/ p/A/2024/aa p/A/2024/~ p/B p/~ a z'
        const bounds = [...ORDERED, ...others.split(' ')]
        for (const bound of bounds) {
          const later = ORDERED.filter((key) => compareBytes(key, bound) > 0)
          expect({ after: bound, keys: keysOf(await store.list('p/', bound)) }).toEqual({ after: bound, keys: later })
          const earlier = ORDERED.filter((key) => compareBytes(key, bound) <= 0)
          const listed = keysOf(await store.list('p/', undefined, bound))
          expect({ until: bound, keys: listed }).toEqual({ until: bound, keys: earlier })
        }
      })

      test('takes both ends together', async () => {
        await fill(['p/a', 'p/b', 'p/c', 'p/d'])
        expect(keysOf(await store.list('p/', 'p/a', 'p/c'))).toEqual(['p/b', 'p/c'])
        expect(await store.list('p/', 'p/c', 'p/a')).toEqual([])
      })

      test('gives size and time', async () => {
        await store.create('p/a', bytesOf('12345'), {})
        const file = await fileAt(store, 'p/a')
        expect(file.sizeBytes).toBe(5)
        expect(Math.abs(file.modifiedMs - Date.now())).toBeLessThan(60_000)
      })

      test('gives a tag that stays until the bytes change', async () => {
        await store.create('p/a', bytesOf('one'), {})
        const { tag } = await fileAt(store, 'p/a')
        expect((await fileAt(store, 'p/a')).tag).toBe(tag)
        await store.replace('p/a', bytesOf('two'), {})
        expect((await fileAt(store, 'p/a')).tag).not.toBe(tag)
      })
    })

    describe('listLevel()', () => {
      test('gives nothing where nothing was written', async () => {
        expect(await store.listLevel('p/')).toEqual({ folders: [], files: [] })
      })

      test('gives folders and files directly below the prefix in the order of their bytes, over several pages', async () => {
        const folders = Array.from({ length: 16 }, (_, index) => `p/symbol=${String.fromCodePoint(65 + index)}/`)
        const files = ['p/a', 'p/symbol', 'p/symbol=A-', 'p/z', 'p/\u{ff41}', 'p/\u{1f600}']
        const deeper = folders.flatMap((folder) => [`${folder}year=2020/x`, `${folder}y`])
        await fill([...deeper, ...files, 'p2/x', 'o/x'].toReversed())
        const level = await store.listLevel('p/')
        expect({ ...level, files: keysOf(level.files) }).toEqual({ folders, files: files.toSorted(compareBytes) })
        expect(level.files).toEqual((await store.list('p/')).filter(({ key }) => files.includes(key)))
        expect((await store.listLevel('p/symbol=A/')).folders).toEqual(['p/symbol=A/year=2020/'])
      })

      test('of everything leaves out what the store keeps for itself', async () => {
        await fill(['a/b/c', 'd'])
        const { folders, files } = await store.listLevel('')
        expect({ folders, files: keysOf(files) }).toEqual({ folders: ['a/'], files: ['d'] })
      })
    })

    describe('read()', () => {
      test('gives undefined where there is no file', async () => {
        expect(await store.read('p/a', undefined, MAX_BYTES)).toBeUndefined()
        expect(await store.read('p/a', { suffixBytes: 8 }, MAX_BYTES)).toBeUndefined()
      })

      test('gives back every byte', async () => {
        const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256)
        await store.create('p/a', bytes, {})
        expect(await store.read('p/a', undefined, MAX_BYTES)).toEqual(bytes)
      })

      test.each([
        [1, 'f'],
        [3, 'def'],
        [6, 'abcdef'],
        [7, 'abcdef'],
        [0, ''],
      ])('gives the last %d bytes', async (suffixBytes, text) => {
        await store.create('p/a', bytesOf('abcdef'), {})
        expect(await store.read('p/a', { suffixBytes }, MAX_BYTES)).toEqual(bytesOf(text))
      })

      test('gives no bytes of an empty file, with a range too', async () => {
        await store.create('p/a', new Uint8Array(0), {})
        expect(await store.read('p/a', undefined, MAX_BYTES)).toEqual(new Uint8Array(0))
        expect(await store.read('p/a', { suffixBytes: 8 }, MAX_BYTES)).toEqual(new Uint8Array(0))
      })

      test('refuses to read more than it may, and reads just as much', async () => {
        await store.create('p/a', bytesOf('abcdef'), {})
        const refused = await failureOf(store.read('p/a', undefined, 5))
        expect(refused).toMatchObject({ kind: 'store', scope: 'symbol' })
        expect(refused.message).toContain(store.locate('p/a'))
        expect(await store.read('p/a', undefined, 6)).toEqual(bytesOf('abcdef'))
        expect(await store.read('p/a', { suffixBytes: 5 }, 5)).toEqual(bytesOf('bcdef'))
      })
    })

    describe('readWithMetadata()', () => {
      test('gives every byte, and what the store keeps beside them', async () => {
        await store.create('p/a', bytesOf('one'), { 'rows-sha256': 'abc' })
        const file = await store.readWithMetadata('p/a', 3)
        expect(file?.bytes).toEqual(bytesOf('one'))
        // A folder keeps nothing.
        expect(['abc', undefined]).toContain(file?.metadata['rows-sha256'])
        expect(await store.readWithMetadata('p/b', 3)).toBeUndefined()
        expect(await failureOf(store.readWithMetadata('p/a', 2))).toMatchObject({ kind: 'store', scope: 'symbol' })
      })
    })

    describe('create()', () => {
      test('stores a new file', async () => {
        expect(await store.create('p/a', bytesOf('one'), { 'rows-sha256': 'abc' })).toBe('created')
        expect(await textOf(store, 'p/a')).toBe('one')
      })

      test('leaves an existing file as it is', async () => {
        await store.create('p/a', bytesOf('one'), {})
        expect(await store.create('p/a', bytesOf('two'), {})).toBe('exists')
        expect(await (await place.open()).create('p/a', bytesOf('three'), {})).toBe('exists')
        expect(await textOf(store, 'p/a')).toBe('one')
      })

      test('stores the bytes of a view, not the buffer around it', async () => {
        const buffer = bytesOf('before-inside-after')
        await store.create('p/a', buffer.subarray(7, 13), {})
        expect(await textOf(store, 'p/a')).toBe('inside')
      })

      test('of 12 racing writers lets one win, 200 times, and its bytes stay', async () => {
        const writers = await Promise.all(Array.from({ length: 12 }, () => place.open()))
        const keys = Array.from({ length: 200 }, (_, index) => `race/symbol=S${index % 20}/${index}`)
        const race = async (key: string) => {
          const outcomes = await Promise.all(
            writers.map((writer, index) => writer.create(key, bytesOf(`${index}`), {})),
          )
          const winners = outcomes.flatMap((outcome, index) => (outcome === 'created' ? [String(index)] : []))
          return { key, winners, text: await textOf(store, key) }
        }
        const races = await Promise.all(keys.map(race))
        expect(races.filter(({ winners, text }) => winners.length !== 1 || winners[0] !== text)).toEqual([])
      })
    })

    describe('replace()', () => {
      test('stores where nothing is, and over what is there', async () => {
        expect(await store.replace('p/a', bytesOf('one'), {})).toBe('replaced')
        expect(await store.replace('p/a', bytesOf('two'), {})).toBe('replaced')
        expect(await textOf(store, 'p/a')).toBe('two')
      })

      test('with the right tag stores', async () => {
        await store.create('p/a', bytesOf('one'), {})
        const { tag } = await fileAt(store, 'p/a')
        expect(await store.replace('p/a', bytesOf('two'), {}, tag)).toBe('replaced')
        expect(await textOf(store, 'p/a')).toBe('two')
      })

      test('with the right tag stores as the first write of a run', async () => {
        await store.create('p/a', bytesOf('one'), {})
        const { tag } = await fileAt(store, 'p/a')
        expect(await (await place.open()).replace('p/a', bytesOf('two'), {}, tag)).toBe('replaced')
        expect(await textOf(store, 'p/a')).toBe('two')
      })

      test('with a stale tag leaves the file as it is', async () => {
        await store.create('p/a', bytesOf('one'), {})
        const { tag } = await fileAt(store, 'p/a')
        await store.replace('p/a', bytesOf('two'), {})
        expect(await store.replace('p/a', bytesOf('three'), {}, tag)).toBe('conflict')
        expect(await (await place.open()).replace('p/a', bytesOf('three'), {}, tag)).toBe('conflict')
        expect(await textOf(store, 'p/a')).toBe('two')
      })

      test('with the tag of a file that is gone stores nothing', async () => {
        await store.create('p/a', bytesOf('one'), {})
        const { tag } = await fileAt(store, 'p/a')
        expect(await store.replace('p/b', bytesOf('two'), {}, tag)).toBe('conflict')
        expect(await textOf(store, 'p/b')).toBeUndefined()
      })

      test('of 12 racing writers with one tag lets one win, 40 times, and its bytes stay', async () => {
        const writers = await Promise.all(Array.from({ length: 12 }, () => place.open()))
        const race = async (key: string) => {
          await store.create(key, bytesOf('first'), {})
          const { tag } = await fileAt(store, key)
          const outcomes = await Promise.all(
            writers.map((writer, index) => writer.replace(key, bytesOf(`${index}`), {}, tag)),
          )
          const winners = outcomes.flatMap((outcome, index) => (outcome === 'replaced' ? [String(index)] : []))
          return { key, winners, text: await textOf(store, key) }
        }
        const races = await Promise.all(Array.from({ length: 40 }, (_, index) => race(`p/${index}`)))
        expect(races.filter(({ winners, text }) => winners.length !== 1 || winners[0] !== text)).toEqual([])
      })

      test('by racing writers leaves one whole file', async () => {
        const whole = Array.from({ length: 12 }, (_, index) => String.fromCodePoint(97 + index).repeat(20_000))
        await Promise.all(whole.map((text) => store.replace('p/a', bytesOf(text), {})))
        expect(whole).toContain((await textOf(store, 'p/a')) ?? '')
      })
    })

    test.each([
      'raw/prices/symbol=%5EGSPC/year=2020/%5EGSPC-2020.parquet',
      'raw/prices/symbol=EURUSD=X/year=2024/month=09/EURUSD=X-2024-09-16.parquet',
      "odd/it's (1) a+b&c~d!,;@$'*.txt",
      'odd/a b/c#d?e/f%2Fg/%',
      'odd/…/…',
      'odd/ü/日本語.parquet',
      `odd/${'n'.repeat(200)}`,
    ])('stores, lists and reads %s', async (key) => {
      expect(await store.create(key, bytesOf(key), {})).toBe('created')
      expect(await store.create(key, bytesOf('other'), {})).toBe('exists')
      expect(keysOf(await store.list(key.slice(0, key.indexOf('/') + 1)))).toEqual([key])
      expect(await textOf(store, key)).toBe(key)
    })

    test('counts no recovered write where no answer was lost', async () => {
      await fill(['p/a', 'p/b'])
      expect(store.recoveredWrites()).toBe(0)
    })
  })
  describeSharedText(kind, openPlace)
}

/** Counts on in a text. Each writer has a count of its own, so that it knows its change again where it was not told of it. */
async function countTo(own: SharedText, name: string, count: number): Promise<void> {
  for (;;) {
    const { text: found = '{}', version } = await own.read()
    const counts = JSON.parse(found) as Record<string, number>
    expect(counts[name] ?? 0).toBeGreaterThanOrEqual(count - 1)
    if (counts[name] === count) return
    await own.write(JSON.stringify({ ...counts, [name]: count }), version)
  }
}

/** Declares the part of the suite that is about texts which several processes change. */
export function describeSharedText(kind: string, openPlace: () => Promise<Place>): void {
  describe(`a shared text in ${kind}`, () => {
    const KEY = 'logs/ingest/ledger/date=2026-11-28/7f83b1657ff1fc53.json'
    let place: Place
    let text: SharedText
    const openText = async (): Promise<SharedText> => (await place.open()).sharedText(KEY)
    beforeEach(async () => {
      place = await openPlace()
      text = await openText()
    })
    afterEach(() => place.close())

    async function write(content: string): Promise<void> {
      expect(await text.write(content, (await text.read()).version)).toBe(true)
    }

    test('that nobody has written is undefined', async () => {
      expect((await text.look()).text).toBeUndefined()
      expect((await text.read()).text).toBeUndefined()
    })

    test('is read as it was written, by others too', async () => {
      await write('one\n')
      expect((await text.read()).text).toBe('one\n')
      await write('zwei: ü\n')
      expect((await (await openText()).read()).text).toBe('zwei: ü\n')
      expect((await (await openText()).look()).text).toBe('zwei: ü\n')
    })

    test('has another version after each write', async () => {
      const versions = [(await text.read()).version]
      for (let round = 0; round < 20; round += 1) {
        await write(`text ${round}`)
        versions.push((await text.read()).version)
      }
      expect(new Set(versions).size).toBe(21)
    })

    test('keeps its version until somebody writes', async () => {
      await write('one')
      expect((await text.read()).version).toBe((await (await openText()).read()).version)
    })

    test('that two make at once is that of one', async () => {
      const other = await openText()
      const [{ version }, others] = [await text.read(), await other.read()]
      expect(await text.write('one', version)).toBe(true)
      expect(await other.write('two', others.version)).toBe(false)
      expect((await other.read()).text).toBe('one')
    })

    test('that two change from one version is that of the first', async () => {
      await write('zero')
      const other = await openText()
      const [{ version }, others] = [await text.read(), await other.read()]
      expect(await other.write('two', others.version)).toBe(true)
      expect(await text.write('one', version)).toBe(false)
      expect((await text.read()).text).toBe('two')
    })

    test('is not changed from a version that is long past', async () => {
      await write('zero')
      const { version } = await text.read()
      for (let round = 1; round < 40; round += 1) await write(`text ${round}`)
      expect(await text.write('late', version)).toBe(false)
      expect(await (await openText()).write('late', version)).toBe(false)
      expect((await text.read()).text).toBe('text 39')
    })

    test('that many count on at once loses no count', async () => {
      const [writers, rounds] = [8, 12]
      const countOn = async (_: unknown, writer: number): Promise<void> => {
        const own = await openText()
        for (let round = 1; round <= rounds; round += 1) await countTo(own, `writer ${writer}`, round)
      }
      await Promise.all(Array.from({ length: writers }, countOn))
      const counts = JSON.parse((await text.read()).text ?? '{}') as Record<string, number>
      expect(Object.values(counts)).toEqual(Array.from({ length: writers }, () => rounds))
    })

    test('tells the time of the store, within bounds', async () => {
      for (const content of [undefined, 'one']) {
        if (content !== undefined) await write(content)
        const beforeMs = Date.now()
        const { time } = await text.read()
        expect(time.fromMs).toBeLessThanOrEqual(Date.now() + 1)
        expect(time.toMs).toBeGreaterThanOrEqual(beforeMs)
        expect(time.toMs - time.fromMs).toBeLessThanOrEqual(2_000)
      }
    })

    test('of one key says nothing of another', async () => {
      await write('one')
      const other = (await place.open()).sharedText(KEY.replace('7f83', '8f83'))
      expect((await other.read()).text).toBeUndefined()
    })
  })
}
