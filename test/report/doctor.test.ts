import { expect, test } from 'bun:test'
import { doctorText, type CheckResult, type Doctor } from '../../lib/report/doctor.ts'
import { schemaErrors } from '../support/json-schema.ts'

const CHECKS: readonly CheckResult[] = [
  { name: 'key', status: 'ok', value: 'stable', detail: 'The key is accepted.', cure: null },
  { name: 'newest', status: 'warn', value: null, detail: 'FMP is late.', cure: 'Wait.' },
  { name: 'write', status: 'fail', value: null, detail: 'Access is denied.', cure: 'Allow s3:PutObject.' },
  { name: 'replace', status: 'skip', value: null, detail: 'Not checked, because write failed.', cure: null },
]

function doctorOf(checks: readonly CheckResult[]): Doctor {
  const ok = checks.every(({ status }) => status !== 'fail')
  const document = { schema_version: 1, run_id: '2024-09-17T13:00:00+00:00', target: './lake', ok, checks }
  expect(schemaErrors('doctor', document)).toEqual([])
  return document
}

test('each check is one line with its cause and its cure, and the last line counts them', () => {
  expect(doctorText(doctorOf(CHECKS)).split('\n')).toEqual([
    'Lake: ./lake',
    '✅ key: The key is accepted.',
    '⚠️ newest: FMP is late. Wait.',
    '❌ write: Access is denied. Allow s3:PutObject.',
    '➖ replace: Not checked, because write failed.',
    '❌ Not ready: 1 of 4 checks failed, 1 warning',
    '',
  ])
})

test.each([
  [CHECKS.slice(0, 1), '✅ Ready: none of 1 check failed\n'],
  [CHECKS.slice(0, 2), '✅ Ready: none of 2 checks failed, 1 warning\n'],
])('without a failure the set-up is ready (case %#)', (checks, last) => {
  expect(doctorText(doctorOf(checks))).toEndWith(last)
})
