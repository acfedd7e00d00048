// The page as text: valid, without anything from outside in it that is not escaped, small, whole without its program. What
// it does in a browser is tested by `bun run test:page`.

import { describe, expect, test } from 'bun:test'
import { parse, parseFragment, type DefaultTreeAdapterMap, type ParserError } from 'parse5'
import { coveragePage } from '../../lib/report/coverage-page.ts'
import type { Coverage } from '../../lib/report/coverage.ts'
import { coverageFrom, HOSTILE, hostileCoverage, largeCoverage, variedCoverage } from '../support/coverage.ts'

type TreeNode = DefaultTreeAdapterMap['node']
type TreeElement = DefaultTreeAdapterMap['element']

function elementsIn(node: TreeNode): readonly TreeElement[] {
  const own = 'tagName' in node ? [node] : []
  return [...own, ...('childNodes' in node ? node.childNodes.flatMap(elementsIn) : [])]
}

function textOf(node: TreeNode): string {
  if ('value' in node) return node.value
  return 'childNodes' in node ? node.childNodes.map(textOf).join('') : ''
}

/** The elements of a page, which must be valid. */
function parsed(coverage: Coverage): readonly TreeElement[] {
  const errors: ParserError[] = []
  const document = parse(coveragePage(coverage), { onParseError: (error) => errors.push(error) })
  expect(errors.map(({ code, startLine }) => `${code} in line ${startLine}`)).toEqual([])
  return elementsIn(document)
}

const attribute = (element: TreeElement | undefined, name: string) =>
  element?.attrs.find((candidate) => candidate.name === name)?.value

function withId(elements: readonly TreeElement[], id: string): TreeElement {
  const found = elements.filter((element) => attribute(element, 'id') === id)
  expect(found).toHaveLength(1)
  return found[0] as TreeElement
}

/** The rows of the table of symbols, cell by cell. */
function tableOf(elements: readonly TreeElement[]): readonly (readonly string[])[] {
  const rows = elementsIn(withId(elements, 'table')).filter(({ tagName }) => tagName === 'tr')
  return rows.map((row) => row.childNodes.filter((node) => 'tagName' in node).map((cell) => textOf(cell).trim()))
}

/** What the head of a page marks. */
function badOf(coverage: Coverage): readonly string[] {
  return parsed(coverage)
    .filter((element) => attribute(element, 'class') === 'bad')
    .map((element) => textOf(element))
}

/** The names of elements, each with those of its attributes. */
function formsOf(elements: readonly TreeElement[]): ReadonlySet<string> {
  return new Set(elements.map(({ tagName, attrs }) => `${tagName} ${attrs.map(({ name }) => name).join(' ')}`))
}

/** In bytes. */
function sizeOf(coverage: Coverage): number {
  return new TextEncoder().encode(coveragePage(coverage)).length
}

describe('the page', () => {
  test.each([
    ['an empty lake', async () => await coverageFrom([])],
    ['a lake with everything in it', variedCoverage],
    ['a hostile lake', hostileCoverage],
    ['a large lake', async () => await largeCoverage(200)],
  ])('of %s is valid HTML', async (_name, make) => {
    const elements = parsed(await make())
    const ids = elements.flatMap((element) => attribute(element, 'id') ?? [])
    expect(new Set(ids).size).toBe(ids.length)
    expect(elements.filter(({ tagName }) => tagName === 'h1')).toHaveLength(1)
    expect(attribute(elements[0], 'lang')).toBe('en')
  })

  test('this test would see what is not', () => {
    const errors: string[] = []
    parseFragment('<p class="a" class="b"></div>', { onParseError: ({ code }) => errors.push(code) })
    expect(errors.length).toBeGreaterThan(0)
  })

  test('has everything in one table without its program', async () => {
    const [head, ...rows] = tableOf(parsed(await variedCoverage()))
    expect(head).toEqual([
      'Symbol',
      'First',
      'Through',
      'Sessions',
      'Missing',
      'Carried',
      'Last compared',
      'Last mend',
      'State',
    ])
    expect(rows).toHaveLength(10)
    const bySymbol = Object.fromEntries(rows.map(([symbol = '', ...cells]) => [symbol, cells]))
    expect(bySymbol).toMatchObject({
      IBM: ['2000-01-03', '2024-09-16', '5,710', '505', '', '2024-09-16', '', 'gaps'],
      NVDA: ['2006-01-03', '2024-09-16', '4,707', '0', '252', '2024-09-16', '2024-09-03', 'complete'],
      XOM: ['2000-01-03', '2024-09-16', '5,965', '0', '', '', '', 'unreadable file'],
      NEW: ['', '', '0', '0', '', '', '', 'nothing stored'],
    })
  })

  test('shows runs, mends and doubted rows, and says where there are none', async () => {
    const [varied, empty] = [coveragePage(await variedCoverage()), coveragePage(await coverageFrom([]))]
    expect(varied).toContain('<h2>Runs<small>40</small></h2>')
    expect(varied).toContain('dividend 0.25 before 2024-08-12')
    expect(varied).toContain('<h2>Rejected and suspect rows<small>4</small></h2>')
    expect(empty.match(/none in the last runs/g)).toHaveLength(3)
  })

  test('marks at its head what somebody should look at', async () => {
    const varied = await variedCoverage()
    expect(badOf(varied)).toEqual(['515sessions', '1symbol'])
    const [run] = varied.runs
    if (run === undefined) throw new Error('There are runs')
    const stopped = { ...varied, missing: 0, held: 0, runs: [{ ...run, exit_code: 3 }], days_since_last_run: 2 }
    expect(badOf(stopped)).toEqual(['exit code 32 days ago'])
    expect(badOf({ ...stopped, runs: [{ ...run, exit_code: null }] })).toEqual(['not readable2 days ago'])
    expect(badOf(await coverageFrom([]))).toEqual(['none'])
  })

  test('a text from outside makes no element and no attribute, and is shown as it is', async () => {
    const hostile = await hostileCoverage()
    const [elements, plain] = [parsed(hostile), parsed(await variedCoverage())]
    expect([...formsOf(elements).difference(formsOf(plain))]).toEqual([])
    const shown = tableOf(elements).map(([symbol]) => symbol)
    expect(shown.slice(1)).toEqual(hostile.symbols.map(({ symbol }) => symbol))
    expect(shown).toContain(HOSTILE[0])
  })

  test('the data in it is the document, whatever the texts', async () => {
    for (const document of [await hostileCoverage(), await variedCoverage()]) {
      const { runs: _runs, doubts: _doubts, ...data } = document
      expect(JSON.parse(textOf(withId(parsed(document), 'data')))).toEqual(data)
    }
  })

  test('its policy allows its own style and program by their hashes, and nothing else', async () => {
    const elements = parsed(await hostileCoverage())
    const policy = attribute(
      elements.find((element) => attribute(element, 'http-equiv') === 'Content-Security-Policy'),
      'content',
    )
    const hashes = elements
      .filter((element) => ['style', 'script'].includes(element.tagName) && attribute(element, 'id') !== 'data')
      .map((element) => `'sha256-${new Bun.CryptoHasher('sha256').update(textOf(element)).digest('base64')}'`)
    expect(hashes).toHaveLength(2)
    expect(policy).toBe(
      `default-src 'none'; style-src ${hashes[0]}; script-src ${hashes[1]}; base-uri 'none'; form-action 'none'`,
    )
    expect(elements.flatMap(({ attrs }) => attrs.filter(({ name }) => /^(?:src|href|style|on.*)$/.test(name)))).toEqual(
      [],
    )
  })

  test('its program is one that a browser reads', async () => {
    const [, program] = parsed(await variedCoverage()).filter(({ tagName }) => tagName === 'script')
    const text = textOf(program as TreeElement)
    expect(text).not.toMatch(/^(?:import|export) /m)
    expect(() => new Bun.Transpiler({ loader: 'js' }).transformSync(text)).not.toThrow()
  })

  test('of 1,000 symbols and 25 years is smaller than 1 MB, also where every month is another', async () => {
    const large = await largeCoverage(1_000)
    process.stderr.write(`1,000 symbols of 25 years: ${Math.round(sizeOf(large) / 1_000)} kB\n`)
    expect(sizeOf(large)).toBeLessThan(1_000_000)
    const rugged = large.symbols.map((symbol) => ({
      ...symbol,
      months: 'ps'.repeat(150),
      gaps: Array.from({ length: 10 }, () => '2024-09-16'),
    }))
    expect(sizeOf({ ...large, symbols: rugged })).toBeLessThan(1_100_000)
  })
})
