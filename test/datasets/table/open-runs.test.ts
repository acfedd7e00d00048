import { describe, expect, test } from 'bun:test'
import { endedRuns, forgetRuns, listOpenRuns, noteRun } from '../../../lib/datasets/table/open-runs.ts'
import { createMemoryStore } from '../../support/lakes/memory-store.ts'
import { contextOf, nightOf } from '../../support/lakes/table-lake.ts'
import { at, failureOf } from '../../support/values.ts'

const NOW = nightOf('2024-09-16')
const run = (id: string, since = NOW) => ({ id, sinceMs: at(since) })

test('runs are noted and forgotten, in a file beside the tables that no reader of them sees', async () => {
  const store = createMemoryStore()
  const context = contextOf(store, NOW)
  expect(await listOpenRuns(context)).toEqual([])
  await noteRun(run('a'), context)
  await noteRun(run('b'), context)
  await noteRun(run('a'), context)
  expect(await listOpenRuns(context)).toEqual([run('b'), run('a')])
  expect([...store.files.keys()]).toEqual(['tables/runs/prices.json'])
  await forgetRuns(new Set(['b', 'c']), context)
  expect(await listOpenRuns(context)).toEqual([run('a')])
  await forgetRuns(new Set(['a']), context)
  expect(await listOpenRuns(context)).toEqual([])
})

test('many runs at once are all noted', async () => {
  const context = contextOf(createMemoryStore(), NOW)
  const ids = ['a', 'b', 'c', 'd', 'e']
  await Promise.all(ids.map(async (id) => await noteRun(run(id), context)))
  expect((await listOpenRuns(context)).map(({ id }) => id).toSorted()).toEqual(ids)
})

test('a list that others replace without end is an error that says so', async () => {
  const store = createMemoryStore()
  await noteRun(run('a'), contextOf(store, NOW))
  const busy = contextOf({ ...store, replace: async () => 'conflict' }, NOW)
  const error = await failureOf(noteRun(run('b'), busy))
  expect(error.message).toBe('memory/tables/runs/prices.json was replaced by other runs each of 100 times')
})

test.each(['', 'no JSON', '{"open":1}', '{}'])('a list that is %p counts as a run that was ended', async (text) => {
  const store = createMemoryStore()
  const context = contextOf(store, NOW)
  await store.create('tables/runs/prices.json', Buffer.from(text), {})
  const runs = await listOpenRuns(context)
  expect(endedRuns(runs, at(NOW))).toEqual(new Set(['']))
  await forgetRuns(new Set(['']), context)
  expect(await listOpenRuns(context)).toEqual([])
})

describe('a run that began', () => {
  test.each([
    ['now', NOW, false],
    ['less than twelve hours ago', '2024-09-16T11:30:01Z', false],
    ['twelve hours ago', '2024-09-16T11:30:00Z', true],
    ['after a clock was set back', '2024-09-16T23:30:01Z', true],
  ])('%s is ended or not', (_when, since, isEnded) => {
    expect(endedRuns([run('a', since)], at(NOW)).has('a')).toBe(isEnded)
  })
})

test('64 runs that note and forget themselves at once lose nothing, and none gives up', async () => {
  const store = createMemoryStore()
  const ids = Array.from({ length: 64 }, (_, index) => `shard ${index}`)
  await Promise.all(ids.map(async (id) => await noteRun(run(id), contextOf(store, NOW))))
  const noted = await listOpenRuns(contextOf(store, NOW))
  expect(noted.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
  await Promise.all(ids.slice(1).map(async (id) => await forgetRuns(new Set([id]), contextOf(store, NOW))))
  expect(await listOpenRuns(contextOf(store, NOW))).toEqual([run('shard 0')])
})
