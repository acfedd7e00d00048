// The page of `ingest coverage` in a real browser: what is drawn, what a click and the keys do, accessibility, policy. Run by
// `bun run test:page`; the screenshots it takes are to be looked at.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { coveragePage } from '../../lib/report/coverage-page.ts'
import type { Coverage } from '../../lib/report/coverage.ts'
import { hostileCoverage, largeCoverage, variedCoverage } from '../support/coverage.ts'
import { disposableFolder } from '../support/lakes/lake.ts'
import { openBrowser } from './browser.ts'

const SHOTS = join(import.meta.dir, '../../node_modules/.cache/page')
const LAPTOP = { viewport: { width: 1_280, height: 800 } } as const
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true } as const
const DEVICES = { laptop: LAPTOP, phone: PHONE } as const

let browser: Browser
beforeAll(async () => {
  browser = await openBrowser()
  await mkdir(SHOTS, { recursive: true })
})
afterAll(async () => await browser.close())

/** A page that is open, with everything that it complained of or asked for. */
type Opened = { readonly page: Page; readonly complaints: readonly string[]; readonly requests: readonly string[] }

async function withPage(
  coverage: Coverage,
  options: BrowserContextOptions,
  use: (opened: Opened) => Promise<void>,
): Promise<void> {
  await using folder = await disposableFolder()
  const path = join(folder.path, 'coverage.html')
  await Bun.write(path, coveragePage(coverage))
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const [complaints, requests]: [string[], string[]] = [[], []]
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => complaints.push(message.text()))
  page.on('dialog', (dialog) => complaints.push(`dialog ${dialog.message()}`))
  page.on('request', (request) => requests.push(request.url()))
  await page.goto(`file://${path}`)
  await use({ page, complaints, requests })
  await context.close()
  expect(complaints).toEqual([])
  expect(requests).toEqual([`file://${path}`])
}

/** The row of a symbol. */
const rowOf = (page: Page, symbol: string) =>
  page.locator('.row').filter({ has: page.getByText(symbol, { exact: true }) })

/** Clicks on the month that is so many months after January 2000 in a lake that begins then. */
async function clickMonth(page: Page, symbol: string, month: number): Promise<void> {
  const strip = rowOf(page, symbol).locator('.strip')
  const count = Number(await strip.getAttribute('aria-valuemax')) + 1
  const box = await strip.boundingBox()
  await strip.click({ position: { x: ((month + 0.5) / count) * (box?.width ?? 0), y: 8 } })
}

const axe = await Bun.file(new URL(import.meta.resolve('axe-core/axe.min.js'))).text()

type Finding = { readonly id: string; readonly impact: string; readonly nodes: readonly { readonly html: string }[] }

/** What axe finds that is serious. */
async function seriousFindings(page: Page): Promise<readonly string[]> {
  // Evaluated by the debugger's own way in, which the policy of the page does not bind.
  const found = await page.evaluate(`${axe}; axe.run().then(({ violations }) => violations)`)
  return (found as readonly Finding[])
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join('\n')}`)
}

describe.each(Object.entries(DEVICES))('on a %s', (device, options) => {
  test.each(['light', 'dark'] as const)('in %s colours has no serious finding of axe', async (colorScheme) => {
    await withPage(await variedCoverage(), { ...options, colorScheme }, async ({ page }) => {
      expect(await seriousFindings(page)).toEqual([])
      await page.screenshot({ path: join(SHOTS, `${device}-${colorScheme}.png`), fullPage: true })
      await rowOf(page, 'IBM').locator('.strip').focus()
      await page.keyboard.press('Enter')
      expect(await page.locator('#detail').isVisible()).toBe(true)
      expect(await seriousFindings(page)).toEqual([])
      await page.screenshot({ path: join(SHOTS, `${device}-${colorScheme}-month.png`) })
    })
  })

  test('without a program has no serious finding either, and shows every symbol', async () => {
    const coverage = await variedCoverage()
    await withPage(coverage, { ...options, javaScriptEnabled: false }, async ({ page }) => {
      expect(await page.locator('#map').isVisible()).toBe(false)
      expect(await page.locator('#table tbody tr').count()).toBe(coverage.symbols.length)
      expect(await page.locator('#table').isVisible()).toBe(true)
      await page.screenshot({ path: join(SHOTS, `${device}-without-program.png`), fullPage: true })
    })
    // What axe needs is a program: the table as the page with one shows it.
    await withPage(coverage, options, async ({ page }) => {
      await page.check('#as-table')
      expect(await page.locator('#table').isVisible()).toBe(true)
      expect(await page.locator('#grid').isVisible()).toBe(false)
      expect(await seriousFindings(page)).toEqual([])
    })
  })
})

test('axe sees a fault that is planted', async () => {
  await withPage(await variedCoverage(), LAPTOP, async ({ page }) => {
    await page.evaluate("filter.closest('label').replaceWith(filter); filter.removeAttribute('placeholder')")
    expect(await seriousFindings(page)).toEqual([expect.stringContaining('label: <input id="filter"')])
  })
})

describe('the map', () => {
  test('a click shows the sessions of a month, what mends them, and what the runs tell of the symbol', async () => {
    await withPage(await variedCoverage(), LAPTOP, async ({ page }) => {
      await clickMonth(page, 'IBM', 11 * 12 + 3)
      const detail = page.locator('#detail')
      expect(await detail.locator('h2').innerText()).toContain('April 2011')
      const missing = await detail.locator('td:has(.m)').allInnerTexts()
      expect(missing.map((text) => text.replaceAll(/\s/g, ''))).toEqual(['5,missing', '6,missing', '7,missing'])
      expect(await detail.locator('td:has(.s)').count()).toBe(17)
      expect(await detail.locator('.command').innerText()).toBe(
        'ingest --out ./lake --tickers IBM --from-date 2011-04-05 --to-date 2011-04-07',
      )
      expect(await detail.innerText()).toContain('corrected, 1 corrected session')
      await detail.getByRole('button', { name: 'Month after' }).click()
      expect(await detail.locator('h2').innerText()).toContain('May 2011')
      await page.keyboard.press('Escape')
      expect(await detail.isVisible()).toBe(false)
      expect(await page.evaluate('document.activeElement.ariaLabel')).toBe('Months of IBM')
    })
  })

  test.each([
    ['GME', 297 - 1, 'held back', '--tickers GME --accept GME'],
    [
      'XOM',
      23 * 12 + 5,
      'unreadable file',
      '--tickers XOM --backfill --from-date 2023-01-01 --to-date 2023-12-31 --force',
    ],
    ['IBM', 18 * 12, 'missing', '--tickers IBM --from-date 2018-01-02 --to-date 2018-01-31'],
    ['META', 3, 'known to be empty', undefined],
    ['NVDA', 19 * 12, 'stored, some rows carried over', undefined],
    ['BRK-B', 296, 'missing', '--tickers BRK-B --from-date 2024-09-03 --to-date 2024-09-16'],
  ])('%s, month %d: %s', async (symbol, month, state, cure) => {
    await withPage(await variedCoverage(), LAPTOP, async ({ page }) => {
      await clickMonth(page, symbol, month)
      expect(await page.locator('#detail .state').innerText()).toBe(state)
      const commands = await page.locator('#detail .command').allInnerTexts()
      expect(commands).toEqual(cure === undefined ? [] : [`ingest --out ./lake ${cure}`])
    })
  })

  test('is walked by the keys: months, years, rows, a month and back', async () => {
    await withPage(await variedCoverage(), LAPTOP, async ({ page }) => {
      const readout = page.locator('#readout')
      await page.locator('#as-table').focus()
      await page.keyboard.press('Tab')
      expect(await readout.innerText()).toBe('XOM, September 2024: stored')
      const walk = [
        ['ArrowDown', 'GME, September 2024: held back'],
        ['ArrowLeft', 'GME, August 2024: stored'],
        ['PageUp', 'GME, August 2023: stored'],
        ['ArrowUp', 'XOM, August 2023: unreadable file'],
        ['Home', 'XOM, January 2000: stored'],
        ['ArrowLeft', 'XOM, January 2000: stored'],
        ['End', 'XOM, September 2024: stored'],
      ] as const
      for (const [key, text] of walk) {
        await page.keyboard.press(key)
        expect(await readout.innerText()).toBe(text)
      }
      await page.keyboard.press('Enter')
      expect(await page.locator('#detail').isVisible()).toBe(true)
    })
  })

  test('is filtered and ordered, with its table', async () => {
    await withPage(await variedCoverage(), LAPTOP, async ({ page }) => {
      const shown = async () => await page.locator('.row:visible b').allInnerTexts()
      expect((await shown()).slice(0, 5)).toEqual(['XOM', 'GME', 'NEW', 'IBM', 'BRK-B'])
      await page.selectOption('#sort', 'name')
      expect((await shown()).slice(0, 3)).toEqual(['AAPL', 'BRK-B', 'GME'])
      await page.fill('#filter', 'gsp')
      expect(await shown()).toEqual(['^GSPC'])
      await page.check('#as-table')
      expect(await page.locator('#table tbody th:visible').allInnerTexts()).toEqual(['^GSPC'])
      await page.fill('#filter', 'none such')
      expect(await page.locator('#none').isVisible()).toBe(true)
    })
  })

  test('a tap on a phone shows the month under the finger', async () => {
    await withPage(await variedCoverage(), PHONE, async ({ page }) => {
      const box = await rowOf(page, 'AAPL').boundingBox()
      await page.touchscreen.tap(340, (box?.y ?? 0) + 10)
      expect(await page.locator('#detail h2').innerText()).toContain('AAPL')
    })
  })

  test('is printed whole, in light colours, without what a hand needs', async () => {
    await withPage(
      await variedCoverage(),
      { viewport: { width: 720, height: 1_000 }, colorScheme: 'dark' },
      async ({ page }) => {
        await page.emulateMedia({ media: 'print' })
        expect(await page.locator('.tools').isVisible()).toBe(false)
        expect(await page.evaluate('getComputedStyle(document.body).color')).toBe('rgb(0, 0, 0)')
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(720)
        await page.screenshot({ path: join(SHOTS, 'print.png'), fullPage: true })
      },
    )
  })
})

test('hostile names and records stay text: nothing runs, nothing is asked for', async () => {
  await withPage(await hostileCoverage(), LAPTOP, async ({ page }) => {
    for (const strip of await page.locator('.strip').all()) {
      await strip.click()
      await page.keyboard.press('Escape')
    }
    expect(await page.evaluate('globalThis.stolen')).toBeUndefined()
    expect(await page.locator('main img, main iframe, main a').count()).toBe(0)
    expect(await page.locator('#table tbody tr').count()).toBe((await hostileCoverage()).symbols.length)
  })
})

test('the policy refuses a script that somebody else has brought in, and the network', async () => {
  await using folder = await disposableFolder()
  const path = join(folder.path, 'coverage.html')
  const html = coveragePage(await variedCoverage()).replace(
    '<footer>',
    '<script>globalThis.stolen = 1</script><img src="http://127.0.0.1:9/x"><img src=x onerror="globalThis.stolen = 2"><footer>',
  )
  await Bun.write(path, html)
  const page = await browser.newPage()
  const [refused, failed]: [string[], string[]] = [[], []]
  page.on('console', (message) => refused.push(message.text()))
  page.on('requestfailed', (request) => failed.push(request.failure()?.errorText ?? ''))
  await page.goto(`file://${path}`)
  expect(await page.evaluate('globalThis.stolen')).toBeUndefined()
  expect(refused.filter((text) => text.includes('Content Security Policy')).length).toBeGreaterThanOrEqual(3)
  expect(failed.every((text) => text === 'csp')).toBe(true)
  await page.close()
})

test('1,000 symbols of 25 years open and are drawn', async () => {
  await withPage(await largeCoverage(1_000), LAPTOP, async ({ page }) => {
    expect(await page.locator('.row').count()).toBe(1_000)
    const drawn = Number(await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    process.stderr.write(`1,000 symbols: first drawn after ${Math.round(drawn)} ms\n`)
    expect(drawn).toBeGreaterThan(0)
    await page.screenshot({ path: join(SHOTS, 'large.png') })
  })
})
