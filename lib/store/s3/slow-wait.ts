// Says that the run waits for the store: one request has no answer for long, or is tried again and again.
import type { Clock } from '../../core/clock.ts'
import type { IngestError } from '../../core/errors.ts'

/** A wait for the store that is longer is said. */
const SILENT_WAIT_MS = 5_000
/** The time between two such warnings: longer than an outage takes to end a run and its metrics. */
const NOTICE_INTERVAL_MS = 60_000

type Telling = { readonly clock: Clock; readonly onWarning: (text: string) => void }

export type Wait = {
  /** Runs one attempt of the request. Time begins with the first: a place in the queue is no wait for the store. */
  readonly attempt: <T>(send: () => Promise<T>) => Promise<T>
  /** The error of the attempt before the next sleep. */
  readonly failed: (error: IngestError) => void
  /** The clock, for the sleeps between the attempts. */
  readonly clock: Clock
}

/** Returns a function that watches one request. When a store is out of order every request waits, so one warning a minute. */
export function createWaitWatch({ clock, onWarning }: Telling): (location: string) => Wait {
  let toldMs = Number.NEGATIVE_INFINITY
  const tell = (what: string): void => {
    const nowMs = clock.elapsedMs()
    if (nowMs - toldMs < NOTICE_INTERVAL_MS) return
    toldMs = nowMs
    onWarning(
      `Waiting for the store for more than ${SILENT_WAIT_MS / 1_000} s: ${what}. The run goes on when it answers.`,
    )
  }
  return (location) => {
    let begunMs: number | undefined
    let lastError: IngestError | undefined
    return {
      attempt: async (send) => {
        begunMs ??= clock.elapsedMs()
        const timer = setTimeout(() => tell(`${location}: no answer yet`), SILENT_WAIT_MS)
        try {
          return await send()
        } finally {
          clearTimeout(timer)
        }
      },
      failed: (error) => (lastError = error),
      clock: {
        elapsedMs: clock.elapsedMs,
        sleep: async (ms, signal) => {
          const isLong = clock.elapsedMs() - (begunMs ?? clock.elapsedMs()) + ms > SILENT_WAIT_MS
          if (isLong && lastError !== undefined) tell(lastError.message)
          await clock.sleep(ms, signal)
        },
      },
    }
  }
}
