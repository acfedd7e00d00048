import { expect, test } from 'bun:test'
import { decideLayout } from '../../../lib/datasets/table/new-layout.ts'
import { createMemoryStore } from '../../support/lakes/memory-store.ts'
import { contextOf, nightOf } from '../../support/lakes/table-lake.ts'

const [OLD, NEW] = [
  { baseYear: 2024, buckets: 16 },
  { baseYear: 2025, buckets: 40 },
]

test('of two runs the first decides, and the file of either is one of that layout', async () => {
  const context = contextOf(createMemoryStore(), nightOf('2024-12-31'))
  expect(await Promise.all([decideLayout(OLD, context), decideLayout(NEW, context)])).toEqual([OLD, OLD])
  const statements = { baseYear: undefined, buckets: 16 }
  const funds = { ...context, dataset: { ...context.dataset, name: 'income' as const } }
  expect(await decideLayout(statements, funds)).toEqual(statements)
  expect(await decideLayout(OLD, funds)).toEqual(statements)
})

test.each(['', 'x', '{}', '{"buckets":0}', '{"buckets":"16"}', 'null'])(
  'a file that says %p is named',
  async (text) => {
    const store = createMemoryStore()
    await store.create('tables/layouts/prices.json', Buffer.from(text), {})
    const error = await decideLayout(NEW, contextOf(store, nightOf('2025-01-02'))).catch((failure: unknown) => failure)
    expect(error).toMatchObject({
      kind: 'store',
      scope: 'run',
      message: 'memory/tables/layouts/prices.json is no layout of a table',
      hint: 'Delete it: the next run makes another.',
    })
  },
)
