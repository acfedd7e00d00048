// The check of one file: any damaged byte is named, wherever it stands, in a folder and in a bucket.

import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { XNYS } from '../../lib/core/calendar.ts'
import type { Dataset, Row } from '../../lib/core/dataset.ts'
import { addDays } from '../../lib/core/dates.ts'
import { STATEMENTS } from '../../lib/datasets/datasets.ts'
import { runOfFile } from '../../lib/commands/inspect/verify-walk.ts'
import { listSymbolFiles } from '../../lib/datasets/inventory.ts'
import { checkSymbol } from '../../lib/datasets/prices/verify-symbol.ts'
import { createStatement } from '../../lib/datasets/statements/schema.ts'
import { checkDocuments } from '../../lib/datasets/statements/verify.ts'
import { checkFile, type FileCheckContext } from '../../lib/datasets/verify-file.ts'
import { createEncoder, createThreadEncoder } from '../../lib/parquet/encoder.ts'
import { encodeFile } from '../../lib/parquet/writer.ts'
import { readRunsAt } from '../../lib/report/runs.ts'
import type { Metadata, Store } from '../../lib/store/store.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { iso, makeBars, sessions } from '../support/bars.ts'
import { fuzz, FUZZ_TIMEOUT_MS } from '../support/fuzz.ts'
import { createMemoryStore } from '../support/lakes/memory-store.ts'
import { rowsFor } from '../support/lakes/price-files.ts'
import { oneOf, seededRandom, wholeBetween, type Random } from '../support/random.ts'
import { ROOT } from '../support/runs/process.ts'
import { setStage } from '../support/runs/stage.ts'
import { barsOn } from '../support/servers/moving-past.ts'
import { at as instant, day, prices, storedFile } from '../support/values.ts'

const PRICES = prices()
const { version } = packageJson
const LAST = '2024-01-31'

const after = (session: string) => `${addDays(iso(session), 1)}T13:00:00Z`

/**
 * A lake of a symbol by the program itself: two years of which the vendor loses the oldest rows, claimed empty years before
 * them, a split that is mended with rows carried over, day files, statements.
 */
async function buildLake(): Promise<ReadonlyMap<string, Uint8Array>> {
  const split = { exDate: iso('2024-01-24'), split: [4, 1] as const }
  const traded = makeBars(XNYS.sessions({ from: iso('2023-12-01'), to: iso(LAST) }), 3).map(
    ({ adjClose: _adj, ...bar }) => {
      const times = (value: number | null) => Math.round((value ?? 0) * (bar.date < split.exDate ? 100 : 25)) / 100
      return {
        date: bar.date,
        open: times(bar.open),
        high: times(bar.high),
        low: times(bar.low),
        close: times(bar.close),
        volume: bar.volume ?? 0,
      }
    },
  )
  await using stage = await setStage()
  const show = (session: string, depth: string) => {
    stage.bars['A'] = barsOn(iso(session), traded, [split]).filter(({ date }) => date >= depth)
  }
  show('2024-01-12', '')
  await stage.run(['--tickers', 'A', '--backfill', '--from-date', '2021-01-01'], { now: after('2024-01-12') })
  for (const session of sessions('2024-01-16', LAST)) {
    show(session, '2023-12-15')
    expect((await stage.run(['--tickers', 'A'], { now: after(session) })).code).toBe(0)
  }
  stage.reports['A'] = [{ date: iso('2023-09-30'), period: 'FY', amount: 100 }]
  await stage.run(['--tickers', 'A', '--dataset', 'fundamentals', '--period', 'annual'], { now: after(LAST) })
  const keys = await stage.lake.keys()
  return new Map(await Promise.all(keys.map(async (key) => [key, await stage.lake.bytes(key)] as const)))
}

/** The store of a lake in memory in which one file has other bytes. */
async function storeOf(lake: ReadonlyMap<string, Uint8Array>) {
  const memory = createMemoryStore()
  for (const [key, bytes] of lake) await memory.replace(key, bytes, {})
  const damaged: { key: string; bytes: Uint8Array } = { key: '', bytes: new Uint8Array(0) }
  const store: Store = {
    ...memory,
    list: async (...range) =>
      (await memory.list(...range)).map((file) =>
        file.key === damaged.key ? { ...file, sizeBytes: damaged.bytes.byteLength } : file,
      ),
    readWithMetadata: async (key, maxBytes) =>
      key === damaged.key ? { bytes: damaged.bytes, metadata: {} } : await memory.readWithMetadata(key, maxBytes),
  }
  return { store, damaged }
}

/** One bit flipped, one byte replaced, or the file cut. */
function damage(random: Random, bytes: Uint8Array): Uint8Array {
  const place = wholeBetween(random, 0, bytes.length - 1)
  const own = bytes[place] ?? 0
  const changed = (byte: number) => bytes.with(place, byte)
  return oneOf(random, [
    () => changed(own ^ (1 << wholeBetween(random, 0, 7))),
    () => changed((own + wholeBetween(random, 1, 255)) % 256),
    () => bytes.slice(0, place),
    () => bytes.slice(place + 1),
    () => new Uint8Array([...bytes.slice(0, place), ...bytes.slice(place + 1)]),
  ])()
}

/** Whether the first byte that differs is one of the ranges `asked` and `carried` in the footer. */
function isInRange(whole: Uint8Array | undefined, damaged: Uint8Array): boolean {
  const text = Buffer.from(whole ?? []).toString('latin1')
  const at = (whole ?? new Uint8Array(0)).findIndex((byte, index) => byte !== damaged[index])
  return [...text.matchAll(/\d{4}-\d\d-\d\d\.\.\d{4}-\d\d-\d\d/g)].some(({ index }) => at >= index && at < index + 22)
}

/** Instant and version are those of another run than of the files'. */
const encoderSettings = ({ columns, creator }: Dataset) => ({ columns, creator, version: '9.9.9', ingestMs: 0 })

const context = (store: Store, isDeep = true): FileCheckContext => ({
  store,
  dataset: PRICES,
  isDeep,
  encoder: createEncoder(encoderSettings(PRICES)),
  version,
  runOf: async () => undefined,
})

describe('checkFile()', () => {
  test(
    'or what the files of a symbol say together names any of 10,000 damaged bytes',
    async () => {
      const lake = await buildLake()
      const { store, damaged } = await storeOf(lake)
      const runOf: FileCheckContext['runOf'] = async (startMs) => runOfFile(await readRunsAt(store, startMs))
      const deep = { ...context(store), runOf }
      const contextOf = (dataset: Dataset) => ({ ...deep, dataset, encoder: createEncoder(encoderSettings(dataset)) })
      const statements = STATEMENTS.map((statement) => createStatement(statement, { prefix: 'raw' }))
      const past = { mends: [], hasEnded: () => false }
      const findings = async () => {
        const ofPrices = await checkSymbol(await listSymbolFiles('A', { store, dataset: PRICES }), past, {
          ...deep,
          dataset: PRICES,
          calendar: XNYS,
          asOf: day(LAST),
          range: undefined,
        })
        const documents = statements.map(
          async (dataset) =>
            await checkDocuments(await listSymbolFiles('A', { store, dataset }), { ...contextOf(dataset), dataset }),
        )
        return [...ofPrices.findings, ...(await Promise.all(documents)).flat()]
      }
      expect(await findings()).toEqual([])
      const keys = [...lake.keys()].filter((key) => key.endsWith('.parquet'))
      expect(keys.filter((key) => /A-2023\.parquet|A-2024\.parquet|fundamentals/.test(key))).toHaveLength(5)
      await fuzz('damaged bytes', 10_000, async (random) => {
        damaged.key = oneOf(random, keys)
        damaged.bytes = damage(random, lake.get(damaged.key) ?? new Uint8Array(0))
        const dataset = [PRICES, ...statements].find(({ root }) => damaged.key.startsWith(root)) ?? PRICES
        const file = { ...storedFile(damaged.key), sizeBytes: damaged.bytes.byteLength }
        const checked = await checkFile(file, 'A', contextOf(dataset))
        // The rest of the lake is looked at only where the file alone shows nothing. No hash covers the two ranges in the
        // footer: a date in them that a run could have written shows nowhere (verify-asked.test.ts has those that show).
        if (checked?.faults.length !== 0 || isInRange(lake.get(damaged.key), damaged.bytes)) return
        expect((await findings()).map(({ key }) => key)).toContain(damaged.key)
      })
    },
    FUZZ_TIMEOUT_MS,
  )

  test('names any damaged byte of a file whose sha256 the store keeps, and none of a whole one', async () => {
    const settings = { columns: PRICES.columns, ingestMs: instant('2024-02-01T13:00:00Z'), version }
    const { bytes } = encodeFile({ rows: rowsFor('A', '2024-01-02', LAST), asked: undefined }, settings)
    const metadata: Metadata = { sha256: new Bun.CryptoHasher('sha256').update(bytes).digest('hex') }
    const read: { bytes: Uint8Array } = { bytes }
    const store: Store = { ...createMemoryStore(), readWithMetadata: async () => ({ ...read, metadata }) }
    const faultsOf = async () => (await checkFile(storedFile('k'), 'A', context(store)))?.faults ?? []
    expect(await faultsOf()).toEqual([])
    await fuzz('damaged bytes in a bucket', 500, async (random) => {
      read.bytes = damage(random, bytes)
      expect(await faultsOf()).not.toEqual([])
    })
  })

  test('takes a file of another version that holds the same, and refuses one whose statistics are not of its rows', async () => {
    const settings = { columns: PRICES.columns, ingestMs: instant('2024-02-01T13:00:00Z'), version: '0.9.0' }
    const { bytes } = encodeFile({ rows: rowsFor('A', '2024-01-02', LAST), asked: undefined }, settings)
    const memory = createMemoryStore()
    const faultsOf = async (of: Uint8Array, ofRun?: string) => {
      await memory.replace('k', of, {})
      const runOf = async () => (ofRun === undefined ? undefined : { version: ofRun, backfilledFrom: undefined })
      const checked = await checkFile({ ...storedFile('k'), sizeBytes: of.length }, 'A', { ...context(memory), runOf })
      return checked?.faults.map(({ kind }): string => kind)
    }
    expect(await faultsOf(bytes)).toEqual([])
    expect(await faultsOf(bytes, '0.9.0')).toEqual([])
    expect(await faultsOf(bytes, '0.8.0')).toEqual(['altered'])
  })

  test('finds the same with an encoder in a thread, also where the thread knows no such value or has ended', async () => {
    const settings = { columns: PRICES.columns, ingestMs: instant('2024-02-01T13:00:00Z'), version }
    const rows = rowsFor('A', '2024-01-02', LAST)
    const changed = (values: { readonly open: number }) =>
      rows.map((row, index) => (index === 3 ? { ...row, ...values } : row))
    const bytesOf = (own: readonly Row[]) => encodeFile({ rows: own, asked: undefined }, settings).bytes
    const whole = bytesOf(rows)
    const files = [
      whole,
      ...[Number.NaN, Number.POSITIVE_INFINITY, -0].map((open) => bytesOf(changed({ open }))),
      ...Array.from({ length: 40 }, (_, index) => damage(seededRandom(index), whole)),
    ]
    const encoder = createThreadEncoder(encoderSettings(PRICES), join(ROOT, 'lib/parquet/worker.ts'))
    const faultsOf = async (own: FileCheckContext['encoder']) => {
      const checked = files.map(async (bytes) => {
        const store = { ...createMemoryStore(), readWithMetadata: async () => ({ bytes, metadata: {} }) }
        return (await checkFile(storedFile('k'), 'A', { ...context(store), encoder: own }))?.faults
      })
      return await Promise.all(checked)
    }
    const expected = await faultsOf(context(createMemoryStore()).encoder)
    expect(expected.slice(0, 4)).toEqual([[], [], [], []])
    expect(expected.slice(4)).not.toContainEqual([])
    expect(await faultsOf(encoder)).toEqual(expected)
    encoder.close()
    const ended = { ...encoder, encode: async () => await Promise.reject(new Error('ended')) }
    expect(await faultsOf(ended)).toEqual(expected)
  })

  test('leaves out a file that is gone, and names one that cannot be read', async () => {
    const store = createMemoryStore()
    expect(await checkFile(storedFile('k'), 'A', context(store))).toBeUndefined()
    expect(await checkFile(storedFile('k'), 'A', context(store, false))).toBeUndefined()
    expect(await checkFile({ ...storedFile('k'), sizeBytes: 0 }, 'A', context(store))).toMatchObject({
      faults: [{ kind: 'empty_file' }],
      footer: undefined,
    })
  })
})
