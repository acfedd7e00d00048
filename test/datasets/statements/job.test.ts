// A statement as a job. The tests use a statement that the program does not have, so that none is a special case.

import { describe, expect, test } from 'bun:test'
import { parquetMetadata } from 'hyparquet'
import { IngestError } from '../../../lib/core/errors.ts'
import { STATEMENTS } from '../../../lib/datasets/datasets.ts'
import { judgeAbsent, planStatement } from '../../../lib/datasets/statements/job.ts'
import { createPlanLimits } from '../../../lib/datasets/statements/plan-limits.ts'
import type { Statement } from '../../../lib/datasets/statements/schema.ts'
import { createCallBudget } from '../../../lib/fmp/call-budget.ts'
import { createEncoder } from '../../../lib/parquet/encoder.ts'
import { ingestAll, type Job } from '../../../lib/pipeline/pipeline.ts'
import { createUploads } from '../../../lib/pipeline/uploads.ts'
import { createFakeClock } from '../../support/runs/fake-clock.ts'
import { createMemoryStore, type MemoryStore } from '../../support/lakes/memory-store.ts'
import { at, configOf, day, FURTHER_STATEMENT, outcomeOf, periodOf } from '../../support/values.ts'

const NOW = '2024-12-02T13:00:00Z'

async function planFor(statement: Statement, store: MemoryStore): Promise<Job> {
  return await planStatement(statement, ['AAPL'], {
    config: configOf(),
    store,
    period: periodOf('daily', '2024-11-25..2024-11-29', NOW),
    fileSettings: { ingestMs: at(NOW), version: '1.2.3', note: undefined },
    planLimits: createPlanLimits(() => undefined),
    onSurveyed: () => undefined,
  })
}

/** Runs the tasks of a job against a vendor that has one year and one quarter of a statement. Returns the paths asked. */
async function runJob(job: Job, { amounts }: Statement): Promise<readonly string[]> {
  const asked: string[] = []
  const stop = new AbortController()
  const { outcomes } = await ingestAll(job.tasks({ openEncoder: createEncoder }), {
    stop,
    admit: createUploads({ stop, interruption: stop.signal, clock: createFakeClock(), maxUploads: 4 }).admit,
    onFetched: () => undefined,
    onOutcome: () => undefined,
    maxWorkers: 1,
    fmp: {
      reserve: createCallBudget(undefined).reserve,
      fetchRows: async ({ path, symbol, query }) => {
        asked.push(path)
        const end =
          query['period'] === 'annual' ? { date: '2024-09-28', period: 'FY' } : { date: '2024-06-29', period: 'Q3' }
        return [{ symbol, ...end, ...Object.fromEntries(amounts.map((field, index) => [field, index])) }]
      },
    },
  })
  expect(outcomes.flatMap(({ errors }) => errors)).toEqual([])
  return asked
}

describe('planStatement()', () => {
  test.each([...STATEMENTS, FURTHER_STATEMENT])(
    'plans and stores $name, and then has nothing to do',
    async (statement) => {
      const { name, path, amounts } = statement
      const store = createMemoryStore()
      const job = await planFor(statement, store)
      expect({ dataset: job.dataset, calls: job.calls }).toEqual({ dataset: name, calls: 2 })
      expect(await runJob(job, statement)).toEqual([path, path])
      const root = `raw/fundamentals/type=${name}/symbol=AAPL/year=2024`
      const keys = ['2024-06-29', '2024-09-28'].map((date) => `${root}/docdate=${date}/AAPL-${date}.parquet`)
      expect([...store.files.keys()].toSorted()).toEqual(keys)
      for (const bytes of store.files.values()) {
        const { schema, num_rows: rows } = parquetMetadata(bytes.slice().buffer)
        expect(schema.slice(9, -1).map((column) => column.name)).toEqual([...amounts])
        expect(rows).toBe(1n)
      }
      expect((await planFor(statement, store)).calls).toBe(0)
    },
  )
})

const absent = (symbol: string) =>
  outcomeOf(symbol, { errors: [new IngestError('FMP has no income statements', { kind: 'no-data', scope: 'symbol' })] })

describe('judgeAbsent()', () => {
  test('makes a warning of an absence among symbols that have documents', () => {
    const [company, fund] = judgeAbsent([outcomeOf('AAPL', { through: day('2024-06-30') }), absent('SPY')])
    expect(company).toMatchObject({ symbol: 'AAPL', errors: [] })
    expect(fund).toMatchObject({ symbol: 'SPY', errors: [], lateWarning: 'FMP has no income statements' })
  })

  test('leaves the errors where no symbol has any', () => {
    const outcomes = [absent('AAPL'), absent('SPY')]
    expect(judgeAbsent(outcomes)).toEqual(outcomes)
  })
})
