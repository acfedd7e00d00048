// What `ingest doctor` tells: the document of `--json` and the text.

import { counted } from '../core/text.ts'
import { count, flag, list, object, oneOf, orNull, RUN_ID, text, type TypeOf } from './json-schema.ts'

/** Incremented when a field changes its meaning or is removed. */
export const DOCTOR_VERSION = 1

const CHECK_STATUSES = ['ok', 'warn', 'fail', 'skip'] as const

const CHECK = object(
  {
    name: text('What is checked, one word'),
    status: oneOf(
      CHECK_STATUSES,
      'ok: as a run needs it. warn: a run works, and something should be known. fail: a run would fail or store less. skip: not checked',
    ),
    value: orNull(text('What was found, in short; null where there is nothing to show')),
    detail: text('What was found, and of a failure the cause: whole sentences'),
    cure: orNull(text('What to do; null where nothing is to be done')),
  },
  'One check',
)

export const DOCTOR = object(
  {
    schema_version: count('Incremented when a field changes its meaning or is removed'),
    run_id: RUN_ID,
    target: text('The folder, or s3://bucket'),
    ok: flag('Whether no check failed'),
    checks: list(CHECK, 'All checks, in the order in which they were made'),
  },
  'Whether the set-up is ready for a run',
)

export type Doctor = TypeOf<typeof DOCTOR>
export type CheckResult = TypeOf<typeof CHECK>

const MARKS: Readonly<Record<CheckResult['status'], string>> = { ok: '✅', warn: '⚠️', fail: '❌', skip: '➖' }

/** The text for people: one line a check, and the verdict. */
export function doctorText({ ok, target, checks }: Doctor): string {
  const having = (status: CheckResult['status']) => checks.filter((check) => check.status === status).length
  const warnings = having('warn') === 0 ? '' : `, ${counted(having('warn'), 'warning')}`
  const lines = [
    `Lake: ${target}`,
    ...checks.map(lineOf),
    ok
      ? `✅ Ready: none of ${counted(checks.length, 'check')} failed${warnings}`
      : `❌ Not ready: ${having('fail')} of ${counted(checks.length, 'check')} failed${warnings}`,
  ]
  return `${lines.join('\n')}\n`
}

function lineOf({ name, status, detail, cure }: CheckResult): string {
  return [MARKS[status], `${name}:`, detail, ...(cure === null ? [] : [cure])].join(' ')
}
