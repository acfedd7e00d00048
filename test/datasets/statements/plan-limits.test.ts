import { describe, expect, test } from 'bun:test'
import type { Ask } from '../../../lib/core/dataset.ts'
import { IngestError } from '../../../lib/core/errors.ts'
import { INCOME } from '../../../lib/datasets/statements/income.ts'
import { createPlanLimits } from '../../../lib/datasets/statements/plan-limits.ts'
import { createStatement } from '../../../lib/datasets/statements/schema.ts'
import type { Call } from '../../../lib/pipeline/pipeline.ts'

const income = createStatement(INCOME, { prefix: 'raw' })
const ROW = { symbol: 'A' }
const asked = (symbol: string, period: 'annual' | 'quarter', isOnlyPeriod = false) => ({ symbol, period, isOnlyPeriod })

function refuse(kind: 'plan-limit' | 'plan-period', data?: { allowedRows: number }): never {
  throw new IngestError('not in your plan', { kind, scope: 'symbol', data })
}

/** A vendor whose plan includes so many rows, which its refusals name or not, and quarters or not. */
function vendor({ maxRows = 1_000, isNamed = true, hasQuarters = true }) {
  const asks: string[] = []
  const call: Call = async ({ symbol, query }: Ask, kind) => {
    asks.push([symbol, query['period'], query['limit'], ...(kind === undefined ? [] : [kind])].join(' '))
    await Promise.resolve()
    if (query['period'] === 'quarter' && !hasQuarters) refuse('plan-period')
    if (Number(query['limit']) > maxRows) refuse('plan-limit', isNamed ? { allowedRows: maxRows } : undefined)
    return [ROW]
  }
  return { asks, call }
}

function noted() {
  const notes: string[] = []
  return { notes, limits: createPlanLimits((text) => notes.push(text)) }
}

describe('a plan that does not include so many rows', () => {
  test('is learnt from the first refusal, which costs one extra call, and noted once', async () => {
    const { notes, limits } = noted()
    const { asks, call } = vendor({ maxRows: 7 })
    const all = ['A', 'B', 'C'].map(async (symbol) => await limits.fetchRows(income, asked(symbol, 'annual'), call))
    expect(await Promise.all(all)).toEqual([[ROW], [ROW], [ROW]])
    expect(asks).toEqual(['A annual 1000', 'A annual 7 extra', 'B annual 7', 'C annual 7'])
    expect(notes).toEqual([
      'Your plan includes the newest 7 rows of a statement and period: older ones are not asked for.',
    ])
  })

  test('is taken for a free plan when the refusal names no number', async () => {
    const { asks, call } = vendor({ maxRows: 5, isNamed: false })
    expect(await noted().limits.fetchRows(income, asked('A', 'annual'), call)).toEqual([ROW])
    expect(asks).toEqual(['A annual 1000', 'A annual 5 extra'])
  })

  test('fails the symbol when it is refused at the number that it allows', async () => {
    const { asks, call } = vendor({ maxRows: 2, isNamed: false })
    const { limits } = noted()
    for (const _ of [1, 2]) {
      const failure = await limits.fetchRows(income, asked('A', 'annual'), call).catch((error: unknown) => error)
      expect(failure).toMatchObject({ kind: 'plan-limit', scope: 'symbol' })
    }
    expect(asks).toEqual(['A annual 1000', 'A annual 5 extra', 'A annual 5'])
  })
})

describe('a plan without quarters', () => {
  test('is learnt once: no other symbol asks for them, and the annual ones go on', async () => {
    const { notes, limits } = noted()
    const { asks, call } = vendor({ hasQuarters: false })
    const all = (['A', 'B'] as const).flatMap((symbol) =>
      (['quarter', 'annual'] as const).map(
        async (period) => await limits.fetchRows(income, asked(symbol, period), call),
      ),
    )
    expect(await Promise.all(all)).toEqual([[], [ROW], [], [ROW]])
    expect(asks).toEqual(['A quarter 1000', 'A annual 1000', 'B annual 1000'])
    expect(notes).toEqual(['Your plan includes no quarterly statements: the annual ones only (see --period).'])
  })

  test('stops a run that asks for nothing else', async () => {
    const { call } = vendor({ hasQuarters: false })
    const failure = await noted()
      .limits.fetchRows(income, asked('A', 'quarter', true), call)
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({ kind: 'plan', scope: 'run', hint: expect.stringContaining('--period annual') })
  })

  test('passes other failures on', async () => {
    const failure = new IngestError('down', { kind: 'server', scope: 'symbol' })
    const call: Call = async () => await Promise.reject(failure)
    const { limits } = noted()
    expect(await limits.fetchRows(income, asked('A', 'quarter'), call).catch((error: unknown) => error)).toBe(failure)
  })
})
