// Does FMP answer, to this key and plan, with prices that a run can use?

import { newYorkClock, addDays, dayNumber } from '../../core/dates.ts'
import { FMP_BASE_URL } from '../../core/config.ts'
import { IngestError, type ErrorKind } from '../../core/errors.ts'
import { counted, grouped, listed, oneLine } from '../../core/text.ts'
import { adjustedMisfits, datesOf, judgeSplits, type SplitsVerdict } from '../../datasets/prices/vendor-sample.ts'
import { fail, failureOf, ok, skip, warn, type Check, type Finding } from './checks.ts'
import type { Context } from './context.ts'

/** Which check tells of a refusal. Whatever else goes wrong with the first call is of the way to FMP. */
const OWNERS: { readonly [kind in ErrorKind]?: string } = {
  key: 'key',
  quota: 'limit',
  bandwidth: 'limit',
  plan: 'symbol',
  'plan-limit': 'symbol',
  'plan-period': 'symbol',
}

/** The error of the first call if this check is to tell of it. */
async function refusalFor(name: string, { full }: Context): Promise<IngestError | undefined> {
  const error = await full().then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error === undefined) return undefined
  if (!(error instanceof IngestError) || error.kind === 'interrupted') throw error
  const owner = error.data?.isNotVendors === true ? undefined : OWNERS[error.kind]
  return (owner ?? 'vendor') === name ? error : undefined
}

const vendor: Check<Context> = {
  name: 'vendor',
  run: async (context) => {
    // The check of the ledger, or of the store that it is in, tells why.
    if ((await context.unsent()) !== undefined)
      return skip('FMP was not asked, because no call could be taken from the ledger.')
    const refusal = await refusalFor('vendor', context)
    const { host } = new URL(context.vendor.apiBaseUrl)
    if (refusal === undefined) return ok(host, `FMP answers at ${host}.`)
    const failure = failureOf(refusal)
    if (refusal.data?.isNotVendors !== true) return failure
    // Its own hint may be that of the vendor's refusal with the same status.
    const cure = 'Something on the way has answered in place of FMP: check the network, a proxy and FMP_BASE_URL.'
    return { ...failure, cure }
  },
}

const key: Check<Context> = {
  name: 'key',
  needs: ['vendor'],
  run: async (context) => {
    const { api } = context.vendor
    const refusal = await refusalFor('key', context)
    if (refusal !== undefined) return refusedKey(refusal, context)
    if (api === 'stable') return ok(api, 'The key is accepted by the stable API, and goes in a header.')
    const detail = 'The key is accepted by the legacy API v3, which takes it in the address only: proxies may log it.'
    return warn(api, detail, 'Use FMP_API=stable, which is the default, if the key is accepted there.')
  },
}

function refusedKey(refusal: IngestError, { vendor: { api, apiKey, apiBaseUrl } }: Context): Finding {
  const failure = failureOf(refusal)
  if (refusal.data?.isUnknownKey !== true) return failure
  const flaw = keyFlaw(apiKey)
  if (flaw !== undefined) {
    const detail = `${failure.detail} FMP's keys have 32 letters and digits, and ${flaw}.`
    return fail(null, detail, 'Set FMP_API_KEY to the key alone, as your FMP dashboard shows it.')
  }
  if (api !== 'stable' || apiBaseUrl === FMP_BASE_URL) return failure
  return { ...failure, cure: `${failure.cure} A proxy at FMP_BASE_URL must pass the header apikey on.` }
}

/** Why a key is none of FMP's, without a character of it. Undefined if it looks like one. */
function keyFlaw(apiKey: string): string | undefined {
  if (/^[A-Za-z0-9]{32}$/.test(apiKey)) return undefined
  if (/^["'].*["']$/.test(apiKey)) return 'this one is in quotation marks'
  if (/^\w+[=:]/.test(apiKey)) return 'this one begins with a name, as if a whole line was copied'
  return `this one has ${counted(apiKey.length, 'character')}${/[^A-Za-z0-9]/.test(apiKey) ? ', not all of them letters or digits' : ''}`
}

const limit: Check<Context> = {
  name: 'limit',
  needs: ['key'],
  run: async (context) => {
    const refusal = await refusalFor('limit', context)
    if (refusal === undefined) return ok('none', 'No limit of calls or bandwidth is reached.')
    const cure =
      'A limit of the minute is over in a minute: run again then. On the free plan it is the limit of the day: run again tomorrow. Other jobs with this key share it.'
    const failure = failureOf(refusal)
    return refusal.hint === undefined ? { ...failure, cure } : failure
  },
}

const symbol: Check<Context> = {
  name: 'symbol',
  needs: ['limit'],
  run: async (context) => {
    const refusal = await refusalFor('symbol', context)
    if (refusal !== undefined) return failureOf(refusal)
    const name = await context.symbol()
    const { rows } = await context.full()
    if (datesOf(rows).length > 0) return ok(name, `FMP sends ${counted(rows.length, 'row')} of ${name}.`)
    const cure = 'Check its spelling (class shares are written BRK-B), or take it off the list.'
    return fail(name, `FMP knows the key, and has no prices of ${name}.`, cure)
  },
}

const DAYS_PER_YEAR = 365.25

const depth: Check<Context> = {
  name: 'depth',
  needs: ['symbol'],
  run: async (context) => {
    const { rows, isCut, isRecent } = await context.full()
    if (isRecent) {
      const detail =
        'FMP sends the last sessions. Asked for all since 1990 it refuses, or sends nothing: the plan serves no old prices.'
      return warn(null, detail, 'Set --from-date to what your plan serves.')
    }
    const [oldest, newest] = ends(datesOf(rows))
    const years = `${((dayNumber(newest) - dayNumber(oldest)) / DAYS_PER_YEAR).toFixed(1)} years`
    const why = isCut
      ? `That is FMP's most in one answer, ${grouped(rows.length)} rows: there may be more.`
      : 'The plan, or the symbol itself, has no older ones.'
    return ok(years, `The prices of ${await context.symbol()} begin on ${oldest}. ${why}`)
  },
}

const newest: Check<Context> = {
  name: 'newest',
  needs: ['symbol'],
  run: async (context) => {
    const { asOf, startMs, calendar } = context
    const [, last] = ends(datesOf((await context.full()).rows))
    const { date, minutes } = newYorkClock(startMs)
    const clock = `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
    const when = `at ${clock} in New York on ${date}`
    if (last >= asOf) return ok(last, `The last finished session, ${asOf}, is there ${when}.`)
    const behind = calendar.sessions({ from: addDays(last, 1), to: asOf }).length
    const detail = `The newest row of ${await context.symbol()} is of ${last}, ${counted(behind, 'session')} behind ${when}.`
    return behind === 1
      ? warn(last, detail, 'FMP may be late: let the nightly run begin later, or let the next one fill it.')
      : warn(last, detail, 'Check whether the symbol still trades: take it off the list if not.')
  },
}

const adjusted: Check<Context> = {
  name: 'adjusted',
  needs: ['symbol'],
  run: async (context) => {
    if (context.own.noAdjClose) return skip('Not asked for: with --no-adj-close a run stores no adjusted prices.')
    const { rows: full } = await context.full()
    const { missing, above, torn } = adjustedMisfits(full, (await context.adjusted()).rows)
    const dates = counted(full.length, 'date')
    const flaws = [
      [missing, 'have no adjusted close'],
      [above, 'have an adjusted close above the close'],
      [torn, 'are not adjusted by one factor'],
    ] as const
    const told = flaws.flatMap(([days, says]) =>
      days.length === 0 ? [] : [`${grouped(days.length)} of ${dates} ${says}: ${listed(days, 3)}.`],
    )
    if (told.length === 0) return ok(dates, `The adjusted prices are there for all ${dates}, and fit the others.`)
    return warn(
      dates,
      told.join(' '),
      'Nothing is to be set: a run stores what FMP has, and holds a symbol whose past is in doubt.',
    )
  },
}

const splits: Check<Context> = {
  name: 'splits',
  needs: ['symbol'],
  run: async (context) => {
    if ((await context.full()).isRecent) return skip('Not asked: the three calls are spent on which years are served.')
    const list = await context.splits().catch(asRefusal)
    if (list instanceof IngestError) {
      const { detail } = failureOf(list)
      const cure = 'A run works without the list: a price that leaps overnight is then stored and marked as suspect.'
      return warn(null, detail, cure)
    }
    return splitsFinding(judgeSplits((await context.full()).rows, list.rows))
  },
}

function asRefusal(error: unknown): IngestError {
  if (error instanceof IngestError && error.kind !== 'interrupted') return error
  throw error
}

function splitsFinding({ splits: found, asTraded, leaps }: SplitsVerdict): Finding {
  const value = counted(found.length, 'split')
  if (found.length === 0) return ok(value, 'FMP sends its list of splits, and has none since the prices begin.')
  const raw = asTraded === undefined ? 'nothing' : `${asTraded.price.toPrecision(4)} on ${asTraded.date}`
  const cure = 'Compare the prices with another source before you store them: list and prices are not on one base.'
  if (leaps.length > 0) {
    const detail = `The prices leap at a split as if they were not adjusted for it, or twice: ${namesOf(leaps)}.`
    return warn(value, detail, cure)
  }
  if (asTraded?.isPlausible === false) {
    const detail = `The oldest close times the later splits is ${raw}, which is no price of a share: ${namesOf(found)}.`
    return warn(value, detail, cure)
  }
  return ok(value, `The prices fit the splits that FMP lists: ${namesOf(found)}. By them the share traded at ${raw}.`)
}

/** The newest first. */
function namesOf(found: SplitsVerdict['splits']): string {
  const names = found.toReversed().map(({ ratio, date }) => oneLine(`${ratio} on ${date}`, 60))
  return listed(names, 3)
}

function ends<T>(all: readonly T[]): readonly [T, T] {
  const [first, last] = [all[0], all.at(-1)]
  if (first === undefined || last === undefined) throw new Error('The check of the symbol passes rows only.')
  return [first, last]
}

export const VENDOR_CHECKS: readonly Check<Context>[] = [vendor, key, limit, symbol, depth, newest, adjusted, splits]
