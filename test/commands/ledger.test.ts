import { describe, expect, test } from 'bun:test'
import { openEffects, type Effects } from '../../lib/commands/effects.ts'
import { fingerprintOf, openLedger, openPace, readCallsToday } from '../../lib/commands/ledger.ts'
import type { Metrics } from '../../lib/report/contract.ts'
import { emptyLedger, formatLedger, leasedCalls, parseLedger } from '../../lib/fmp/ledger/state.ts'
import { createMemoryStore, type MemoryStore } from '../support/lakes/memory-store.ts'
import { startInProcess } from '../support/runs/in-process.ts'
import { createVirtualTime, type VirtualTime } from '../support/runs/virtual-time.ts'
import { at, configOf, day, failureOf } from '../support/values.ts'

const KEY = 'key-of-a-test-0123456789'
const NOON_MS = at('2026-11-28T12:00:00Z')
const DAY = day('2026-11-28')
const AT = `logs/ingest/ledger/date=2026-11-28/${fingerprintOf(KEY)}.json`

type World = {
  readonly store: MemoryStore
  readonly clock: VirtualTime
  readonly effects: Effects
  readonly stop: AbortController
}

const NEVER = new AbortController()

/** Opened once: it changes the environment of this process each time. */
const REAL = openEffects({ version: '1.2.3', stop: NEVER, interruption: NEVER.signal, encoderScript: '' })

/** A store whose clock and this machine's show noon, and move on together. */
function openWorld(nowMs = NOON_MS): World {
  const clock = createVirtualTime()
  const stop = new AbortController()
  const store = createMemoryStore(() => NOON_MS + clock.elapsedMs())
  return { store, clock, stop, effects: { ...REAL, stop, interruption: stop.signal, nowMs, clock, random: () => 0.5 } }
}

const settings = configOf({ usesLedger: true, dailyCalls: 250, apiKey: KEY })

const put = async ({ store }: World, text: string): Promise<void> =>
  void (await store.sharedText(AT).write(text, (await store.sharedText(AT).read()).version))

async function ledgerIn({ store }: Pick<World, 'store'>) {
  return parseLedger((await store.sharedText(AT).read()).text, DAY, AT)
}

describe('the name of a key', () => {
  test('holds nothing of the key, and is the same each time', () => {
    expect(fingerprintOf(KEY)).toBe(fingerprintOf(KEY))
    expect(fingerprintOf(KEY)).toMatch(/^[0-9a-f]{16}$/)
  })

  test('is another one for each key, however short or alike', () => {
    const keys = ['', 'a', 'b', KEY, `${KEY} `, KEY.toUpperCase(), 'x'.repeat(32)]
    const names = keys.map(fingerprintOf)
    expect(new Set(names).size).toBe(keys.length)
    for (const [index, key] of keys.entries()) {
      if (key.length > 1) expect(names[index]).not.toContain(key.slice(0, 4))
    }
  })

  test('is no plain hash of the key, which a list of hashes might have', () => {
    expect(new Bun.CryptoHasher('sha256').update(KEY).digest('hex')).not.toStartWith(fingerprintOf(KEY))
  })
})

describe('the ledger of a run', () => {
  test('is absent where none is used, and nothing is read before it is needed', () => {
    const world = openWorld()
    const place = { store: world.store, process: 'a', effects: world.effects }
    expect(openLedger({ ...settings, usesLedger: false }, place)).toBeUndefined()
    const untouched = { ...world.store, sharedText: () => expect.unreachable() }
    expect(openLedger(settings, { ...place, store: untouched })).toMatchObject({ process: 'a', dailyCalls: 250 })
  })

  test('is read and written where the key has its ledger, and tells the store’s time', async () => {
    const world = openWorld(at('2031-01-01T00:00:00Z'))
    const ledger = openLedger(settings, { store: world.store, process: 'a', effects: world.effects })
    expect(ledger?.record.locate(DAY)).toBe(`memory/${AT}`)
    expect(ledger?.storeTime.now()).toBeUndefined()
    await ledger?.record.learnTime()
    expect(ledger?.storeTime.now()).toEqual({ earliestMs: NOON_MS, latestMs: NOON_MS })
    const { text, version = '' } = (await ledger?.record.read(DAY)) ?? {}
    expect(text).toBeUndefined()
    expect(await ledger?.record.write(DAY, 'one', version)).toBe(true)
    expect(await ledger?.record.write(DAY, 'two', version)).toBe(false)
    expect([...world.store.files.keys()]).toEqual([AT])
    expect(await ledger?.record.read(DAY)).toMatchObject({ text: 'one' })
  })
})

describe('the pace of a command with a few calls', () => {
  test('is absent where no ledger is used', () => {
    const { store, effects } = openWorld()
    expect(openPace({ ...settings, usesLedger: false }, { store, process: 'a', effects })).toBeUndefined()
  })

  test('takes a call of the ledger each time, one interval after the last', async () => {
    const world = openWorld()
    const { store, clock, effects } = world
    const pace = openPace({ ...settings, rateLimitSeconds: 2 }, { store, process: 'a', effects })
    await pace?.()
    const firstMs = clock.elapsedMs()
    await pace?.()
    expect(clock.elapsedMs() - firstMs).toBeGreaterThanOrEqual(2_000)
    expect(leasedCalls(await ledgerIn(world))).toBe(2)
  })

  test('ends with the run', async () => {
    const world = openWorld()
    const { store, effects, stop } = world
    // Somebody else has the calls of the next hour.
    await put(world, formatLedger({ ...emptyLedger(DAY), freeFromMs: NOON_MS + 3_600_000 }))
    const pace = openPace({ ...settings, rateLimitSeconds: 2 }, { store, process: 'a', effects })
    const why = new Error('stopped')
    stop.abort(why)
    expect(await pace?.().catch((error: unknown) => error)).toBe(why)
  })

  test('has as long for the one call of a refusal as the settings give a call', async () => {
    const world = openWorld()
    const refusal = { sinceMs: NOON_MS, untilMs: NOON_MS, count: 1, probe: null }
    await put(world, formatLedger({ ...emptyLedger(DAY), refusal }))
    const { store, effects } = world
    await openPace({ ...settings, apiTimeoutSeconds: 90 }, { store, process: 'a', effects })?.()
    const { refusal: found, leases } = await ledgerIn(world)
    expect(found?.probe).toEqual({ process: 'a', untilMs: (leases[0]?.blocks[0]?.untilMs ?? 0) + 95_000 })
  })

  test('fails where the calls of the day are made', async () => {
    const world = openWorld()
    const { store, effects } = world
    await put(world, formatLedger({ ...emptyLedger(DAY), closedCalls: 250 }))
    const pace = openPace(settings, { store, process: 'a', effects })
    expect(await failureOf(pace?.() ?? Promise.resolve())).toMatchObject({ kind: 'quota', scope: 'run' })
  })
})

/** As if each read of a ledger took so long. */
function slowed(store: MemoryStore, clock: VirtualTime, ms: number): MemoryStore {
  const sharedText: MemoryStore['sharedText'] = (key) => {
    const text = store.sharedText(key)
    const read = async () => {
      await clock.sleep(ms)
      return await text.read()
    }
    return { ...text, read }
  }
  return { ...store, sharedText }
}

describe('a store that answers every read too late', () => {
  const says = `memory/${AT}: the store took 15.0 s for each of the last 20 reads of the ledger`

  test('ends a command with a few calls', async () => {
    const { store, clock, effects } = openWorld()
    const pace = openPace(settings, { store: slowed(store, clock, 15_000), process: 'a', effects })
    const error = await failureOf(pace?.() ?? Promise.resolve())
    expect(error).toMatchObject({ kind: 'store', scope: 'run' })
    expect(error.message).toStartWith(says)
  })

  test('ends a run with exit code 1, and the metrics have the reason', async () => {
    const { store, clock } = openWorld()
    const args = ['--tickers', 'AAPL,MSFT', '--out', 'lake', '--ledger']
    const { done } = startInProcess(args, {
      env: { FMP_API_KEY: KEY, FMP_BASE_URL: 'http://127.0.0.1:9' },
      clock,
      fetch: () => expect.unreachable(),
      openStore: async () => slowed(store, clock, 15_000),
      readTextFile: async () => undefined,
      appendText: async () => undefined,
    })
    const { code, stderr } = await done
    expect(code).toBe(1)
    expect(stderr).toContain(says)
    expect(stderr).toContain('Run nearer to the store')
    const key = [...store.files.keys()].find((one) => /^logs\/ingest\/date=.*\.json$/.test(one)) ?? ''
    const { run_errors: errors } = JSON.parse(new TextDecoder().decode(store.files.get(key))) as Metrics
    expect(errors).toEqual([expect.stringContaining(says) as string])
    // It has given back what it had leased.
    expect(await ledgerIn({ store })).toMatchObject({ closedCalls: 0, leases: [] })
  })
})

describe('the calls of today', () => {
  test('are unknown without a ledger or a key, and nothing is read', async () => {
    const { effects, store } = openWorld()
    const untouched = { ...store, sharedText: () => expect.unreachable() }
    expect(await readCallsToday({ ...settings, usesLedger: false }, { store: untouched, effects })).toBeUndefined()
    expect(await readCallsToday({ ...settings, apiKey: '' }, { store: untouched, effects })).toBeUndefined()
  })

  test('are none where no call has been leased', async () => {
    const { effects, store } = openWorld()
    expect(await readCallsToday(settings, { store, effects })).toEqual({ made: 0, dailyCalls: 250 })
    expect(store.files.size).toBe(0)
  })

  test('are those that the ledger counts, with and without a limit', async () => {
    const world = openWorld()
    const leases = [{ process: 'a', turn: 1, calls: 9, blocks: [] }]
    await put(world, formatLedger({ ...emptyLedger(DAY), closedCalls: 110, leases }))
    expect(await readCallsToday(settings, world)).toEqual({ made: 119, dailyCalls: 250 })
    const unlimited = { ...settings, dailyCalls: undefined }
    expect(await readCallsToday(unlimited, world)).toEqual({ made: 119, dailyCalls: undefined })
  })

  test('of another day or key are other ones', async () => {
    const world = openWorld()
    await put(world, formatLedger({ ...emptyLedger(DAY), closedCalls: 110 }))
    expect(await readCallsToday({ ...settings, apiKey: 'another' }, world)).toMatchObject({ made: 0 })
    world.clock.skip(12 * 3_600_000)
    expect(await readCallsToday(settings, world)).toMatchObject({ made: 0 })
  })

  test('are those of the store’s day, whatever day this machine has', async () => {
    const world = openWorld()
    await put(world, formatLedger({ ...emptyLedger(DAY), closedCalls: 110 }))
    const effects = { ...world.effects, nowMs: at('2026-11-29T00:00:05Z') }
    expect(await readCallsToday(settings, { ...world, effects })).toMatchObject({ made: 110 })
  })

  test('of a text that is no ledger are an error that names it', async () => {
    const world = openWorld()
    await put(world, 'nonsense')
    const error = await failureOf(readCallsToday(settings, world))
    expect(error.kind).toBe('store')
    expect(error.message).toContain(`memory/${AT}`)
  })
})
