// Ends a request from outside: after a timeout, or when it is cancelled.

import type { IngestError } from '../../core/errors.ts'

export type Deadline = {
  /** Runs `send` with a signal that ends it. After `cancel` throws the reason given there. */
  within<T>(send: (signal: AbortSignal) => Promise<T>): Promise<T>
  /** Ends the requests in flight; later ones are not sent. */
  cancel(reason: IngestError): void
}

/**
 * One timeout for each of thousands of requests. Each has its own AbortController instead of AbortSignal.timeout or
 * AbortSignal.any, whose timers and signals would stay in memory until the timeout, long after the request.
 */
export function createDeadline(timeoutMs: number): Deadline {
  const inFlight = new Set<AbortController>()
  let cancelled: IngestError | undefined
  return {
    within: async (send) => {
      if (cancelled !== undefined) throw cancelled
      const controller = new AbortController()
      const timer = setTimeout(() => controller.abort(timedOut(timeoutMs)), timeoutMs)
      inFlight.add(controller)
      try {
        return await send(controller.signal)
      } finally {
        clearTimeout(timer)
        inFlight.delete(controller)
      }
    },
    cancel: (reason) => {
      cancelled = reason
      for (const request of inFlight) request.abort(reason)
    },
  }
}

/** The error of a request that took too long. */
export function timedOut(timeoutMs: number): DOMException {
  return new DOMException(`no answer within ${timeoutMs / 1_000} s`, 'TimeoutError')
}
