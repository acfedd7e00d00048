// The page of `ingest coverage`: one file with everything in it. Its policy allows the page's own style and program, each by
// its hash, and nothing else: no network, and no script that a text from outside could bring in.

import { createHash } from 'node:crypto'
import { counted, grouped } from '../core/text.ts'
import type { Coverage } from './coverage.ts'
import { changesOf, doubtsOf, escapeHtml, runsOf, symbolTable, timeOf } from './coverage-tables.ts'
import mapScript from './page/coverage.js' with { type: 'text' }
import detailScript from './page/detail.js' with { type: 'text' }
import monthsScript from './page/months.js' with { type: 'text' }
import style from './page/coverage.css' with { type: 'text' }

/** The page as HTML. Every text of the document is escaped. */
export function coveragePage(coverage: Coverage): string {
  const title = `Coverage of ${escapeHtml(coverage.target)}`
  const policy = `default-src 'none'; style-src ${hashOf(style)}; script-src ${hashOf(SCRIPT)}; base-uri 'none'; form-action 'none'`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>Coverage <span class="target">${escapeHtml(coverage.target)}</span></h1>
<dl class="facts">${factsOf(coverage)}</dl>
</header>
<main>
${MAP}
<script type="application/json" id="data">${dataOf(coverage)}</script>
<script>${SCRIPT}</script>
<section id="table"><h2>Symbols</h2>${symbolTable(coverage.symbols)}</section>
${changesOf(coverage)}
${doubtsOf(coverage)}
${runsOf(coverage)}
</main>
<footer>Made by fmp-ingest on ${timeOf(coverage.run_id)} UTC.</footer>
<dialog id="detail" aria-labelledby="detail-title"></dialog>
</body>
</html>
`
}

/** Shown by the program of the page, which fills it before the tables are read. */
const MAP = `<section id="map" hidden>
<h2>Months</h2>
<div class="tools">
<label>Filter <input id="filter" type="search" placeholder="symbol" autocomplete="off" spellcheck="false"></label>
<label>Sort <select id="sort">
<option value="worst">worst first</option>
<option value="name">by name</option>
<option value="first">oldest first</option>
</select></label>
<label><input id="large" type="checkbox"> Large months</label>
<label><input id="as-table" type="checkbox"> As a table</label>
</div>
<ul id="legend" aria-label="Legend"></ul>
<div id="grid">
<p id="readout">Click a month, or use the arrow keys and Enter.</p>
<div id="scroller"><div id="years" aria-hidden="true"></div><div id="rows"></div></div>
</div>
<p id="none" hidden>No symbol matches.</p>
</section>`

/** The modules of the page as one program: what they import of each other is in one scope. */
const SCRIPT = `;(() => {\n${[monthsScript, detailScript, mapScript].map(withoutImports).join('\n')}\n})()`

function withoutImports(module: string): string {
  return module.replaceAll(/^import [^;]*? from '.*'\n/gm, '').replaceAll(/^export /gm, '')
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}

/** What the program of the page needs. No text can end the element that holds it. */
function dataOf({ runs: _runs, doubts: _doubts, ...data }: Coverage): string {
  return JSON.stringify(data).replaceAll('<', String.raw`\u003c`)
}

/** A figure of the page's head; `isBad` where somebody should look at it. */
type Fact = { readonly name: string; readonly value: string; readonly more?: string; readonly isBad?: boolean }

function factsOf(coverage: Coverage): string {
  const { symbols, sessions, missing, held } = coverage
  const facts: readonly Fact[] = [
    { name: 'As of', value: coverage.as_of, more: 'the last finished session' },
    { name: 'Symbols', value: grouped(symbols.length) },
    { name: 'Sessions', value: grouped(sessions), more: 'stored, of all symbols' },
    { name: 'Missing', value: grouped(missing), more: missing === 1 ? 'session' : 'sessions', isBad: missing > 0 },
    { name: 'Held', value: grouped(held), more: held === 1 ? 'symbol' : 'symbols', isBad: held > 0 },
    lastRunOf(coverage),
  ]
  return facts
    .map(({ name, value, more = '', isBad = false }) => {
      const mark = isBad ? ' class="bad"' : ''
      return `<div><dt>${name}</dt><dd${mark}>${escapeHtml(value)}<small>${escapeHtml(more)}</small></dd></div>`
    })
    .join('')
}

function lastRunOf({ runs: [last], days_since_last_run: days }: Coverage): Fact {
  const name = 'Last run'
  if (last === undefined || days === null) return { name, value: 'none', isBad: true }
  const more = days === 0 ? 'less than a day ago' : `${counted(days, 'day')} ago`
  if (last.exit_code === null) return { name, value: 'not readable', more, isBad: true }
  return { name, value: `exit code ${last.exit_code}`, more, isBad: last.exit_code !== 0 }
}
