import { describe, expect, test } from 'bun:test'
import { createFirstAnswers } from '../../lib/core/first-answers.ts'

/** Judges by listing what came. */
function collect(tasks: number, judged: number) {
  const calls: string[] = []
  const first = createFirstAnswers({
    tasks,
    judged,
    judge: (answers: readonly string[]) => {
      calls.push(answers.join(''))
      return answers.join('')
    },
  })
  return { ...first, calls }
}

describe('createFirstAnswers()', () => {
  test('judges so many answers, once, and later ones get the same verdict', async () => {
    const { member, verdict, calls } = collect(4, 2)
    const [a, b, c] = [member(), member(), member()]
    const early = a.join('a')
    expect(verdict()).toBeUndefined()
    const second = b.join('b')
    expect(await Promise.all([early, second, c.join('c')])).toEqual(['ab', 'ab', 'ab'])
    expect({ calls, verdict: verdict() }).toEqual({ calls: ['ab'], verdict: 'ab' })
  })

  test('judges fewer where no other answer will come', async () => {
    const { member, calls } = collect(3, 10)
    const [a, b, c] = [member(), member(), member()]
    const waiting = a.join('a')
    b.leave()
    expect(calls).toEqual([])
    c.leave()
    expect(await waiting).toBe('a')
  })

  test('a task that ends after its answer, or twice, is counted once', async () => {
    const { member, calls } = collect(3, 10)
    const [a, b, c] = [member(), member(), member()]
    const waiting = a.join('a')
    a.leave()
    b.leave()
    b.leave()
    expect(calls).toEqual([])
    void c.join('c')
    expect(await waiting).toBe('ac')
  })

  test('judges no answers where all tasks leave', () => {
    const { member, verdict } = collect(1, 2)
    member().leave()
    expect(verdict()).toBe('')
  })
})
