// The real program as the tasks of a Slurm array: the scheduler's variables alone make them shards of one run.

import { expect, test } from 'bun:test'
import type { RunGroup } from '../../lib/report/run-group.ts'
import { barsFor } from '../support/bars.ts'
import { setStage } from '../support/runs/stage.ts'

const SYMBOLS = Array.from({ length: 12 }, (_, index) => `X${String.fromCharCode(65 + index)}`)

const task = (id: number) => ({
  SLURM_ARRAY_JOB_ID: '4711',
  SLURM_ARRAY_TASK_ID: String(id),
  SLURM_ARRAY_TASK_MIN: '10',
  SLURM_ARRAY_TASK_MAX: '14',
  SLURM_ARRAY_TASK_COUNT: '3',
  SLURM_ARRAY_TASK_STEP: '2',
})

test('the tasks of an array share the list, and their group is told as one run', async () => {
  await using stage = await setStage({ bars: barsFor(SYMBOLS, '2024-09-03', '2024-09-16') })
  const args = ['--tickers', SYMBOLS.join(',')]
  const runs = await Promise.all([10, 12].map((id) => stage.spawn(args, { env: task(id), isShared: true }).done))
  expect(runs.map(({ code }) => code)).toEqual([0, 0])
  expect(runs[1]?.stderr).toMatch(
    /Shard 2 of 3 \(SLURM_ARRAY_TASK_ID 12 of 10 to 14\): \d+ of 12 symbols\. --shard none/,
  )
  const status = ['status', '--run-group', '4711', '--json']
  const early = await stage.spawn(status).done
  expect({ code: early.code, ...(JSON.parse(early.stdout) as RunGroup) }).toMatchObject({ code: 1, missing: [3] })
  expect((await stage.spawn(args, { env: task(14) }).done).code).toBe(0)
  // In a task itself the command looks at the whole group, too.
  const whole = await stage.spawn(status, { env: task(14) }).done
  expect({ code: whole.code, ...(JSON.parse(whole.stdout) as RunGroup) }).toMatchObject({
    code: 0,
    ok: true,
    symbols: 12,
    present: 12,
    calls: 24,
  })
  const lone = await stage.spawn(args, { env: { ...task(10), SHARD: '1/2' } }).done
  expect(lone).toMatchObject({ code: 2, stdout: '' })
  expect(lone.stderr).toContain('SHARD 1/2 and SLURM_ARRAY_TASK_ID 10 of 10 to 14 name different shards.')
})
