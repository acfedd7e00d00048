// What `ingest status` tells: the document of `--json` and the text.

import { counted, grouped } from '../core/text.ts'
import { amount, count, date, flag, list, object, orNull, RUN_ID, runIdOf, text, type TypeOf } from './json-schema.ts'
import type { StoredRun } from './runs.ts'

/** Incremented when a field changes its meaning or is removed. */
export const STATUS_VERSION = 1

const RUN = object(
  {
    key: text('The key of its metrics document'),
    run_id: RUN_ID,
    exit_code: orNull(count('Its exit code; null where the document does not say so')),
    calls: orNull(count('API calls made, retries included; null likewise')),
    duration_seconds: orNull(amount('How long it took; null likewise')),
    problem: orNull(text('Why the document cannot be read; null where it can')),
  },
  'An earlier run',
)

export const STATUS = object(
  {
    schema_version: count('Incremented when a field changes its meaning or is removed'),
    run_id: RUN_ID,
    target: text('The folder, or s3://bucket'),
    as_of: date('The last finished session'),
    ok: flag('Whether the lake is fresh: at most max_behind sessions behind'),
    symbols: count('Symbols of the ticker list; without one, symbols of the lake'),
    symbols_stored: count('Symbols with a stored session up to as_of'),
    newest_session: orNull(date('The newest stored session up to as_of, of any symbol; null if there is none')),
    symbols_with_newest: count('Symbols that have that session'),
    sessions_behind: orNull(count('Finished sessions after it; null if nothing is stored')),
    max_behind: count('--max-behind'),
    runs: list(RUN, 'The last runs, newest first'),
  },
  'How fresh a lake is',
)

export type Status = TypeOf<typeof STATUS>
type RunStatus = TypeOf<typeof RUN>

/** An earlier run by the document's field names. */
export function runStatus(run: StoredRun): RunStatus {
  const { exit_code, calls, duration_seconds } = 'metrics' in run ? run.metrics : {}
  return {
    key: run.key,
    run_id: runIdOf(run.startMs),
    exit_code: exit_code ?? null,
    calls: calls ?? null,
    duration_seconds: duration_seconds ?? null,
    problem: 'problem' in run ? run.problem : null,
  }
}

/** The text for people; `cure` is the command that brings the lake up to date. */
export function statusText(status: Status, cure: string): string {
  const { symbols, symbols_stored: stored, newest_session: newest } = status
  const without = stored === symbols ? '' : `, ${grouped(symbols - stored)} of them without a stored session`
  const having = `, ${grouped(status.symbols_with_newest)} of ${grouped(symbols)} symbols have it`
  const lines = [
    `Lake: ${status.target}`,
    `As of: ${status.as_of}, the last finished session`,
    `Symbols: ${grouped(symbols)}${without}`,
    `Newest session: ${newest === null ? 'none' : `${newest}${having}`}`,
    ...status.runs.map(runText),
    verdictText(status, cure),
  ]
  return `${lines.join('\n')}\n`
}

function runText({ key, run_id: id, exit_code: code, calls, duration_seconds: seconds, problem }: RunStatus): string {
  if (problem !== null) return `Run: ${id}, ${key} ${problem}`
  const facts = [
    ...(code === null ? [] : [`exit code ${code}`]),
    ...(calls === null ? [] : [counted(calls, 'call')]),
    ...(seconds === null ? [] : [`${grouped(seconds, 1)} s`]),
  ]
  return `Run: ${[id, ...facts].join(', ')}`
}

function verdictText({ ok, sessions_behind: behind, max_behind: most }: Status, cure: string): string {
  if (behind === null) return `❌ Nothing is stored. To fill the lake: ${cure}`
  if (behind === 0) return '✅ Fresh: the last finished session is stored'
  const lag = `${counted(behind, 'session')} behind`
  return ok ? `✅ Fresh: ${lag}` : `❌ Stale: ${lag}, at most ${grouped(most)} allowed. To catch up: ${cure}`
}
