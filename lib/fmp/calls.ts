// The calls of a run: each attempt passes the rate gate and is paid from the call budget, and is repeated where a retry can
// help.

import { createLimit } from '../core/concurrency.ts'
import { IngestError } from '../core/errors.ts'
import type { VendorStats } from '../core/outcome.ts'
import { backoffMs } from '../core/retry.ts'
import type { Clock } from '../core/clock.ts'
import { budgetError, type Reservation } from './call-budget.ts'
import type { Epoch } from './pauses.ts'
import type { RateGate } from './rate-gate.ts'
import { sendRequest, type HttpReply, type HttpRequest, type RequestOptions } from './request.ts'

export type CallsOptions = RequestOptions & {
  readonly gate: RateGate
  readonly clock: Clock
  /** At least 0 and less than 1, for the waits before retries. */
  readonly random: () => number
}

export type Calls = {
  /**
   * Sends a request and returns what `interpret` makes of the reply. Throws the error of `interpret` when its scope is
   * `symbol` or `run`; when it is `attempt`, sends the request again, and after the last attempt throws the error with scope
   * `symbol`. Own kinds: those of `sendRequest`, `budget` (no call is left for a retry) and `quota` (the limit of the day).
   * After an error of the run that a reply gave, nothing more is sent.
   */
  make<T>(request: HttpRequest, interpret: (reply: HttpReply) => T, reservation: Reservation): Promise<T>
  stats(): VendorStats
}

type Call<T> = { request: HttpRequest; interpret: (reply: HttpReply) => T; reservation: Reservation }

const MAX_RETRIES = 4
const BACKOFF = { baseMs: 1_000, capMs: 30_000 }

/**
 * When FMP has not answered since the run began, the run stops after this many calls. That takes 25 minutes at the default
 * rate; without it hundreds of symbols would fail one by one for hours.
 */
const MAX_UNANSWERED_CALLS = 20

/** The calls of one run. */
export function createCalls(options: CallsOptions): Calls {
  const { clock, gate, random, signal } = options
  const startup = createStartup()
  const counts = { calls: 0, retries: 0, limited: 0 }

  async function attempt<T>({ request, interpret, reservation }: Call<T>, epoch: Epoch): Promise<T> {
    counts.calls += 1
    reservation.countMade()
    let reply: HttpReply | undefined
    try {
      reply = await sendRequest(request, options)
      const value = interpret(reply)
      gate.answered(epoch)
      startup.answered()
      return value
    } catch (error) {
      if (!(error instanceof IngestError) || signal.aborted) throw error
      throw afterFailure(error, epoch, reply?.retryAfterMs)
    }
  }

  /** Pauses or closes the gate after a failed attempt, before any other can be sent. Returns the error to throw. */
  function afterFailure(failure: IngestError, epoch: Epoch, retryAfterMs: number | undefined): IngestError {
    const isLimit = isCallLimit(failure)
    if (isLimit) counts.limited += 1
    const error = isLimit ? gate.refused(epoch, failure, retryAfterMs) : startup.afterFailure(failure)
    if (error.scope === 'run') gate.close(error)
    if (isReply(failure) && !isLimit) gate.answered(epoch)
    if (isVendors(failure)) startup.answered()
    return error
  }

  async function makeCall<T>(call: Call<T>): Promise<T> {
    // A call that waited for the first answer may start after the run was stopped: it is not sent, and so not paid.
    signal.throwIfAborted()
    call.reservation.spend()
    let failures = 0
    let last: IngestError | undefined
    for (;;) {
      const isRetry = last !== undefined
      const isUrgent = last !== undefined && isCallLimit(last)
      const outcome = await gate.pass((epoch) => {
        if (isRetry) counts.retries += 1
        return attempt(call, epoch).then((value) => ({ value }), retryable)
      }, isUrgent)
      if ('value' in outcome) return outcome.value
      last = outcome.error
      // After a refusal for the call limit the pause of the gate is the wait, and the attempt is not counted as a failure.
      const isPaused = isCallLimit(last)
      if (!isPaused) failures += 1
      if (failures > MAX_RETRIES) {
        const error = startup.afterAttempts(last)
        if (error.scope === 'run') gate.close(error)
        throw error
      }
      if (!call.reservation.spendExtra()) throw budgetSpent(call.request.what, last)
      if (!isPaused) await clock.sleep(backoffMs(failures, BACKOFF, random), gate.halted)
    }
  }

  return {
    make: (request, interpret, reservation) =>
      startup.limit.run(async () => await makeCall({ request, interpret, reservation })),
    stats: () => ({ ...counts, gateWaitMs: gate.waitedMs() }),
  }
}

/** Returns an error that a retry can help, and throws any other. */
function retryable(error: unknown): { error: IngestError } {
  if (error instanceof IngestError && error.scope === 'attempt') return { error }
  throw error
}

function isCallLimit(error: IngestError): boolean {
  return error.kind === 'quota' && error.scope === 'attempt'
}

function isReply({ kind }: IngestError): boolean {
  return kind !== 'network' && kind !== 'timeout'
}

/** Whether FMP has refused, and not something on the way to it. */
function isVendors(failure: IngestError): boolean {
  return isReply(failure) && failure.data?.isNotVendors !== true
}

/** The start of a run, until FMP has answered for the first time. */
function createStartup() {
  // One call at a time until FMP has answered, so that a bad key is refused once.
  const limit = createLimit(1)
  let hasAnswered = false
  let unansweredCalls = 0

  /** Counts a call that ended with `error` and without an answer of FMP's. Returns the error of the run if it is one too many. */
  function unanswered(error: IngestError): IngestError | undefined {
    if (!hasAnswered) unansweredCalls += 1
    return hasAnswered || unansweredCalls < MAX_UNANSWERED_CALLS ? undefined : unreachable(error)
  }

  return {
    limit,
    answered(): void {
      hasAnswered = true
      limit.setMax(Infinity)
    },
    /** The error of a call after its last attempt. */
    afterAttempts: (error: IngestError): IngestError => unanswered(error) ?? givenUp(error),
    /** The error of a failed attempt. A failure that no retry can help ends its call. */
    afterFailure: (failure: IngestError): IngestError =>
      isVendors(failure) || failure.scope !== 'symbol' ? failure : (unanswered(failure) ?? failure),
  }
}

function givenUp({ message, kind, hint }: IngestError): IngestError {
  const says = `${message} Given up after ${MAX_RETRIES + 1} attempts.`
  return new IngestError(says, { kind, scope: 'symbol', hint: hint ?? 'Run again later: what is stored is kept.' })
}

function unreachable({ message, kind, scope, hint }: IngestError): IngestError {
  const attempts = scope === 'attempt' ? `, ${MAX_RETRIES + 1} attempts each` : ''
  const says = `${message} None of the run's first ${MAX_UNANSWERED_CALLS} calls was answered by FMP${attempts}.`
  return new IngestError(says, { kind, scope: 'run', hint })
}

function budgetSpent(what: string, { message }: IngestError): IngestError {
  return budgetError(`The call budget has no call left to try ${what} again. ${message}`)
}
