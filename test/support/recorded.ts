// Bodies that were recorded from the vendor.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A line of `test/fixtures/fmp/errors.jsonl`. */
export type RecordedError = { case: string; status: number; contentType: string | null; body: string }

const FIXTURES = join(import.meta.dir, '../fixtures/fmp')

/** The refusals and empty answers that were recorded from the vendor. */
export const recordedErrors: readonly RecordedError[] = fixtureText('errors.jsonl')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as RecordedError)

/** A recorded body, by the name of its file. */
export function fixtureText(name: string): string {
  return readFileSync(join(FIXTURES, name), 'utf8')
}

/** A recorded refusal as the vendor sent it, by its case (`call-limit`). Throws for a case that was not recorded. */
export function recordedError(name: string): Response {
  const found = recordedErrors.find((recorded) => recorded.case === name)
  if (found === undefined) throw new Error(`No error called ${name} is recorded in test/fixtures/fmp/errors.jsonl.`)
  const headers = { 'content-type': found.contentType ?? 'application/json; charset=utf-8' }
  return new Response(found.body, { status: found.status, headers })
}
