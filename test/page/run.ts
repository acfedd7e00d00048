// `bun run test:page`: the page of `ingest coverage` in a browser. Without a Chromium it is skipped with a word; `--required`
// makes that an error.

import { join } from 'node:path'
import { chromiumPath } from './browser.ts'

const FILE = './test/page/coverage.page.ts'

async function main(): Promise<number> {
  if (chromiumPath() === undefined) {
    const isRequired = process.argv.includes('--required')
    process.stderr.write(`${isRequired ? '❌ ' : 'Skipped: '}the page was not tried: no Chromium is on the PATH.\n`)
    return isRequired ? 1 : 0
  }
  const child = Bun.spawn([process.execPath, 'test', '--timeout', '120000', FILE], {
    cwd: join(import.meta.dir, '../..'),
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return await child.exited
}

process.exitCode = await main()
