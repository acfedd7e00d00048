// Every promise, contract and fault and every point of the security review has its tests, and the tests are there.

import { describe, expect, test } from 'bun:test'
import { allTestNames, PAGE, pageOf, readProofs, testNamesIn, wholePageOf } from './proofs.make.ts'

const proofs = await readProofs()
const rows = [
  ...proofs.promises.map(({ id, tests }) => ({ row: id, tests })),
  ...proofs.contracts.map(({ area, tests }) => ({ row: area, tests })),
  ...proofs.faults.map(({ side, fault, tests }) => ({ row: `${side}: ${fault}`, tests })),
  ...proofs.security.map(({ area, tests }) => ({ row: area, tests })),
]

describe('the table of proofs', () => {
  test('has all nine promises, 11 contracts, 27 faults and 21 points of the security review, each once', () => {
    expect(proofs.promises.map(({ id }) => id)).toEqual(['P1', 'P2', 'P3', 'P4', 'P5', 'P6', 'P7', 'P8', 'P9'])
    const sides = Object.entries(Object.groupBy(proofs.faults, ({ side }) => side))
    expect(sides.map(([side, faults]) => [side, faults?.length])).toEqual([
      ['API', 11],
      ['S3', 10],
      ['process', 6],
    ])
    expect(proofs.contracts).toHaveLength(11)
    expect(proofs.security).toHaveLength(21)
    expect(new Set(rows.map(({ row }) => row)).size).toBe(rows.length)
  })

  test('has a test for every row, and names no test twice in one', () => {
    expect(rows.filter(({ tests }) => tests.length === 0).map(({ row }) => row)).toEqual([])
    expect(rows.filter(({ tests }) => new Set(tests).size < tests.length).map(({ row }) => row)).toEqual([])
  })

  test('names tests that exist', async () => {
    const names = await allTestNames()
    expect(names.size).toBeGreaterThan(500)
    expect(
      rows.flatMap(({ row, tests }) => tests.filter((name) => !names.has(name)).map((name) => `${row}: ${name}`)),
    ).toEqual([])
  })

  test('is the page that people read: run `bun test/proofs.make.ts` after a change', async () => {
    expect(await Bun.file(PAGE).text()).toBe(pageOf(proofs))
  })

  test('is short as a page, with two tests a promise; --all prints every row with every test', () => {
    const page = pageOf(proofs)
    expect(Buffer.byteLength(page)).toBeLessThanOrEqual(9_000)
    expect(page.match(/^- \[/gm)).toHaveLength(2 * proofs.promises.length)
    const whole = wholePageOf(proofs)
    const rowLines = whole.split('\n').filter((line) => line.startsWith('| ') && line.includes('](../test/'))
    expect(rowLines).toHaveLength(rows.length)
    expect(whole.match(/\]\(\.\.\/test\//g)).toHaveLength(rows.flatMap(({ tests }) => tests).length)
  })
})

test('titles are found in every form that tests have here', () => {
  const source = `
import { describe, test } from 'bun:test'
describe.concurrent('an outer', () => {
  test('plain, isn\\'t it', () => {})
  test.each([['a', f('x')]])('of %s', () => {})
  test.each<[string, () => Response]>([
    ['one', () => g()],
    ['two'],
  ])('over lines %d', () => {})
  test.each(LIST)(
    'below its table',
    () => {},
  )
  describe.skipIf(isRoot)('an inner', () => {
    test(
      'on a line of its own',
      () => {},
      60_000,
    )
  })
  test(\`with \${what}\`, () => {})
})

describe.each(PLACES)('in %s', (place) => {
  test.skipIf(reason !== undefined)('if it can', () => {})
})

test('alone', () => {})
`
  expect(testNamesIn(source)).toEqual([
    "an outer > plain, isn't it",
    'an outer > of %s',
    'an outer > over lines %d',
    'an outer > below its table',
    'an outer > an inner > on a line of its own',
    'an outer > with ${what}',
    'in %s > if it can',
    'alone',
  ])
})
