// The page of proofs: `bun test/proofs.make.ts` writes .github/PROOFS.md from test/fixtures/proofs.json, which names for
// every promise, contract and fault and every point of the security review the tests that prove it. The page shows the
// promises with two tests each; `--all` prints everything. proofs.test.ts compares both with the tests there are.

import { join } from 'node:path'
import { markdownTable } from './support/markdown.ts'

export type Proofs = {
  readonly promises: readonly { readonly id: string; readonly text: string; readonly tests: readonly string[] }[]
  /** What users and other programs rely on beyond the promises: of statements, and of what is shipped to read the lake. */
  readonly contracts: readonly Proven[]
  readonly faults: readonly {
    readonly side: string
    readonly fault: string
    readonly behaviour: string
    readonly tests: readonly string[]
  }[]
  readonly security: readonly Proven[]
}

type Proven = { readonly area: string; readonly behaviour: string; readonly tests: readonly string[] }

const TEST_FOLDER = import.meta.dir
export const PAGE = join(TEST_FOLDER, '../.github/PROOFS.md')

export async function readProofs(): Promise<Proofs> {
  return (await Bun.file(join(TEST_FOLDER, 'fixtures/proofs.json')).json()) as Proofs
}

/** The tests of every test file, as `file.test.ts > outer title > inner title`, `%s` and the like not filled in. */
export async function allTestNames(): Promise<ReadonlySet<string>> {
  const files = [...new Bun.Glob('**/*.test.ts').scanSync({ cwd: TEST_FOLDER })].toSorted()
  const names = await Promise.all(
    files.map(async (file) => {
      const source = await Bun.file(join(TEST_FOLDER, file)).text()
      return testNamesIn(source).map((name) => `${file} > ${name}`)
    }),
  )
  return new Set(names.flat())
}

const CALL = /^( *)(describe|test)((?:\.\w+)*)[<(]/gm
const TITLE = String.raw`\(\s*(['"\`])((?:\\.|(?!\1)[^\\])*)\1`
const DIRECT = new RegExp(`^${TITLE}`)
/** Behind a table or a condition: the next call whose first argument is a text. */
const BEHIND = new RegExp(String.raw`\)${TITLE}`)

/** The titles of a formatted file: what stands further in belongs to the describe before it. */
export function testNamesIn(source: string): string[] {
  const names: string[] = []
  const open: { indent: number; title: string }[] = []
  for (const match of source.matchAll(CALL)) {
    const [whole, blanks = '', kind, modifiers = ''] = match
    const rest = source.slice(match.index + whole.length - 1)
    const isBehind = /\.(each|skipIf|if|todoIf|failing)$|\.(each|skipIf|if)\./.test(modifiers)
    const title = (isBehind ? BEHIND : DIRECT).exec(rest)?.[2]?.replaceAll(/\\(['"`\\])/g, '$1')
    if (title === undefined) continue
    while ((open.at(-1)?.indent ?? -1) >= blanks.length) open.pop()
    if (kind === 'describe') open.push({ indent: blanks.length, title })
    else names.push([...open.map((outer) => outer.title), title].join(' > '))
  }
  return names
}

/** How many tests of a promise the page names: the first ones in proofs.json. */
const SHOWN = 2

/** The page as text: the promises with their first tests, and what else there is. */
export function pageOf(proofs: Proofs): string {
  const { promises, contracts, faults, security } = proofs
  const sides = Object.entries(Object.groupBy(faults, ({ side }) => side))
  return `${[
    '# What is promised, and what proves it',
    'Made by `bun test/proofs.make.ts` from [proofs.json](../test/fixtures/proofs.json). A test fails when a test that is named there does not exist, or when a row has none. Run one with `bun test test/FILE -t "part of its name"`.',
    ...promises.flatMap(({ id, text, tests }) => [
      `## ${id}`,
      `**${text}**`,
      [...tests.slice(0, SHOWN).map((test) => `- ${linked(test)}`), ...more(tests.length - SHOWN)].join('\n'),
    ]),
    '## Everything else',
    '`bun test/proofs.make.ts --all` prints all rows with all their tests:',
    [
      `- ${contracts.length} contracts of statements and of the lake as it is read: ${listed(contracts.map(({ area }) => area))}`,
      ...sides.map(
        ([side, rows = []]) => `- ${rows.length} faults, ${side}: ${listed(rows.map(({ fault }) => fault))}`,
      ),
      `- ${security.length} points of the security review: ${listed(security.map(({ area }) => area))}`,
    ].join('\n'),
  ].join('\n\n')}\n`
}

function more(count: number): string[] {
  return count > 0 ? [`- and ${count} more`] : []
}

function listed(names: readonly string[]): string {
  return names.join('; ')
}

/** Everything as text, in tables padded as the formatter pads them. */
export function wholePageOf({ promises, contracts, faults, security }: Proofs): string {
  return `${[
    '# What is promised, and what proves it',
    '## Promises',
    markdownTable(
      ['promise', 'proved by'],
      promises.map(({ id, text, tests }) => [`**${id}** ${text}`, ...cell(tests)]),
    ),
    '## Statements, and the lake as it is read',
    areaTable(contracts),
    ...['API', 'S3', 'process'].flatMap((side) => [
      `## Faults: ${side}`,
      markdownTable(
        ['fault', 'what the program does', 'proved by'],
        faults
          .filter((row) => row.side === side)
          .map(({ fault, behaviour, tests }) => [fault, behaviour, ...cell(tests)]),
      ),
    ]),
    '## Security review',
    areaTable(security),
  ].join('\n\n')}\n`
}

function areaTable(rows: readonly Proven[]): string {
  return markdownTable(
    ['area', 'what holds', 'proved by'],
    rows.map(({ area, behaviour, tests }) => [area, behaviour, ...cell(tests)]),
  )
}

function cell(tests: readonly string[]): [string] {
  return [tests.map(linked).join('<br>')]
}

function linked(test: string): string {
  const [file = '', ...titles] = test.split(' > ')
  return `[${file.replace('.test.ts', '')}](../test/${file}): ${plain(titles.join(' › '))}`
}

/** Without what Markdown would take for its own. */
function plain(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>|~]/g, (character) => (character === '|' ? String.raw`\|` : `\\${character}`))
}

if (import.meta.main) {
  const proofs = await readProofs()
  await (process.argv.includes('--all') ? Bun.write(Bun.stdout, wholePageOf(proofs)) : Bun.write(PAGE, pageOf(proofs)))
}
