import { expect, test } from 'bun:test'
import { IngestError, type ErrorKind } from '../../lib/core/errors.ts'
import { endOf, type EndFacts } from '../../lib/report/exit-code.ts'

const failure = (kind: ErrorKind) => new IngestError(kind, { kind, scope: 'run' })
const lost = [failure('store')]

type End = [what: string, errors: number, stoppedBy: ErrorKind | undefined, lostFiles: readonly IngestError[]]

test.each<[...End, EndFacts['interruptCode'], ReturnType<typeof endOf>['status'], number]>([
  ['nothing failed', 0, undefined, [], undefined, 'ok', 0],
  ['a symbol failed', 1, undefined, [], undefined, 'failed', 1],
  ['the budget was spent', 0, 'budget', [], undefined, 'stopped', 3],
  ['the quota was spent', 1, 'quota', [], undefined, 'stopped', 3],
  ['the bandwidth was spent, and symbols failed', 6, 'bandwidth', [], undefined, 'stopped', 3],
  ['the key was refused', 1, 'key', [], undefined, 'failed', 1],
  ['the bucket is gone', 1, 'store', [], undefined, 'failed', 1],
  ['a defect ended it', 1, 'bug', [], undefined, 'failed', 1],
  ['the metrics failed', 1, undefined, lost, undefined, 'failed', 1],
  ['the metrics failed, which outranks the quota', 2, 'quota', lost, undefined, 'failed', 1],
  ['SIGINT came', 0, 'interrupted', [], 130, 'interrupted', 130],
  ['SIGTERM came', 0, 'interrupted', [], 143, 'interrupted', 143],
  ['a signal came after something else had stopped it, and all failed', 9, 'quota', lost, 130, 'interrupted', 130],
])('endOf() a run of which %s', (...[, errors, kind, lostFiles, interruptCode, status, exit_code]) => {
  const stoppedBy = kind === undefined ? undefined : failure(kind)
  expect(endOf(errors, { stoppedBy, lostFiles, interruptCode })).toMatchObject({ status, exit_code })
})
