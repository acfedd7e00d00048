// Makes the pictures of README anew, of the demo's lake with a year and a session taken away: the coverage page, and what
// `ingest status` prints. It needs a Chromium.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openBrowser } from './page/browser.ts'
import { disposableFolder } from './support/lakes/lake.ts'
import { ROOT, runCli } from './support/runs/process.ts'

const PICTURES = join(ROOT, '.github/pictures')
const NOW = '2013-03-02T14:00:00Z'

/** Runs a command and gives what it prints, whatever its exit code. */
async function output(args: readonly string[], cwd: string): Promise<string> {
  const { stdout, stderr, code } = await runCli(args, { cwd })
  if (code !== 0 && code !== 1) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`)
  return stdout
}

await using folder = await disposableFolder()
await output(['demo'], folder.path)
for (const gone of ['IBM/year=2007', 'GOOG/year=2013/month=02/GOOG-2013-02-27.parquet']) {
  await rm(join(folder.path, 'demo-lake/raw/prices', `symbol=${gone}`), { recursive: true })
}
const lake = ['--out', './demo-lake', '--now', NOW]
const status = await output(['status', ...lake], folder.path)
await output(['coverage', ...lake], folder.path)

const browser = await openBrowser()
const page = await browser.newPage({ viewport: { width: 1_080, height: 505 }, deviceScaleFactor: 1.5 })
await page.goto(`file://${join(folder.path, 'coverage.html')}`)
const goog = page.locator('.row').filter({ hasText: 'GOOG' }).locator('.strip')
const box = await goog.boundingBox()
// The month of the session that is gone, one before the newest.
await goog.hover({ position: { x: (box?.width ?? 0) * (1 - 1.5 / 159), y: 8 } })
await page.screenshot({ path: join(PICTURES, 'coverage.png') })

const terminal = await browser.newPage({ viewport: { width: 760, height: 400 }, deviceScaleFactor: 1.5 })
await terminal.setContent(`<style>
  body { margin: 0; background: #12161c }
  pre { display: inline-block; margin: 0; padding: 20px 24px; color: #e4e8ee;
    font: 14px/1.5 ui-monospace, 'Liberation Mono', monospace, 'Noto Color Emoji' }
</style><pre></pre>`)
const lines = `$ ingest status ${lake.join(' ')}\n${status.trimEnd()}`
await terminal.evaluate(`document.querySelector('pre').textContent = ${JSON.stringify(lines)}`)
await terminal.locator('pre').screenshot({ path: join(PICTURES, 'status.png') })
await browser.close()
