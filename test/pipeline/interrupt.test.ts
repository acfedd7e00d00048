import { expect, test } from 'bun:test'
import { getEventListeners } from 'node:events'
import { IngestError } from '../../lib/core/errors.ts'
import { afterGrace, unlessStopped } from '../../lib/pipeline/interrupt.ts'
import { createFakeClock } from '../support/runs/fake-clock.ts'

const interrupted = new IngestError('Interrupted by SIGINT.', { kind: 'interrupted', scope: 'run' })
/** Whether the grace is over once everything that can happen at once has happened. */
async function isOver(grace: Promise<void>): Promise<boolean> {
  return await Promise.race([grace.then(() => true), Bun.sleep(0).then(() => false)])
}

test.each([
  ['before it is asked for', true],
  ['after it was asked for', false],
])('an interrupt %s starts the grace', async (_, isEarly) => {
  const user = new AbortController()
  const clock = createFakeClock()
  if (isEarly) user.abort()
  const grace = afterGrace({ interruption: user.signal, clock }, 5_000)
  if (!isEarly) user.abort()
  expect(await isOver(grace)).toBe(true)
  expect(clock.elapsedMs()).toBe(5_000)
})

test('nothing leaves all the time there is', async () => {
  const interruption = new AbortController().signal
  expect(await isOver(afterGrace({ interruption, clock: createFakeClock() }, 5_000))).toBe(false)
})

test('work that was begun although the user has had enough may fail unheard', async () => {
  const stop = new AbortController()
  stop.abort(interrupted)
  const unheard: unknown[] = []
  const hear = (reason: unknown) => void unheard.push(reason)
  process.on('unhandledRejection', hear)
  const work = Bun.sleep(0).then(() => {
    throw new Error('AbortError')
  })
  expect(await unlessStopped(work, { stop }).catch((error: unknown) => error)).toBe(interrupted)
  await Bun.sleep(5)
  process.off('unhandledRejection', hear)
  expect(unheard).toEqual([])
})

test.each([
  ['is done', async () => 'rows'],
  ['has failed', async () => await Promise.reject(new Error('No space'))],
])('work that %s leaves nothing at the signal of the run', async (_, work: () => Promise<string>) => {
  const stop = new AbortController()
  const waiting = unlessStopped(work(), { stop })
  const listeners = () => getEventListeners(stop.signal, 'abort').length
  expect(listeners()).toBe(1)
  await waiting.catch(() => undefined)
  expect(listeners()).toBe(0)
})
