// The calls of a run: one attempt after another through the gate, retried where a retry can help, and paid from the call
// budget. What an answer means is the caller's `interpret`.

import PQueue from 'p-queue'
import { budgetError, type Reservation } from './call-budget.ts'
import type { Clock } from '../core/clock.ts'
import { IngestError } from '../core/errors.ts'
import { exchange, type ExchangeOptions, type FullReply, type HttpReply, type HttpRequest } from './request.ts'
import { createGate, type Turn } from './rate-gate.ts'
import { backoffMs } from '../core/retry.ts'
import type { VendorStats } from '../core/outcome.ts'

export type HttpOptions = ExchangeOptions & {
  readonly clock: Clock
  /** From 0 up to 1, for the waits before retries. */
  readonly random: () => number
  /** The least time between the starts of two attempts; 0 is no gate. */
  readonly intervalMs: number
  /** Told of each pause that a refusal for the call limit makes, in milliseconds. */
  readonly onPause?: (ms: number) => void
}

export interface Http {
  /**
   * What `interpret` makes of the answer. Throws what it throws with scope `symbol` or `run`; with scope `attempt` the
   * request is sent again, and at last that error is thrown with scope `symbol`. Kinds of its own: `network`, `timeout`,
   * `request` (a redirect), `payload` (a body past the cap), `budget` (no call is left for a retry) and `quota` (the
   * day's limit). After an error of the run that an answer gave, nothing more is sent.
   */
  call<T>(request: HttpRequest, interpret: (reply: HttpReply) => T, reservation: Reservation): Promise<T>
  stats(): VendorStats
}

type Call<T> = { request: HttpRequest; interpret: (reply: HttpReply) => T; reservation: Reservation }

const MAX_RETRIES = 4

/**
 * So many calls in a row without any answer since the run began end it: that is 25 minutes at the default rate,
 * while hundreds of symbols would fail one by one for hours.
 */
const MAX_SILENT_CALLS = 20
const BACKOFF = { baseMs: 1_000, capMs: 30_000 }

/** The door for one run. */
export function createHttp(options: HttpOptions): Http {
  const { clock, random, signal } = options
  const gate = createGate(options)
  const opening = createOpening()
  const counts = { calls: 0, retries: 0, limited: 0 }

  async function attempt<T>({ request, interpret }: Call<T>, turn: Turn): Promise<T> {
    counts.calls += 1
    let reply: FullReply | undefined
    try {
      reply = await exchange(request, options)
      const value = interpret(reply)
      gate.answered(turn)
      opening.answered()
      return value
    } catch (error) {
      if (!(error instanceof IngestError) || signal.aborted) throw error
      throw settle(error, turn, reply?.retryAfterMs)
    }
  }

  /** Draws the consequences of a failed attempt for all the others, before any of them can be sent. */
  function settle(error: IngestError, turn: Turn, retryAfterMs: number | undefined): IngestError {
    const isLimit = isCallLimit(error)
    if (isLimit) counts.limited += 1
    const verdict = isLimit ? gate.refused(turn, error, retryAfterMs) : error
    if (verdict.scope === 'run') gate.close(verdict)
    const isAnswer = error.kind !== 'network' && error.kind !== 'timeout'
    if (isAnswer && !isLimit) gate.answered(turn)
    if (isAnswer) opening.answered()
    return verdict
  }

  async function attemptUntilSettled<T>(call: Call<T>): Promise<T> {
    call.reservation.spend()
    let failures = 0
    let last: IngestError | undefined
    for (;;) {
      const isRetry = last !== undefined
      const isUrgent = last !== undefined && isCallLimit(last)
      const outcome = await gate.pass((turn) => {
        if (isRetry) counts.retries += 1
        return attempt(call, turn).then((value) => ({ value }), toRetry)
      }, isUrgent)
      if ('value' in outcome) return outcome.value
      last = outcome.retry
      // The gate's own pause is the wait after a refusal for the call limit, and uses up no attempt.
      const isPaused = isCallLimit(last)
      if (!isPaused) failures += 1
      if (failures > MAX_RETRIES) {
        const verdict = opening.givenUp(last)
        if (verdict.scope === 'run') gate.close(verdict)
        throw verdict
      }
      if (!call.reservation.extra()) throw budgetSpent(call.request.what, last)
      if (!isPaused) await clock.sleep(backoffMs(failures, BACKOFF, random), gate.halted)
    }
  }

  return {
    call: (request, interpret, reservation) =>
      opening.calls.add(() => attemptUntilSettled({ request, interpret, reservation }), { signal }),
    stats: () => ({ ...counts, gateWaitMs: gate.waitedMs() }),
  }
}

/** The error as a reason to try again, or thrown on where another try cannot help. */
function toRetry(error: unknown): { retry: IngestError } {
  if (error instanceof IngestError && error.scope === 'attempt') return { retry: error }
  throw error
}

function isCallLimit(error: IngestError): boolean {
  return error.kind === 'quota' && error.scope === 'attempt'
}

/** The beginning of a run, until the vendor has answered for the first time. */
function createOpening() {
  // One call is alone until something has answered: a refused key is then refused once.
  const calls = new PQueue({ concurrency: 1 })
  let hasAnswered = false
  let silentCalls = 0
  return {
    calls,
    answered(): void {
      hasAnswered = true
      calls.concurrency = Infinity
    },
    /** One symbol may have bad luck; a vendor that has not answered anybody is away for all of them. */
    givenUp(error: IngestError): IngestError {
      if (!hasAnswered) silentCalls += 1
      return hasAnswered || silentCalls < MAX_SILENT_CALLS ? givenUp(error) : unreachable(error)
    },
  }
}

function givenUp({ message, kind, hint }: IngestError): IngestError {
  const says = `${message} Given up after ${MAX_RETRIES + 1} attempts.`
  return new IngestError(says, { kind, scope: 'symbol', hint: hint ?? 'Run again later: what is stored is kept.' })
}

function unreachable({ message, kind, hint }: IngestError): IngestError {
  const says = `${message} None of the run's first ${MAX_SILENT_CALLS} calls was answered, ${MAX_RETRIES + 1} attempts each.`
  return new IngestError(says, { kind, scope: 'run', hint })
}

function budgetSpent(what: string, { message }: IngestError): IngestError {
  return budgetError(`The call budget has no call left to try ${what} again. ${message}`)
}
