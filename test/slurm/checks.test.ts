// The checks of the proof on Slurm can fail: each is shown what is right, and then what it must not let pass.

import { describe, expect, test } from 'bun:test'
import { ZERO_COUNTS } from '../../lib/core/outcome.ts'
import {
  checkDay,
  checkEnds,
  checkLakes,
  checkMinute,
  checkRestarts,
  checkStopped,
  checkTenSeconds,
  checkTotals,
  mostWithin,
  useOfRate,
} from './checks.ts'
import { hasEnded, readTasks, type Task } from './tasks.ts'

const NOON = Date.parse('2024-09-17T12:00:00Z')
/** So many calls, one a second, from then on. */
const calls = (count: number, fromMs = NOON) => Array.from({ length: count }, (_, index) => fromMs + index * 1_000)

describe('the lakes', () => {
  const one = new Map([
    ['raw/a', '1'],
    ['raw/b', '2'],
  ])

  test('are the same with other logs', () => {
    const shards = new Map([...one, ['logs/ingest/x.json', '3']])
    expect(checkLakes(shards, one).problem).toBeUndefined()
  })

  test.each([
    ['a file is absent', new Map([['raw/a', '1']]), 'lacks raw/b'],
    ['a file has other bytes', new Map([...one, ['raw/b', '9']]), 'differs in raw/b'],
    ['there is a file more', new Map([...one, ['raw/c', '3']]), 'has raw/c'],
  ])('are not when %s', (_name, shards, problem) => {
    expect(checkLakes(shards, one).problem).toBe(problem)
  })

  test('are not when both are empty', () => {
    expect(checkLakes(new Map(), new Map()).problem).toBe('there is no file')
  })
})

describe('the vendor’s count', () => {
  test('of a minute is of any minute, not of the clock’s', () => {
    expect(mostWithin(60_000, [])).toBe(0)
    expect(mostWithin(60_000, calls(61))).toBe(60)
    expect(mostWithin(60_000, [...calls(40, NOON + 40_000), ...calls(40, NOON + 80_000)])).toBe(60)
    expect(checkMinute(calls(300), 60).problem).toBeUndefined()
    // One call more, anywhere.
    const more = [...calls(300), NOON + 150_500].toSorted((a, b) => a - b)
    expect(checkMinute(more, 60).problem).toBe('61 calls in a minute, limit 60')
  })

  test('of ten seconds shows two processes that call at once', () => {
    expect(checkTenSeconds(calls(300), 10).problem).toBeUndefined()
    const two = [...calls(300), ...calls(5, NOON + 100_000)].toSorted((a, b) => a - b)
    expect(checkTenSeconds(two, 10).problem).toBe('15 calls in ten seconds, 11 allowed')
  })

  test('of a day is that of the fullest UTC day', () => {
    const midnight = Date.parse('2024-09-18T00:00:00Z')
    expect(checkDay(calls(20, midnight - 10_000), 10).problem).toBeUndefined()
    expect(checkDay(calls(20, midnight - 9_000), 10).problem).toBe('11 calls, quota 10')
    expect(checkDay([], 10).problem).toBeUndefined()
  })

  test('gives the use of the allowed rate within spans', () => {
    const spans = [
      { fromMs: NOON, toMs: NOON + 10_000 },
      { fromMs: NOON + 20_000, toMs: NOON + 30_000 },
    ]
    expect(useOfRate(calls(15), spans, 1_000)).toBe(0.5)
    expect(useOfRate(calls(15), [], 1_000)).toBeUndefined()
  })
})

const task = (index: number, changes: Partial<Task> = {}): Task => ({
  index,
  id: `7_${index}`,
  state: 'COMPLETED',
  exitCode: 0,
  restarts: 0,
  node: 'node1',
  ...changes,
})

const ended = (...restarts: readonly number[]) => restarts.map((count, index) => task(index + 1, { restarts: count }))

describe('the tasks', () => {
  test('are read as scontrol prints them, waiting ones aside', () => {
    const text = [
      'JobId=9 ArrayJobId=7 ArrayTaskId=8 JobName=fmp-ingest JobState=RUNNING Reason=None Requeue=1 Restarts=2 BatchFlag=1 ExitCode=0:0 BatchHost=node2',
      'JobId=8 ArrayJobId=7 ArrayTaskId=2 JobState=FAILED Restarts=0 ExitCode=3:0 BatchHost=node1',
      'JobId=6 ArrayJobId=7 ArrayTaskId=3 JobState=FAILED Restarts=0 ExitCode=0:9 BatchHost=node1',
      'JobId=7 ArrayJobId=7 ArrayTaskId=4-7 JobState=PENDING Restarts=0 ExitCode=0:0',
      '',
    ].join('\n')
    const tasks = readTasks(text)
    expect(tasks).toEqual([
      task(8, { state: 'RUNNING', restarts: 2, node: 'node2' }),
      task(2, { state: 'FAILED', exitCode: 3 }),
      task(3, { state: 'FAILED', exitCode: 137 }),
    ])
    expect(tasks.map(hasEnded)).toEqual([false, true, true])
  })

  test('end with the codes that are allowed, one at least with the first of them', () => {
    expect(checkEnds([task(1, { exitCode: 3 }), task(2)], 2, [3, 0]).problem).toBeUndefined()
    expect(checkEnds([task(1), task(2)], 2, [3, 0]).problem).toBe('none ended with 3')
    expect(checkEnds([task(1), task(2, { exitCode: 1 })], 2, [0]).problem).toBe('7_2: COMPLETED, 1')
    expect(checkEnds([task(1)], 2, [0]).problem).toBe('1 task, not 2')
  })

  test('are started again when they were killed, and only then', () => {
    const kills = [
      { ids: ['7_1'], isCertain: true },
      { ids: ['7_1', '7_2'], isCertain: false },
    ]
    expect(checkRestarts(ended(1, 0, 0), kills).problem).toBeUndefined()
    expect(checkRestarts(ended(2, 1, 0), kills).problem).toBeUndefined()
    expect(checkRestarts(ended(0, 0, 0), kills).problem).toBe('7_1 killed 2 times, restarted 0')
    expect(checkRestarts(ended(1, 0, 1), kills).problem).toBe('7_3 killed 0 times, restarted 1')
    expect(checkRestarts(ended(3, 0, 0), kills).problem).toBe('7_1 killed 2 times, restarted 3')
  })
})

describe('the totals of a group', () => {
  const one = { symbols: 5, sessions: 100, counts: { ...ZERO_COUNTS, stored: 90, no_data: 10 } }
  const group = {
    symbols: 5,
    sessions: 100,
    present: 90,
    shards: 8,
    missing: [],
    unfinished: [],
    documents: 9,
    counts: { ...ZERO_COUNTS, stored: 60, already_stored: 30, no_data: 10 },
  }

  test('are those of one process, what was stored before a kill included', () => {
    expect(checkTotals(group, one).problem).toBeUndefined()
  })

  test.each([
    [{ shards: 7 }, '7 shards'],
    [{ missing: [3] }, 'without 3'],
    [{ symbols: 4 }, '4 symbols, 5 of one process'],
    [{ sessions: 99 }, '99 sessions, 100 of one process'],
    [{ present: 89 }, '89 sessions present, 90 of one process'],
    [{ counts: { ...group.counts, no_data: 9, failed: 1 } }, '"failed":1'],
    [{ unfinished: [{ shard: 2, key: 'logs/x.json', status: 'failed', exit_code: 1 }] }, 'unfinished'],
  ])('are not with %j', (changes, problem) => {
    expect(checkTotals({ ...group, ...changes }, one).problem).toContain(problem)
  })

  test('say after a quota what is left, and lose nothing', () => {
    const counts = { ...ZERO_COUNTS, stored: 40, not_reached: 50, no_data: 10 }
    const stopped = { ...group, present: 40, counts }
    expect(checkStopped(stopped, one).problem).toBeUndefined()
    expect(checkStopped(group, one).problem).toBe('no session is not reached')
    expect(checkStopped({ ...stopped, present: 39 }, one).problem).toBe('39 present and 50 not reached are not 90')
    expect(checkStopped({ ...stopped, symbols: 4 }, one).problem).toBe('4 symbols, 5 of one process')
  })
})
