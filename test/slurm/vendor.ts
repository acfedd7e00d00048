// A vendor that counts the calls of all processes by its own clock, and refuses those over a limit as FMP does.

import { serveVendor, type VendorServer } from '../support/servers/fake-fmp.ts'
import { createVendor, type Bars } from '../support/servers/vendor.ts'
import { recordedError } from '../support/recorded.ts'
import { ofDay } from './checks.ts'

export type CountingVendor = VendorServer & {
  /** When each call came in, refused ones too: milliseconds since 1970, never falling. */
  readonly arrivals: readonly number[]
}

type Limits = {
  readonly perMinute: number
  /** Of a UTC day; read at every call. */
  readonly perDay: () => number
}

export function startCountingVendor(bars: Bars, key: string, { perMinute, perDay }: Limits): CountingVendor {
  const arrivals: number[] = []
  const vendor = createVendor({
    bars,
    key,
    onRequest({ atMs }) {
      const nowMs = performance.timeOrigin + atMs
      arrivals.push(nowMs)
      const ofMinute = arrivals.filter((ms) => ms > nowMs - 60_000)
      return ofMinute.length > perMinute || ofDay(arrivals, nowMs) > perDay() ? recordedError('call-limit') : undefined
    },
  })
  return { arrivals, ...serveVendor(vendor) }
}
