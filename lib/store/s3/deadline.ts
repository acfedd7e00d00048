// What ends a request from without: its time is over, or nobody waits for it any more.

import type { IngestError } from '../../core/errors.ts'

export type Deadline = {
  /** Sends with a signal that ends it; throws the reason of the cut where that has been. */
  within<T>(send: (signal: AbortSignal) => Promise<T>): Promise<T>
  /** Ends what is under way; nothing more is sent. */
  cut(reason: IngestError): void
}

/**
 * For requests by the thousand. One controller each, not AbortSignal.timeout or AbortSignal.any, whose timers and signals
 * would all stay until their own end.
 */
export function createDeadline(timeoutMs: number): Deadline {
  const open = new Set<AbortController>()
  let isCut: IngestError | undefined
  return {
    within: async (send) => {
      if (isCut !== undefined) throw isCut
      const end = new AbortController()
      const timer = setTimeout(() => end.abort(timedOut(timeoutMs)), timeoutMs)
      open.add(end)
      try {
        return await send(end.signal)
      } finally {
        clearTimeout(timer)
        open.delete(end)
      }
    },
    cut: (reason) => {
      isCut = reason
      for (const request of open) request.abort(reason)
    },
  }
}

function timedOut(timeoutMs: number): DOMException {
  return new DOMException(`no answer within ${timeoutMs / 1_000} s`, 'TimeoutError')
}
