// The form of a check of `ingest doctor`, and how a table of checks is run: one after the other, so that each finding is
// told once and what depends on a failure is left out.

import { IngestError } from '../../core/errors.ts'
import type { CheckResult } from '../../report/doctor.ts'

export type Finding = Omit<CheckResult, 'name'>

export type Check<C> = {
  /** One word. */
  readonly name: string
  /** Checks before it. Where one of them has failed, or was not made, this one is not made either. */
  readonly needs?: readonly string[]
  /** An IngestError that it throws is a failure: its message is the cause, its hint the cure. */
  readonly run: (context: C) => Finding | Promise<Finding>
}

/** `value` in short; `detail` in whole sentences. */
export function ok(value: string, detail: string): Finding {
  return { status: 'ok', value, detail, cure: null }
}

export function warn(value: string | null, detail: string, cure: string): Finding {
  return { status: 'warn', value, detail, cure }
}

export function fail(value: string | null, detail: string, cure: string): Finding {
  return { status: 'fail', value, detail, cure }
}

export function skip(detail: string): Finding {
  return { status: 'skip', value: null, detail, cure: null }
}

/** The results in the order of the checks. Throws what is no failure of a check: an interrupt, or a defect. */
export async function runChecks<C>(checks: readonly Check<C>[], context: C): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = []
  for (const check of checks) results.push({ name: check.name, ...(await findingOf(check, context, results)) })
  return results
}

async function findingOf<C>(
  { needs = [], run }: Check<C>,
  context: C,
  before: readonly CheckResult[],
): Promise<Finding> {
  const lacking = before.find(({ name, status }) => needs.includes(name) && (status === 'fail' || status === 'skip'))
  if (lacking !== undefined) {
    return skip(`Not checked, because ${lacking.name} ${lacking.status === 'fail' ? 'failed' : 'was not checked'}.`)
  }
  try {
    return await run(context)
  } catch (error) {
    if (!(error instanceof IngestError) || error.kind === 'interrupted') throw error
    return failureOf(error)
  }
}

/** What to do about an error that has no hint: it comes from a server that is busy or out of order. */
const TRY_AGAIN = 'Run again later.'

export function failureOf({ message, hint = TRY_AGAIN }: IngestError): Finding {
  return fail(null, /[.!?:]$/.test(message) ? message : `${message}.`, hint)
}

/** The work, done when it is first asked for and once. */
export function once<T>(work: () => Promise<T>): () => Promise<T> {
  let done: Promise<T> | undefined
  return () => (done ??= work())
}
