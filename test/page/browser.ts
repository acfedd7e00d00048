// The browser for the page's tests and pictures: a Chromium of this machine, never one that is fetched.

import { chromium, type Browser } from 'playwright-core'

/** Where it is; undefined on a machine without one. `CHROMIUM` names another. */
export function chromiumPath(): string | undefined {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
  return process.env['CHROMIUM'] ?? names.map((name) => Bun.which(name)).find((path) => path !== null) ?? undefined
}

export async function openBrowser(): Promise<Browser> {
  const executablePath = chromiumPath()
  if (executablePath === undefined) throw new Error('No Chromium is on the PATH, and CHROMIUM names none')
  return await chromium.launch({ executablePath })
}
