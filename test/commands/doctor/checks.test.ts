import { describe, expect, test } from 'bun:test'
import { fail, ok, once, runChecks, skip, warn, type Check } from '../../../lib/commands/doctor/checks.ts'
import { IngestError } from '../../../lib/core/errors.ts'

const good = ok('1', 'All is well.')
const error = (message: string, hint?: string) => new IngestError(message, { kind: 'store', scope: 'run', hint })

function check(name: string, run: Check<string[]>['run'], needs: readonly string[] = []): Check<string[]> {
  return { name, needs, run: async (made) => (made.push(name), await run(made)) }
}

describe('a table of checks', () => {
  test('is run in its order, without what depends on a failure, at any distance', async () => {
    const made: string[] = []
    const results = await runChecks(
      [
        check('a', () => good),
        check('b', () => fail(null, 'It is broken.', 'Mend it.'), ['a']),
        check('c', () => good, ['a', 'b']),
        check('d', () => good, ['c']),
        check('e', () => warn(null, 'It is odd.', 'Look at it.'), ['a']),
        check('f', () => skip('It is not needed.'), ['e']),
        check('g', () => good, ['e']),
      ],
      made,
    )
    expect(made).toEqual(['a', 'b', 'e', 'f', 'g'])
    expect(results.map(({ name, status, detail }) => [name, status, detail])).toEqual([
      ['a', 'ok', 'All is well.'],
      ['b', 'fail', 'It is broken.'],
      ['c', 'skip', 'Not checked, because b failed.'],
      ['d', 'skip', 'Not checked, because c was not checked.'],
      ['e', 'warn', 'It is odd.'],
      ['f', 'skip', 'It is not needed.'],
      ['g', 'ok', 'All is well.'],
    ])
  })

  test.each([
    ['no dot', 'Do that.', 'no dot.', 'Do that.'],
    ['A sentence.', undefined, 'A sentence.', 'Run again later.'],
  ])('takes an error for a failure with cause and cure: %s', async (message, hint, detail, cure) => {
    const broken = check('a', () => {
      throw error(message, hint)
    })
    expect(await runChecks([broken], [])).toEqual([{ name: 'a', status: 'fail', value: null, detail, cure }])
  })

  test.each([new IngestError('Interrupted.', { kind: 'interrupted', scope: 'run' }), new TypeError('x is undefined')])(
    'throws what is no finding: %s',
    async (thrown) => {
      const broken = check('a', () => {
        throw thrown
      })
      expect(await runChecks([broken], []).catch((reason: unknown) => reason)).toBe(thrown)
    },
  )
})

test('work is done when it is first asked for, and once, also where it fails', async () => {
  let calls = 0
  const failing = once(async () => {
    calls += 1
    throw error('gone')
  })
  expect(calls).toBe(0)
  const reasons = [await failing().catch(String), await failing().catch(String)]
  expect(reasons).toEqual([expect.stringContaining('gone'), expect.stringContaining('gone')])
  expect(calls).toBe(1)
})
