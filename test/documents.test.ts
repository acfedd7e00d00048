// The documents: short where they must be, and every link and path in them leads somewhere.

import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { bundleFiles } from '../lib/commands/databricks/bundle.ts'

const ROOT = join(import.meta.dir, '..')
const BUNDLE = 'lib/commands/databricks'

const DOCUMENTS = [...new Bun.Glob('**/*.md').scanSync({ cwd: ROOT, dot: true })]
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => !/(^|\/)(node_modules|dist|lake|\.git)\//.test(path))
  .toSorted()

function read(path: string): Promise<string> {
  return Bun.file(join(ROOT, path)).text()
}

/** Without fenced code. */
function prose(text: string): string {
  return text.replaceAll(/^( *)```.*\n[\s\S]*?^\1```$/gm, '')
}

/** The anchors that the forge gives to a document's headings. */
function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>()
  for (const [, title = ''] of prose(text).matchAll(/^#{1,6} +(.+)$/gm)) {
    const plain = title.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[`*]/g, '')
    const slug = plain
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-')
    let anchor = slug
    for (let n = 1; anchors.has(anchor); n += 1) anchor = `${slug}-${n}`
    anchors.add(anchor)
  }
  return anchors
}

/** The targets of a document's links that stay in the repository. */
function relativeLinks(text: string): string[] {
  const inline = [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
  return inline.filter((target) => !/^[a-z]+:/.test(target))
}

/** Those that lead nowhere. */
async function brokenLinks(path: string, text: string): Promise<string[]> {
  const broken = await Promise.all(
    relativeLinks(text).map(async (link) => {
      const [target = '', anchor] = link.split('#')
      const file = target === '' ? path : normalize(join(dirname(path), target)).replaceAll('\\', '/')
      if (target !== '' && !existsSync(join(ROOT, file))) return [link]
      if (anchor === undefined) return []
      const there = target === '' ? text : await read(file)
      return anchorsOf(there).has(anchor) ? [] : [link]
    }),
  )
  return broken.flat()
}

/** Paths in backticks that do not exist. */
function missingPaths(text: string): string[] {
  const paths = [...prose(text).matchAll(/`((?:lib|test|\.github)\/[\w./-]*)`/g)].map(([, path = '']) => path)
  return paths.filter((path) => !existsSync(join(ROOT, path)))
}

describe('the size', () => {
  test.each([
    ['README.md', 9_000],
    ['.github/PROOFS.md', 9_000],
    ['.github/CONTRIBUTING.md', 12_000],
  ])('of %s is at most %d bytes', async (path, limit) => {
    expect(Buffer.byteLength(await read(path))).toBeLessThanOrEqual(limit)
  })
})

describe.each(DOCUMENTS)('%s', (path) => {
  test('has links that lead to a file and a heading, and names paths that exist', async () => {
    const text = await read(path)
    expect(await brokenLinks(path, text)).toEqual([])
    expect(missingPaths(text)).toEqual([])
  })
})

test('the README of the Databricks bundle links to nothing but what ships with it', () => {
  const files = bundleFiles({ bucket: 'my-bucket', prefix: 'raw', catalog: 'main' })
  const text = files.get('README.md') ?? ''
  const links = relativeLinks(text).filter((link) => !link.startsWith('#'))
  expect(links.filter((link) => !files.has(link))).toEqual([])
})

test('these tests would see it', async () => {
  const text = [
    '# A `title`, twice',
    '# A title twice',
    '[a](#a-title-twice) [b](#a-title-twice-1) [c](../LICENSE) [d](https://example.com/x#y) [e](README.md#how-it-works)',
    '```',
    '[no link](nowhere)',
    '```',
    '[f](#a-title-twice-2) [g](nowhere.md) [h](README.md#nowhere) `lib/core/` `lib/nowhere.ts`',
  ].join('\n')
  expect(await brokenLinks('lib/x.md', text)).toEqual(['#a-title-twice-2', 'nowhere.md', 'README.md#nowhere'])
  expect(missingPaths(text)).toEqual(['lib/nowhere.ts'])
  expect(DOCUMENTS).toContain('.github/workflows/README.md')
  expect(DOCUMENTS).toContain(`${BUNDLE}/README.md`)
})
