// How far a run is, in words: the line of a log, and the live line of a terminal in several lengths. No I/O.

import { counted, grouped } from '../core/text.ts'
import type { NextCall } from '../fmp/fmp.ts'
import { durationText } from './summary.ts'

/** The planned work: every symbol in every dataset. `calls` are without retries; one may start per `intervalSeconds`. */
export type Workload = {
  readonly symbols: number
  readonly datasets: number
  readonly calls: number
  readonly intervalSeconds: number
  /** When the next call may start. */
  readonly nextCall: () => NextCall
}

/** How far the work is. */
export type Position = {
  /** When the work began, and when the last call was counted. */
  begunMs: number
  calledMs: number
  /** Symbols of one dataset that have ended. */
  ended: number
  /** Calls that were made, or that an ended symbol does not make any more. */
  called: number
  files: number
  /** Symbols of one dataset that have failed. */
  failed: number
}

/** What a run waits for, besides its work. */
export type Wait = {
  readonly what: string
  /** How many steps it has; undefined where nobody counts. */
  readonly steps: number | undefined
  done: number
  readonly sinceMs: number
}

/** From this on the time left is said in minutes. */
const MIN_MINUTES_SECONDS = 120

/** A wait of the work that is longer than this is said. */
const LONG_WAIT_SECONDS = 5

/** Symbols of all datasets. */
export function totalOf({ symbols, datasets }: Workload): number {
  return symbols * datasets
}

/** The line of a log. */
export function logText(work: Workload, at: Position, nowMs: number): string {
  const done = [
    `${grouped(at.ended)} of ${totalText(work)}`,
    `${grouped(at.called)} of ${grouped(work.calls)} calls`,
    `${grouped(at.files)} files`,
    ...failedText(at),
  ].join(', ')
  // Calls take most of the time. Assumes the speed so far, but no more than the rate limit.
  const secondsLeft = callsLeft(work, at) * paceSeconds(work, at, nowMs)
  return `⏳ ${done}, about ${grouped(Math.ceil(secondsLeft / 60))} min left`
}

/** What the live line says of a wait, the longest text first. */
export function waitTexts({ what, steps, done, sinceMs }: Wait, nowMs: number): readonly string[] {
  const howFar = steps === undefined ? '' : `: ${grouped(done)} of ${grouped(steps)}`
  return [`⏳ ${what}${howFar}, ${durationText(Math.floor((nowMs - sinceMs) / 1_000))}`]
}

/** What the live line says of the work, the longest text first. */
export function workTexts(work: Workload, at: Position, nowMs: number): readonly string[] {
  const total = totalOf(work)
  const symbols = [`${grouped(at.ended)} of ${totalText(work)}`, `${grouped(at.ended)}/${grouped(total)}`] as const
  const unit = work.datasets === 1 ? 'symbols' : 'done'
  const calls = [
    `${grouped(at.called)} of ${grouped(work.calls)} calls`,
    `${grouped(at.called)}/${grouped(work.calls)} calls`,
  ] as const
  const next = nextText(work, at, nowMs)
  const left = leftText(work, at, nowMs)
  const variants = [
    [symbols[0], calls[0], counted(at.files, 'file'), ...failedText(at), next, left && `about ${left}`],
    [symbols[0], calls[0], next, left],
    [`${symbols[1]} ${unit}`, calls[1], next, left],
    [symbols[1], calls[1], next.replace(/^.*?(?=next)/, ''), left],
    [symbols[1], calls[1], left],
  ]
  return variants.map((parts) => `⏳ ${parts.filter((part) => part !== '').join(', ')}`)
}

/** What the run waits for until its next call. Empty where no wait is to be told. */
function nextText(work: Workload, at: Position, nowMs: number): string {
  const silentSeconds = Math.floor((nowMs - at.calledMs) / 1_000)
  if (callsLeft(work, at) === 0) {
    return silentSeconds > LONG_WAIT_SECONDS ? `storing for ${durationText(silentSeconds)}` : 'storing'
  }
  const { inMs, isPaused } = work.nextCall()
  const seconds = Math.ceil(inMs / 1_000)
  if (isPaused) return `FMP refuses calls: next in ${seconds} s`
  if (seconds > 0) return `next in ${seconds} s`
  return silentSeconds > LONG_WAIT_SECONDS ? `waiting for ${durationText(silentSeconds)}` : ''
}

/** The time left, or empty when no call is left. */
function leftText(work: Workload, at: Position, nowMs: number): string {
  const calls = callsLeft(work, at)
  if (calls === 0) return ''
  const nextSeconds = work.nextCall().inMs / 1_000
  // The pace until the last call: while nothing is called it would look slower each second.
  const pace = paceSeconds(work, at, work.intervalSeconds === 0 ? nowMs : at.calledMs)
  const seconds = nextSeconds > 0 ? nextSeconds + (calls - 1) * pace : calls * pace
  return `${seconds < MIN_MINUTES_SECONDS ? `${Math.ceil(seconds)} s` : durationText(seconds)} left`
}

function failedText({ failed }: Position): readonly string[] {
  return failed === 0 ? [] : [`${grouped(failed)} failed`]
}

function callsLeft(work: Workload, { called }: Position): number {
  return Math.max(0, work.calls - called)
}

/** Seconds for one call, by the calls so far; never less than the rate limit allows. */
function paceSeconds(work: Workload, { begunMs, called }: Position, nowMs: number): number {
  return Math.max((nowMs - begunMs) / 1_000 / Math.max(1, called), work.intervalSeconds)
}

/** `10 symbols`, or `40 done (10 symbols × 4 datasets)`. */
function totalText({ symbols, datasets }: Workload): string {
  return datasets === 1
    ? `${grouped(symbols)} symbols`
    : `${grouped(symbols * datasets)} done (${grouped(symbols)} symbols × ${datasets} datasets)`
}
