// Pings: a monitor, such as healthchecks.io, is told of a run's start, its success and its failure. Nothing of the run
// depends on it: a ping that fails is a warning.

import { describeError, IngestError } from '../../core/errors.ts'
import { userAgentOf } from '../../core/text.ts'
import { afterGrace } from '../../pipeline/interrupt.ts'
import type { Effects } from '../effects.ts'

/** The longest body in bytes. A healthchecks server keeps so much by default (its setting PING_BODY_LIMIT). */
const MAX_BODY_BYTES = 10_000

/** How long one ping may take. */
const TIMEOUT_MS = 10_000

/** The same after an interrupt: CI systems kill within ten seconds. */
const INTERRUPTED_TIMEOUT_MS = 2_000

export type PingSettings = {
  /** The URL to ping. Read anew for each ping, because the file of variables may name it. */
  readonly target: () => { readonly url: string | undefined; readonly isQuiet: boolean }
  /** Removes secrets from a text. */
  readonly redact: (text: string) => string
}

export type Pinged = {
  /** The settings are right and the run begins: the first ping. */
  readonly begin: () => void
  readonly onSummary: (text: string) => void
}

type PingEffects = Pick<Effects, 'fetch' | 'clock' | 'interruption' | 'version' | 'printError'>

/**
 * Runs `work` between two pings and gives its exit code; only 0 without an interrupt is a success. What `work` throws is
 * thrown on after the ping of the failure, also where `begin` was never called.
 */
export async function withPings(
  { target, redact }: PingSettings,
  effects: PingEffects,
  work: (pinged: Pinged) => Promise<number>,
): Promise<number> {
  let summary = ''
  let started: Promise<string | undefined> | undefined
  const send = async (what: string, suffix: string, body = '') => {
    const { url } = target()
    if (url === undefined) return undefined
    const problem = await problemOf(withSuffix(url, suffix), body, effects)
    return (
      problem && `The monitor did not take the ping of the run's ${what}: ${problem}. The run does not depend on it.`
    )
  }
  const finish = async (isSuccess: boolean, body: string) => {
    // In their order, so that the monitor does not take the start for the latest.
    const early = await started
    const late = isSuccess ? await send('success', '', body) : await send('failure', '/fail', body)
    const said = [early, late].filter((text) => text !== undefined)
    if (!target().isQuiet) for (const text of said) effects.printError(`⚠️ ${text}\n`)
  }
  try {
    const begin = () => {
      started = send('start', '/start')
    }
    const onSummary = (text: string) => {
      summary = text
    }
    const code = await work({ begin, onSummary })
    await finish(code === 0 && !effects.interruption.aborted, summary)
    return code
  } catch (error) {
    const text = error instanceof IngestError ? describeError(error) : 'A defect of the program ended the run.'
    await finish(false, `${summary}❌ ${redact(text)}\n`)
    throw error
  }
}

/** The address with something added to its path, its query after that. */
function withSuffix(address: string, suffix: string): string {
  if (suffix === '') return address
  const url = new URL(address)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${suffix}`
  return url.href
}

/** Sends one ping. What went wrong, without the address; undefined where nothing did. Never rejects. */
async function problemOf(url: string, body: string, effects: PingEffects): Promise<string | undefined> {
  const [ended, late, interrupted] = [new AbortController(), new AbortController(), new AbortController()]
  const abortLate = async () => {
    await effects.clock.sleep(TIMEOUT_MS, ended.signal)
    if (!ended.signal.aborted) late.abort()
  }
  void abortLate()
  void afterGrace(effects, INTERRUPTED_TIMEOUT_MS).then(() => interrupted.abort())
  try {
    const response = await effects.fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'text/plain; charset=utf-8', 'user-agent': userAgentOf(effects.version) },
      body: firstBytes(body),
      signal: AbortSignal.any([late.signal, interrupted.signal]),
    })
    // Nobody reads it, and a connection that waits for its reader is not closed.
    await response.body?.cancel()
    return response.ok ? undefined : `HTTP ${response.status}`
  } catch (error) {
    if (late.signal.aborted) return `no answer within ${TIMEOUT_MS / 1_000} s`
    if (interrupted.signal.aborted) return 'no answer in the time that an interrupt leaves'
    // Its message may hold the address.
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
    return `there was no connection${code}`
  } finally {
    ended.abort()
  }
}

/** As much of a text as a body may hold, in whole characters. */
function firstBytes(text: string): Uint8Array<ArrayBuffer> {
  const buffer = new Uint8Array(MAX_BODY_BYTES)
  const { written } = new TextEncoder().encodeInto(text, buffer)
  return buffer.subarray(0, written)
}
