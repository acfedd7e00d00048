// What must be true of an array whose tasks were killed: each check is a function of what was seen.

import { counted, grouped, whereTrue } from '../../lib/core/text.ts'
import type { Metrics } from '../../lib/report/contract.ts'
import type { RunGroup } from '../../lib/report/run-group.ts'
import { TASKS } from './cluster.ts'
import type { Task } from './tasks.ts'

export type Check = {
  readonly name: string
  /** What is wrong; undefined if nothing is. */
  readonly problem: string | undefined
  readonly said: string
}

/** The files of a lake: a hash of its bytes by key. */
export type Files = ReadonlyMap<string, string>

const MS_PER_DAY = 86_400_000

export function checkLakes(shards: Files, one: Files): Check {
  const keys = [...new Set([...shards.keys(), ...one.keys()])].filter((key) => !key.startsWith('logs/')).toSorted()
  const other = keys.filter((key) => shards.get(key) !== one.get(key))
  const words = (key: string) => (!shards.has(key) ? `lacks ${key}` : one.has(key) ? `differs in ${key}` : `has ${key}`)
  const isEmpty = keys.length === 0
  return {
    name: 'the lake is that of one process, byte by byte',
    problem: isEmpty ? 'there is no file' : other.length === 0 ? undefined : listed(other.map(words)),
    said: counted(keys.length, 'file'),
  }
}

/** The most calls within such a time, wherever it begins. `arrivals` never fall. */
export function mostWithin(windowMs: number, arrivals: readonly number[]): number {
  let first = 0
  let most = 0
  for (const [index, ms] of arrivals.entries()) {
    while ((arrivals[first] ?? ms) <= ms - windowMs) first += 1
    most = Math.max(most, index - first + 1)
  }
  return most
}

export function checkMinute(arrivals: readonly number[], limit: number): Check {
  const most = mostWithin(60_000, arrivals)
  return {
    name: 'no minute has more calls than the limit, by the vendor’s count',
    problem: most > limit ? `${grouped(most)} calls in a minute, limit ${grouped(limit)}` : undefined,
    said: `${grouped(most)} at most, limit ${grouped(limit)}`,
  }
}

/** Two processes that call at once would show here, in a minute that deaths have left half empty. */
export function checkTenSeconds(arrivals: readonly number[], limit: number): Check {
  const most = mostWithin(10_000, arrivals)
  // Calls of a second that were late on their way may come in with those of the next.
  const allowed = limit * 1.1
  return {
    name: 'no ten seconds have more calls than 1.1 times their share of the limit',
    problem: most > allowed ? `${grouped(most)} calls in ten seconds, ${grouped(allowed)} allowed` : undefined,
    said: `${grouped(most)} at most, limit ${grouped(limit)}`,
  }
}

/** How many of the calls came in on the UTC day of this instant. */
export function ofDay(arrivals: readonly number[], atMs: number): number {
  const day = Math.floor(atMs / MS_PER_DAY)
  return arrivals.filter((ms) => Math.floor(ms / MS_PER_DAY) === day).length
}

export function checkDay(arrivals: readonly number[], quota: number): Check {
  const most = Math.max(0, ...arrivals.map((ms) => ofDay(arrivals, ms)))
  return {
    name: 'no day has more calls than its quota, by the vendor’s count',
    problem: most > quota ? `${grouped(most)} calls, quota ${grouped(quota)}` : undefined,
    said: `${counted(most, 'call')}, quota ${grouped(quota)}`,
  }
}

/** `codes`: the exit codes that a task may end with, the first of which at least one task must have. */
export function checkEnds(tasks: readonly Task[], count: number, codes: readonly number[]): Check {
  const wrong = tasks.filter(({ exitCode }) => !codes.includes(exitCode))
  const [needed] = codes
  const missing = tasks.every(({ exitCode }) => exitCode !== needed) ? [`none ended with ${needed}`] : []
  const fewer = tasks.length === count ? [] : [`${counted(tasks.length, 'task')}, not ${count}`]
  const problems = [...fewer, ...missing, ...wrong.map(({ id, state, exitCode }) => `${id}: ${state}, ${exitCode}`)]
  return {
    name: `every task has ended with ${codes.join(' or ')}`,
    problem: problems.length === 0 ? undefined : listed(problems),
    said: tasks.map(({ exitCode }) => exitCode).join(' '),
  }
}

/** A kill of one or more tasks. A task that was about to end anyway may not need another start: that is not certain then. */
export type Kill = { readonly ids: readonly string[]; readonly isCertain: boolean }

export function checkRestarts(tasks: readonly Task[], kills: readonly Kill[]): Check {
  const times = (id: string, some: readonly Kill[]) => some.filter(({ ids }) => ids.includes(id)).length
  const certain = kills.filter(({ isCertain }) => isCertain)
  const wrong = tasks.filter(({ id, restarts }) => restarts < times(id, certain) || restarts > times(id, kills))
  const words = ({ id, restarts }: Task) => `${id} killed ${times(id, kills)} times, restarted ${restarts}`
  return {
    name: 'Slurm has started every killed task again, and no other',
    problem: wrong.length === 0 ? undefined : listed(wrong.map(words)),
    said: counted(
      tasks.reduce((sum, { restarts }) => sum + restarts, 0),
      'restart',
    ),
  }
}

/** What `ingest status --run-group` says. */
type Group = Pick<
  RunGroup,
  'symbols' | 'sessions' | 'present' | 'counts' | 'missing' | 'shards' | 'documents' | 'unfinished'
>
type One = Pick<Metrics, 'symbols' | 'sessions' | 'counts'>

/** The same with killed runs: they leave no document, and what they have stored is stored already for the next. */
export function checkTotals(group: Group, one: One): Check {
  const present = one.counts.stored + one.counts.already_stored
  const problems = whereTrue([
    [group.shards !== TASKS || group.missing.length > 0, `${group.shards} shards without ${group.missing.join(', ')}`],
    [group.unfinished.length > 0, `unfinished: ${JSON.stringify(group.unfinished)}`],
    [group.symbols !== one.symbols, `${group.symbols} symbols, ${one.symbols} of one process`],
    [group.sessions !== one.sessions, `${group.sessions} sessions, ${one.sessions} of one process`],
    [group.present !== present, `${group.present} sessions present, ${present} of one process`],
    [
      !Bun.deepEquals(withoutPresent(group.counts), withoutPresent(one.counts)),
      `counts ${JSON.stringify({ group, one })}`,
    ],
  ])
  return {
    name: 'the totals of the group are those of one process',
    problem: problems.length === 0 ? undefined : listed(problems),
    said: `${counted(group.symbols, 'symbol')}, ${grouped(group.present)} sessions, ${counted(group.documents, 'document')}`,
  }
}

function withoutPresent(counts: Metrics['counts']): Metrics['counts'] {
  return { ...counts, stored: 0, already_stored: 0 }
}

/** After a quota: what it has left is said, and nothing is lost. */
export function checkStopped({ symbols, present, counts }: Group, one: One): Check {
  const all = one.counts.stored + one.counts.already_stored
  const { not_reached: notReached } = counts
  const problems = whereTrue([
    [notReached === 0, 'no session is not reached'],
    [present + notReached !== all, `${present} present and ${notReached} not reached are not ${all}`],
    [symbols !== one.symbols, `${symbols} symbols, ${one.symbols} of one process`],
  ])
  return {
    name: 'the totals of the group say what the quota has left',
    problem: problems.length === 0 ? undefined : listed(problems),
    said: `${grouped(present)} sessions present, ${grouped(notReached)} not reached`,
  }
}

export type Span = { readonly fromMs: number; readonly toMs: number }

/** The share of the allowed calls that were made in these spans; undefined where there is no span. */
export function useOfRate(arrivals: readonly number[], spans: readonly Span[], intervalMs: number): number | undefined {
  const lengthMs = spans.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0)
  const calls = arrivals.filter((ms) => spans.some(({ fromMs, toMs }) => fromMs <= ms && ms < toMs)).length
  return lengthMs === 0 ? undefined : (calls * intervalMs) / lengthMs
}

function listed(problems: readonly string[]): string {
  const rest = problems.length - 5
  return `${problems.slice(0, 5).join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`
}
