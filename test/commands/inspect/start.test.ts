// What the commands that look at a lake load before they do anything: no more than they use.

import { describe, expect, test } from 'bun:test'
import { dirname, join } from 'node:path'
import { ROOT } from '../../support/runs/process.ts'

/** The files and packages that these files load, and what those load, but for what is loaded late. */
async function loadedBy(paths: readonly string[]): Promise<ReadonlySet<string>> {
  const loaded = new Set<string>()
  const waiting = [...paths]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (loaded.has(path)) continue
    loaded.add(path)
    if (!path.endsWith('.ts')) continue
    const source = (await Bun.file(join(ROOT, path)).text()).replace(/^#!.*/, '')
    const imports = new Bun.Transpiler({ loader: 'ts' }).scanImports(source)
    for (const { path: target, kind } of imports) {
      if (kind !== 'import-statement') continue
      waiting.push(target.startsWith('.') ? join(dirname(path), target) : target)
    }
  }
  return loaded
}

const SHARED = ['ingest.ts', 'lib/commands/effects.ts', 'lib/commands/inspect/inspect.ts']
const inspect = (name: string) => `lib/commands/inspect/${name}.ts`

/** Whatever writes, asks FMP, speaks to a bucket, decodes rows, or is of another dataset. */
const UNUSED =
  /^(?:hyparquet|hyparquet-writer|p-queue|citty|node:crypto|@aws-sdk\/.*|lib\/(?:fmp|pipeline|store\/s3|store\/folder)\/(?!interrupt).*|lib\/parquet\/writer\.ts|lib\/datasets\/statements\/.*|lib\/commands\/ingest\/.*)$/

describe('before it reads anything', () => {
  test.each([
    ['status', [inspect('status')], /^lib\/datasets\/prices\/(?:plan|past|compare)\.ts$/],
    ['why', [inspect('why'), inspect('why-price')], /^lib\/datasets\/prices\/(?:past|compare|look)\.ts$/],
  ])('%s loads nothing that it does not use', async (_name, files, others) => {
    const loaded = await loadedBy([...SHARED, ...files])
    expect(loaded.has('lib/datasets/inventory.ts')).toBe(true)
    expect([...loaded].filter((path) => UNUSED.test(path) || others.test(path))).toEqual([])
  })

  test('a statement and FMP are loaded where they are asked for', async () => {
    expect(await loadedBy([inspect('why-document')])).toContain('lib/datasets/statements/cell.ts')
    expect(await loadedBy([inspect('ask-fmp')])).toContain('lib/fmp/fmp.ts')
  })
})
