import { describe, expect, test } from 'bun:test'
import { describeError, IngestError, usageError } from '../../lib/core/errors.ts'

describe('IngestError', () => {
  const cause = new TypeError('below')
  const error = new IngestError('It broke.', { kind: 'store', scope: 'run', hint: 'Mend it.', cause })

  test('carries kind, scope, hint and cause, and keeps its name in a minified program', () => {
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ name: 'IngestError', message: 'It broke.', kind: 'store', scope: 'run' })
    expect(error.cause).toBe(cause)
    expect(Object.hasOwn(error, 'name')).toBe(true)
  })

  test('without a cause has none', () => {
    expect(Object.hasOwn(new IngestError('x', { kind: 'bug', scope: 'run' }), 'cause')).toBe(false)
  })

  test('is described with its hint', () => {
    expect(describeError(error)).toBe('It broke. Mend it.')
    expect(describeError(usageError('It broke.'))).toBe('It broke.')
  })

  test('of usage concerns the run', () => {
    expect(usageError('No.', 'Yes.')).toMatchObject({ kind: 'usage', scope: 'run', hint: 'Yes.' })
  })
})
