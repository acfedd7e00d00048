import { expect, test } from 'bun:test'
import { noteRun } from '../../../lib/datasets/table/open-runs.ts'
import { isTrusted, openTrusted } from '../../../lib/datasets/table/trusted.ts'
import { contextOf, createTableLake, nightOf, rowOf } from '../../support/lakes/table-lake.ts'
import { at } from '../../support/values.ts'

const START = nightOf('2024-02-05')

test.each([
  ['now', START, true],
  ['six days ago', nightOf('2024-01-30'), true],
  ['seven days ago', nightOf('2024-01-29'), false],
  ['by a clock that is ahead', nightOf('2024-02-06'), false],
])('a table that was listed wholly %s is to be relied on or not', (_when, listed, expected) => {
  expect(isTrusted(at(listed), at(START))).toBe(expected)
})

test('a table is relied on only where it is there and no other run has left it unfinished', async () => {
  const lake = createTableLake()
  const context = contextOf(lake.store, START)
  expect(await openTrusted(context)).toBeUndefined()
  await lake.past(START).addDay(rowOf('A', '2024-02-02'))
  await lake.update(START)
  expect(await openTrusted(context)).toMatchObject({ isNoted: false, footer: { listedMs: at(START) } })
  await noteRun({ id: context.runId, sinceMs: context.nowMs }, context)
  expect(await openTrusted(context)).toMatchObject({ isNoted: true })
  await noteRun({ id: 'another', sinceMs: context.nowMs }, context)
  expect(await openTrusted(context)).toBeUndefined()
})
