import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { Store } from '../../lib/store/store.ts'
import { createFakeClock } from '../support/runs/fake-clock.ts'
import { keysIn, openShelf, type Shelf } from '../support/lakes/folder-store.ts'
import { ALL, failure, ingestOver, outcomeOf, type Options, type Ran } from '../support/pipeline-run.ts'

let shelf: Shelf
beforeEach(async () => {
  shelf = await openShelf()
})
afterEach(() => shelf.remove())

const ingest = async (options: Options): Promise<Ran> => await ingestOver(shelf, options)

describe('uploads', () => {
  test('upload so many files at once, and no more', async () => {
    let inFlight = 0
    let most = 0
    const create: Store['create'] = async () => {
      inFlight += 1
      most = Math.max(most, inFlight)
      await Promise.resolve()
      inFlight -= 1
      return 'created'
    }
    await ingest({ symbols: ['A', 'B', 'C', 'D'], bars: ALL, store: { ...shelf.store, create }, maxUploads: 3 })
    expect(most).toBe(3)
  })
})

describe('an interrupt', () => {
  const interrupted = failure('interrupted', 'run')

  test('lets the writes in flight finish and begins no other', async () => {
    const stop = new AbortController()
    const create: Store['create'] = async (key, bytes, metadata) => {
      stop.abort(interrupted)
      return await shelf.store.create(key, bytes, metadata)
    }
    // The patience is never over.
    const clock = { ...createFakeClock(), sleep: async () => await new Promise<void>(() => undefined) }
    const ran = await ingest({
      symbols: ['A', 'B'],
      bars: ALL,
      stop,
      interruption: stop.signal,
      clock,
      store: { ...shelf.store, create },
      maxWorkers: 1,
      maxUploads: 2,
    })
    const written = await keysIn(shelf)
    expect(written.length).toBeWithin(1, 3)
    expect(outcomeOf(ran, 'A')).toMatchObject({ isFinished: false, filesWritten: written.length })
    expect(outcomeOf(ran, 'A').counts).toMatchObject({ stored: written.length, not_reached: 5 - written.length })
    expect(outcomeOf(ran, 'B').counts.not_reached).toBe(5)
    expect(ran.stoppedBy).toBe(interrupted)
  })

  test('waits for a write that hangs five seconds and no longer', async () => {
    // Something else may have stopped the run before.
    for (const reason of [interrupted, failure('key', 'run')]) {
      const stop = new AbortController()
      const user = new AbortController()
      const clock = createFakeClock()
      const create: Store['create'] = async () => {
        stop.abort(reason)
        user.abort()
        return await new Promise<'created'>(() => undefined)
      }
      const store = { ...shelf.store, create }
      const ran = await ingest({ symbols: ['A'], bars: ALL, stop, interruption: user.signal, clock, store })
      expect(clock.sleepsMs).toEqual([5_000])
      expect(outcomeOf(ran, 'A').counts.not_reached).toBe(5)
    }
  })
})
