import { expect, test } from 'bun:test'
import { sparkline } from '../../lib/report/sparkline.ts'

test.each([
  [[], ''],
  [[0, 1, 100, 1_999, 2_000], '·▁▁▇█'],
  [[285, 286, 571, 1_000, 1_143, 1_714, 1_715], '▁▂▂▄▅▆▇'],
])('%j of 2,000 stored sessions are %s', (stored, line) => {
  expect(
    sparkline(
      stored.map((count) => ({ sessions: 20, stored: count })),
      100,
    ),
  ).toBe(line)
})

test('a month without sessions, or a lake without symbols, shows nothing', () => {
  expect(sparkline([{ sessions: 0, stored: 0 }], 5)).toBe('·')
  expect(sparkline([{ sessions: 20, stored: 0 }], 0)).toBe('·')
})
