// One run of a year's story in this process: its instant, its vendor, and what happens to its calls.

import { addDays, type IsoDate } from '../../../lib/core/dates.ts'
import type { Fetch } from '../../../lib/core/fetch.ts'
import type { Store } from '../../../lib/store/store.ts'
import { createFakeClock } from '../runs/fake-clock.ts'
import { KEY, startInProcess } from '../runs/in-process.ts'
import type { CliResult } from '../runs/process.ts'
import type { Trouble } from './story.ts'
import type { PastVendor } from './vendor.ts'

export type NightContext = {
  readonly store: Store
  readonly vendor: PastVendor
  /** The newest one that the vendor has. */
  readonly session: IsoDate
  readonly nowMs: number
  readonly trouble?: Trouble | undefined
  /** Whether the process has been killed: nothing is answered any more. */
  readonly isDead?: () => boolean
}

const BASE_URL = 'http://127.0.0.1:9'

/** Starts a run. `calls` are those that it has made so far. */
export function startNight(
  args: readonly string[],
  { store, vendor, session, nowMs, trouble, isDead = () => false }: NightContext,
): { readonly done: Promise<CliResult>; readonly calls: () => number } {
  vendor.begin(session, trouble?.kind === 'moving' ? addDays(session, -1) : session)
  const asked = new Set<string>()
  let calls = 0
  const fetch: Fetch = async (url) => {
    if (isDead()) return await new Promise<never>(() => undefined)
    if (trouble?.kind === 'moving' && calls === trouble.afterCalls) vendor.begin(session)
    calls += 1
    const isFirst = !asked.has(url)
    asked.add(url)
    return troubled(new URL(url), trouble, isFirst && asked.size % 3 === 0) ?? vendor.answer(new URL(url))
  }
  const { done } = startInProcess([...args, '--out', 'lake', '--now', new Date(nowMs).toISOString()], {
    env: { FMP_API_KEY: KEY, FMP_BASE_URL: BASE_URL, RATE_LIMIT_SECONDS: '0' },
    fetch,
    clock: createFakeClock(),
    openStore: async () => store,
    readTextFile: async () => undefined,
    appendText: async () => undefined,
  })
  return { done, calls: () => calls }
}

/** What comes in place of the vendor's answer. Throws as fetch does where nothing comes. */
function troubled(url: URL, trouble: Trouble | undefined, isShaken: boolean): Response | undefined {
  const isDown = trouble?.kind === 'down' || (trouble?.kind === 'shaky' && isShaken)
  if (isDown) return new Response('down', { status: 503 })
  if (trouble?.kind === 'silent' && trouble.symbol === url.searchParams.get('symbol'))
    throw Object.assign(new Error('The connection timed out.'), { code: 'ETIMEDOUT' })
  return undefined
}
