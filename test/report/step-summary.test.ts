// The step summary of a dry run; that of a run is in github.test.ts.

import { expect, test } from 'bun:test'
import { dryRunSummary } from '../../lib/report/step-summary.ts'
import { configOf, span } from '../support/values.ts'

const redact = (text: string) => text.replaceAll('hunter2', '[redacted]')

test('a dry run of a shard is of it alone, in files, calls and time', () => {
  const job = { calls: 20, compared: { symbols: 0, wholly: 0 }, keys: () => [], stored: () => [], range: undefined }
  const shard = { index: 3, count: 8, source: '--shard 3/8' }
  const config = configOf({ shard, rateLimitSeconds: 15 })
  const text = dryRunSummary({ jobs: [{ ...job, notes: [], errors: [] }], config, warnings: [], redact })
  expect(text).toContain('| 🧩 Shard | 3 of 8 |')
  expect(text).toContain('20 calls, one per 120 s&#58; about 40 min')
})

test('a dry run shows mode, dates, files, time, what is stored, and escapes what came from outside', () => {
  const job = {
    calls: 20,
    compared: { symbols: 1_500, wholly: 12 },
    keys: () => ['a', 'b'],
    stored: () => ['A|<b>: 2 day files', 'hunter2: none'],
    range: span('2024-09-10..2024-09-13'),
    notes: ['Its history: ingest --backfill --out x'],
    errors: [],
  }
  const config = configOf({ rateLimitSeconds: 15, isDryRun: true })
  const text = dryRunSummary({ jobs: [job], config, warnings: ['Too long.'], redact })
  const seen = text.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
  for (const part of [
    '## 📋 Dry Run: Nothing Was Fetched',
    '> ⚠️ Too long.',
    '> ℹ️ Its history: gh workflow run ingest.yml -f backfill=true',
    '| ⚙️ Mode | daily |',
    '| 🗓️ Dates | 2024-09-10 to 2024-09-13 |',
    '| 📁 Files that could be written | 2 |',
    '| 🔎 Compared | 1,500 symbols, 12 of them wholly |',
    '| ⏱️ Time | 20 calls, one per 15 s: about 5 min |',
    'To run it: <code>gh workflow run ingest.yml',
    '### Stored (2)',
    '[redacted]: none',
  ]) {
    expect(seen).toContain(part)
  }
  expect(text).not.toContain('<b>')
})
