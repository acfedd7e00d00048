// What a run starts from besides FMP and the store: the ticker list, the clock, credentials that last, and earlier runs.

import { lastFinishedSession } from '../../core/calendar.ts'
import { addDays } from '../../core/dates.ts'
import { counted, grouped, listed, oneLine } from '../../core/text.ts'
import { runIdOf } from '../../report/json-schema.ts'
import type { RunRecord } from '../../report/runs.ts'
import { durationText } from '../../report/summary.ts'
import { fail, ok, skip, warn, type Check, type Finding } from './checks.ts'
import type { Context } from './context.ts'
import { RUN_DAYS } from './store-look.ts'

/** As many symbols as a line names. */
const MOST_NAMED = 5

const tickers: Check<Context> = {
  name: 'tickers',
  run: async (context) => {
    const { symbols, duplicates, left, dotted } = await context.tickers()
    const value = counted(symbols.length, 'symbol')
    const flaws = [
      [duplicates, 'Listed more than once and taken once'],
      [dotted, 'Written with a dot and asked for with a dash'],
      [left, 'Left out'],
    ] as const
    const told = flaws.flatMap(([cells, says]) =>
      cells.length === 0 ? [] : [`${says}: ${listed(cells, MOST_NAMED)}.`],
    )
    if (told.length > 0) return warn(value, told.join(' '), 'Correct the list.')
    return ok(value, `The ticker list has ${value}, none of them twice.`)
  },
}

/** A smaller difference proves nothing: the header `Date` has whole seconds, and an answer takes its time. */
const MIN_OFF_MS = 60_000

/** S3 refuses requests that are 15 minutes off, and a clock that nothing sets goes on drifting. */
const MAX_OFF_MS = 5 * 60_000

const clock: Check<Context> = {
  name: 'clock',
  run: ({ aheadMs }) => {
    if (aheadMs.size === 0) return skip('No server has told its time.')
    const offs = [...aheadMs].map(([whose, ms]) => ({ whose, ms }))
    const off = Math.max(...offs.map(({ ms }) => Math.abs(ms)))
    const value = durationText(Math.round(off / 1_000))
    const whose = offs.map((each) => each.whose).join(' and ')
    if (off < MIN_OFF_MS) return ok(value, `This machine's clock agrees with ${whose}, within a minute.`)
    const wrong = offs.filter(({ ms }) => Math.abs(ms) >= MIN_OFF_MS)
    const detail = `This machine's clock is ${wrong.map(offText).join(', and ')}.`
    const cure =
      'Set the clock (NTP): S3 refuses requests from 15 minutes on, and a run would take a wrong session for the last one.'
    return off < MAX_OFF_MS ? warn(value, detail, cure) : fail(value, detail, cure)
  },
}

function offText({ whose, ms }: { readonly whose: string; readonly ms: number }): string {
  return `${durationText(Math.round(Math.abs(ms) / 1_000))} ${ms > 0 ? 'behind' : 'ahead of'} that of ${whose}`
}

/** No role gives shorter ones (AWS STS, AssumeRole). */
const MIN_SESSION_SECONDS = 900

const credentials: Check<Context> = {
  name: 'credentials',
  needs: ['tickers'],
  run: async (context) => {
    if (context.config.target.kind === 'folder') return skip('A folder needs none.')
    const { symbols } = await context.tickers()
    const calls = symbols.length * context.prices.callsPerWindow
    const seconds = calls * context.vendor.rateLimitSeconds
    const night = `a night of ${counted(calls, 'call')} takes ${durationText(seconds)}`
    const leftSeconds = secondsLeft(context)
    const cure = `Get credentials that last longer (the role's maximum session duration, ROLE_DURATION_SECONDS), or lower RATE_LIMIT_SECONDS as far as the plan allows.`
    if (leftSeconds === 'never') return ok('no end', `No end of the credentials is set; ${night}.`)
    if (leftSeconds === 'unknown') {
      const detail = `AWS_SESSION_TOKEN is set, so the credentials end, and no setting tells when; ${night}.`
      return seconds <= MIN_SESSION_SECONDS ? ok('unknown', detail) : warn('unknown', detail, cure)
    }
    const value = durationText(Math.max(0, leftSeconds))
    if (leftSeconds > seconds) return ok(value, `The credentials last for ${value} more; ${night}.`)
    const ends = leftSeconds <= 0 ? 'have ended' : `end in ${value}`
    return fail(
      value,
      `The credentials ${ends}, and ${night}: what is not stored by then is left for the next run.`,
      cure,
    )
  },
}

/** How long the credentials of the variables last. The SDK renews all others, as those of a profile, by itself. */
function secondsLeft({ own, machineMs }: Context): number | 'unknown' | 'never' {
  if (own.sessionToken === undefined || own.profile !== undefined) return 'never'
  const endMs = Date.parse(own.credentialsEnd ?? '')
  if (!Number.isNaN(endMs)) return (endMs - machineMs()) / 1_000
  return own.roleDurationSeconds ?? 'unknown'
}

const lastRun: Check<Context> = {
  name: 'last-run',
  needs: ['read'],
  run: async (context) => {
    const run = await context.lastRun()
    const cure = 'Look at what starts the nightly run: the cron line, the timer or the workflow, and its log.'
    if (run === undefined) {
      const isNew = (await context.priceFiles()).length === 0
      const detail = `No run of the last ${RUN_DAYS} days has left its metrics`
      return isNew ? skip(`${detail}.`) : fail(null, `${detail}, though prices are stored.`, cure)
    }
    const id = runIdOf(run.startMs)
    const { calendar, asOf } = context
    const from = addDays(lastFinishedSession(calendar, run.startMs), 1)
    const missed = calendar.sessions({ from, to: asOf }).length
    if (missed > 1) {
      return fail(id, `The last run began at ${id}, and ${counted(missed, 'session')} have been finished since.`, cure)
    }
    return 'problem' in run
      ? warn(id, `The metrics of the last run cannot be read: ${run.key} ${run.problem}.`, 'Look at that file.')
      : endOf(run.metrics, id, context.redact)
  },
}

function endOf(
  { exit_code: code, run_errors: errors = [], errors: count }: RunRecord,
  id: string,
  redact: Context['redact'],
): Finding {
  if (code === undefined) return warn(id, `The last run, of ${id}, does not tell its exit code.`, 'Look at its log.')
  const detail = `The last run, of ${id}, ended with exit code ${code}.`
  if (code === 0) return ok(id, detail)
  if (code === 3) return warn(id, `${detail} It stopped at a limit.`, 'Run again: it goes on where it stopped.')
  const [first] = errors
  const why =
    first === undefined ? ` It counts ${grouped(count ?? 0)} errors.` : ` It says: ${oneLine(redact(first), 300)}`
  return warn(id, `${detail}${why}`, 'Look at its summary and log.')
}

/** Two weeks: no market is closed for so long. */
const OLD_SESSIONS = 10

const behind: Check<Context> = {
  name: 'behind',
  needs: ['tickers', 'last-run'],
  run: async (context) => {
    const run = await context.lastRun()
    if (run === undefined || 'problem' in run) return skip('The metrics of the last run do not tell.')
    const { symbols } = await context.tickers()
    const isListed = new Set(symbols)
    const oldest = context.calendar.sessionsBack(context.asOf, OLD_SESSIONS)
    const results = run.metrics.results.filter(({ symbol, dataset }) => dataset === 'prices' && isListed.has(symbol))
    const old = results.filter(({ through_date: through }) => (through ?? '') < oldest)
    const value = counted(old.length, 'symbol')
    if (old.length === 0) return ok(value, `No listed symbol of the last run is ${OLD_SESSIONS} sessions behind.`)
    const names = old.map(
      ({ symbol, through_date: through }) => `${oneLine(symbol, 30)} (${through ?? 'nothing stored'})`,
    )
    const detail = `${value} of the list ${old.length === 1 ? 'is' : 'are'} ${OLD_SESSIONS} sessions behind or more: ${listed(names, MOST_NAMED)}.`
    return warn(value, detail, 'Check the spelling, and take symbols off the list that no longer trade.')
  },
}

export const LIST_CHECK = tickers

export const RUN_CHECKS: readonly Check<Context>[] = [credentials, clock, lastRun, behind]
