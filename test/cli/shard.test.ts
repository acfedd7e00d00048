import { describe, expect, test } from 'bun:test'
import { parseCommandLine } from '../../lib/cli/cli.ts'
import { resolveConfig } from '../../lib/cli/resolve.ts'
import { createReader, type Environment } from '../../lib/cli/reader.ts'
import { readShard } from '../../lib/cli/shard.ts'
import { errorOf } from '../support/values.ts'

const GOOD: Environment = { FMP_API_KEY: 'a-key', S3_BUCKET: 'my-bucket' }

function resolve(argv: readonly string[], environment: Environment = {}) {
  const line = parseCommandLine(argv)
  if (line.kind !== 'run') throw new Error(`${argv.join(' ')} is no run`)
  return resolveConfig(line, { ...GOOD, ...environment }, { isCompiled: false })
}

function problemsOf(argv: readonly string[], environment: Environment = {}): readonly string[] {
  const { message } = errorOf(() => resolve(argv, environment))
  return message
    .split('\n')
    .slice(1)
    .map((line) => line.trim())
}

/** What Slurm sets for a task of `--array=FIRST-LAST:STEP`. */
const slurm = (task: number, first = 0, last = 7, step = 1): Environment => ({
  SLURM_ARRAY_JOB_ID: '4711',
  SLURM_ARRAY_TASK_ID: String(task),
  SLURM_ARRAY_TASK_MIN: String(first),
  SLURM_ARRAY_TASK_MAX: String(last),
  SLURM_ARRAY_TASK_COUNT: String((last - first) / step + 1),
  SLURM_ARRAY_TASK_STEP: String(step),
})
const kubernetes: Environment = { JOB_COMPLETION_INDEX: '2' }
const batch: Environment = {
  AWS_BATCH_JOB_ID: 'a1b2-c3:2',
  AWS_BATCH_JOB_ARRAY_INDEX: '2',
  AWS_BATCH_JOB_ARRAY_SIZE: '8',
}
const cloudRun: Environment = {
  CLOUD_RUN_EXECUTION: 'nightly-x7',
  CLOUD_RUN_TASK_INDEX: '2',
  CLOUD_RUN_TASK_COUNT: '8',
}
const SCHEDULERS = { ...slurm(2), ...kubernetes, SHARD_COUNT: '8', ...batch, ...cloudRun }

describe('the shard', () => {
  test.each<[string, readonly string[], Environment, readonly [number, number, string]]>([
    ['the flag', ['--shard', '3/8'], {}, [3, 8, '--shard 3/8']],
    ['the variable', [], { SHARD: ' 3/8 ' }, [3, 8, 'SHARD 3/8']],
    ['the flag before the variable', ['--shard', '3/8'], { SHARD: '1/2' }, [3, 8, '--shard 3/8']],
    ['the only one', ['--shard', '1/1'], {}, [1, 1, '--shard 1/1']],
    ['Slurm, first task', [], slurm(0), [1, 8, 'SLURM_ARRAY_TASK_ID 0 of 0 to 7']],
    ['Slurm, from 1', [], slurm(8, 1, 8), [8, 8, 'SLURM_ARRAY_TASK_ID 8 of 1 to 8']],
    ['Slurm, with a step', [], slurm(14, 10, 16, 2), [3, 4, 'SLURM_ARRAY_TASK_ID 14 of 10 to 16']],
    ['Kubernetes', [], { ...kubernetes, SHARD_COUNT: '8' }, [3, 8, 'JOB_COMPLETION_INDEX 2 and SHARD_COUNT 8']],
    ['AWS Batch', [], batch, [3, 8, 'AWS_BATCH_JOB_ARRAY_INDEX 2 of AWS_BATCH_JOB_ARRAY_SIZE 8']],
    [
      'AWS Batch without its size',
      [],
      { AWS_BATCH_JOB_ARRAY_INDEX: '2', SHARD_COUNT: '8' },
      [3, 8, 'AWS_BATCH_JOB_ARRAY_INDEX 2 and SHARD_COUNT 8'],
    ],
    ['Cloud Run', [], cloudRun, [3, 8, 'CLOUD_RUN_TASK_INDEX 2 of CLOUD_RUN_TASK_COUNT 8']],
    ['several that agree', ['--shard', '3/8'], slurm(2), [3, 8, '--shard 3/8 and SLURM_ARRAY_TASK_ID 2 of 0 to 7']],
    [
      'a flag and an index without a count',
      ['--shard', '3/8'],
      kubernetes,
      [3, 8, '--shard 3/8 and JOB_COMPLETION_INDEX 2'],
    ],
    // Tasks 3 and 5 of eight again: what Slurm tells of this array is of no use.
    [
      'a flag in an array that is no range',
      ['--shard', '3/8'],
      { ...slurm(3, 3, 5), SLURM_ARRAY_TASK_COUNT: '2' },
      [3, 8, '--shard 3/8'],
    ],
  ])('is told by %s', (_name, argv, environment, [index, count, source]) => {
    expect(resolve(argv, environment).shard).toEqual({ index, count, source })
  })

  test.each<[string, readonly string[], Environment]>([
    ['nothing is set', [], {}],
    ['variables are empty', [], { SHARD: '', SHARD_COUNT: ' ', JOB_COMPLETION_INDEX: '', SLURM_ARRAY_TASK_ID: '' }],
    ['the flag says none', ['--shard', 'none'], SCHEDULERS],
    ['the variable says none', [], { ...SCHEDULERS, SHARD: 'None' }],
    ['the flag says none, whatever is wrong', ['--shard', 'none'], { SHARD: '2/2', JOB_COMPLETION_INDEX: 'x' }],
  ])('is none where %s', (_name, argv, environment) => {
    expect(resolve(argv, environment).shard).toBeUndefined()
  })

  test.each<[string, readonly string[], Environment, string]>([
    ['an index of 0', ['--shard', '0/8'], {}, '--shard is "0/8", expected a shard like 3/8'],
    ['an index beyond the count', [], { SHARD: '9/8' }, 'SHARD is "9/8", expected a shard like 3/8'],
    [
      'an index without a count',
      [],
      kubernetes,
      'JOB_COMPLETION_INDEX 2 does not say of how many shards: set SHARD_COUNT',
    ],
    [
      'a count without an index',
      [],
      { SHARD_COUNT: '8' },
      'SHARD_COUNT 8 does not say which shard this is: give --shard',
    ],
    [
      'an index beyond a count of another',
      [],
      { JOB_COMPLETION_INDEX: '8', SHARD_COUNT: '8' },
      'JOB_COMPLETION_INDEX 8 and SHARD_COUNT 8 name shard 9 of 8: set SHARD_COUNT',
    ],
    [
      'a flag and a scheduler that differ',
      ['--shard', '3/8'],
      slurm(3),
      '--shard 3/8 and SLURM_ARRAY_TASK_ID 3 of 0 to 7 name different shards. Unset what',
    ],
    [
      'a flag and an index that differ',
      ['--shard', '4/8'],
      kubernetes,
      '--shard 4/8 and JOB_COMPLETION_INDEX 2 name different shards',
    ],
    ['two schedulers', [], { ...slurm(3), ...batch }, 'AWS_BATCH_JOB_ARRAY_INDEX 2 of AWS_BATCH_JOB_ARRAY_SIZE 8 name'],
    ['a count and a size', [], { ...batch, SHARD_COUNT: '4' }, 'and SHARD_COUNT 4 name different shards'],
    [
      'an array that is no range',
      [],
      { ...slurm(3, 3, 5), SLURM_ARRAY_TASK_COUNT: '2' },
      'The Slurm array of task 3 is no range of 2 tasks: start it with --array=1-2',
    ],
    [
      'an array whose numbers do not reach the container',
      [],
      { SLURM_ARRAY_TASK_ID: '3' },
      'SLURM_ARRAY_TASK_ID is set without SLURM_ARRAY_TASK_MIN',
    ],
    [
      'an array of too many tasks',
      [],
      slurm(3, 0, 4_999),
      'SLURM_ARRAY_TASK_COUNT is "5000", expected a whole number of shards from 1 to 1000, or --shard none',
    ],
    [
      'an index that is no number',
      [],
      { JOB_COMPLETION_INDEX: '-1' },
      'JOB_COMPLETION_INDEX is "-1", expected a whole',
    ],
  ])('is not guessed: %s', (_name, argv, environment, expected) => {
    const problems = problemsOf(argv, environment)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(expected)
  })

  test('is named with everything else that is wrong', () => {
    expect(problemsOf(['--keys', '--shard', '3/8'], { ...slurm(3), DAILY_CALLS: '250' })).toEqual([
      expect.stringContaining('name different shards'),
      expect.stringContaining('--keys needs --dry-run'),
      expect.stringContaining('DAILY_CALLS needs --ledger'),
    ])
  })

  test('of the tasks of an array are all its shards, each once', () => {
    for (const [first, last, step] of [
      [0, 6, 1],
      [1, 9, 2],
      [100, 121, 7],
    ] as const) {
      const count = (last - first) / step + 1
      const shards = Array.from({ length: count }, (_, task) => {
        const environment = slurm(first + task * step, first, last, step)
        return readShard(createReader(new Map(), environment, [])).shard
      })
      expect(shards.map((shard) => [shard?.index, shard?.count])).toEqual(
        shards.map((_shard, index) => [index + 1, count]),
      )
    }
  })
})

describe('the run group', () => {
  test.each<[string, readonly string[], Environment, string | undefined]>([
    ['as given', ['--run-group', 'night-1'], slurm(2), 'night-1'],
    ['by the variable', [], { RUN_GROUP: 'night-2' }, 'night-2'],
    ['Slurm’s array', [], slurm(2), '4711'],
    ['the parent of AWS Batch', [], batch, 'a1b2-c3'],
    ['the execution of Cloud Run', [], cloudRun, 'nightly-x7'],
    ['the run of a workflow', ['--shard', '3/8'], { GITHUB_RUN_ID: '123' }, '123'],
    ['none without a shard', ['--shard', 'none'], { ...SCHEDULERS, GITHUB_RUN_ID: '123' }, undefined],
  ])('is %s', (_name, argv, environment, expected) => {
    expect(resolve(argv, environment).runGroup).toBe(expected)
  })

  test('is a name that fits on a line', () => {
    expect(problemsOf(['--run-group', 'a b'])[0]).toContain('--run-group is "a b", expected a name of at most 100')
  })
})

test('the calls of a day need the ledger', () => {
  expect(resolve(['--ledger'], { DAILY_CALLS: '250' })).toMatchObject({ usesLedger: true, dailyCalls: 250 })
  expect(resolve([], { LEDGER: 'true' })).toMatchObject({ usesLedger: true, dailyCalls: undefined })
  expect(problemsOf([], { DAILY_CALLS: '250' })[0]).toContain('DAILY_CALLS needs --ledger')
})
