import { describe, expect, test } from 'bun:test'
import { createExchanges } from '../../../lib/fmp/ledger/exchanges.ts'
import { createHeldClock } from '../../support/fmp-client.ts'

function open() {
  const clock = createHeldClock()
  const stop = new AbortController()
  const failures: unknown[] = []
  const onFailure = (error: unknown): void => void failures.push(error)
  return { clock, stop, failures, exchanges: createExchanges({ clock, signal: stop.signal, onFailure }) }
}

/** Lets all promises go on that can. */
const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

describe('exchanges', () => {
  test('run one after the other, in the order in which they were asked for', async () => {
    const { exchanges } = open()
    const told: string[] = []
    const first = Promise.withResolvers<void>()
    const work = (name: string, until?: Promise<void>) => async () => {
      told.push(`${name} begins`)
      await until
      told.push(`${name} ends`)
    }
    const runs = [exchanges.run(work('1', first.promise)), exchanges.run(work('2')), exchanges.run(work('3'))]
    await settle()
    expect(told).toEqual(['1 begins'])
    first.resolve()
    await Promise.all(runs)
    expect(told).toEqual(['1 begins', '1 ends', '2 begins', '2 ends', '3 begins', '3 ends'])
  })

  test('are busy until the last of them has ended', async () => {
    const { exchanges } = open()
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    expect(exchanges.isBusy()).toBe(false)
    const runs = [exchanges.run(() => first.promise), exchanges.run(() => second.promise)]
    expect(exchanges.isBusy()).toBe(true)
    first.resolve()
    await runs[0]
    expect(exchanges.isBusy()).toBe(true)
    second.resolve()
    await runs[1]
    expect(exchanges.isBusy()).toBe(false)
  })

  test('tell their failures, and go on', async () => {
    const { exchanges, failures } = open()
    const lost = new Error('lost')
    await exchanges.run(() => Promise.reject(lost))
    let isRun = false
    await exchanges.run(async () => void (isRun = true))
    expect(failures).toEqual([lost])
    expect(isRun).toBe(true)
  })
})

describe('a rest', () => {
  test('lasts as long as was said', async () => {
    const { clock, exchanges } = open()
    let isOver = false
    const rest = exchanges.rest(1_234).then(() => (isOver = true))
    await settle()
    expect(clock.sleepsMs).toEqual([1_234])
    expect(isOver).toBe(false)
    clock.wake()
    await rest
  })

  test('of everybody ends with the next exchange, also with one that fails', async () => {
    const { clock, exchanges } = open()
    const rests = [exchanges.rest(1_000), exchanges.rest(2_000)]
    await settle()
    expect(clock.sleepers()).toBe(2)
    await exchanges.run(() => Promise.reject(new Error('lost')))
    await Promise.all(rests)
    expect(clock.sleepers()).toBe(0)
  })

  test('ends when the run is stopped', async () => {
    const { exchanges, stop } = open()
    const rest = exchanges.rest(1_000)
    stop.abort()
    await rest
  })
})
