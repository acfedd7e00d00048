import { describe, expect, test } from 'bun:test'
import { sparkline } from '../../../lib/commands/demo/show.ts'

describe('sparkline()', () => {
  test.each([
    ['one height for each value', [1, 2, 3, 4, 5, 6, 7, 8], 60, '▁▂▃▄▅▆▇█'],
    ['the means of equal parts', [1, 3, 5, 7], 2, '▁█'],
    ['the lowest where all are equal', [5, 5, 5], 60, '▁▁▁'],
    ['nothing of nothing', [], 60, ''],
  ])('is %s', (_, values, width, expected) => {
    expect(sparkline(values, width)).toBe(expected)
  })
})
