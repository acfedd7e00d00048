// What a document shows of a run, against what the run prints. A line `…` stands for lines that are left out.

import { expect } from 'bun:test'

/** Lines with what differs from run to run left out. */
function linesOf(text: string): string[] {
  return text
    .replaceAll(/(?<=Duration: )\d+\.\ds/g, 'N s')
    .trimEnd()
    .split('\n')
}

/** That a document's lines are the program's, in their order, where no `…` stands without a gap. */
export function expectShown(document: string, output: string): void {
  const actual = linesOf(output)
  const segments = linesOf(document)
    .join('\n')
    .split(/(?:^|\n)…(?:\n|$)/)
    .map((segment) => (segment === '' ? [] : segment.split('\n')))
  let at = 0
  for (const [index, segment] of segments.entries()) {
    const [first] = segment
    if (first === undefined) continue
    const from = index === 0 ? 0 : actual.indexOf(first, at)
    expect(from === -1 ? actual.slice(at) : actual.slice(from, from + segment.length)).toEqual(segment)
    at = from + segment.length
  }
  if (segments.at(-1)?.length !== 0) expect(actual.slice(at)).toEqual([])
}
