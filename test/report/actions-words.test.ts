// The words of GitHub Actions: what a message for a terminal becomes on the page of a workflow run.

import { describe, expect, test } from 'bun:test'
import { inActionsWords, INPUTS, rerunCommand } from '../../lib/report/actions-words.ts'
import type { Config } from '../../lib/core/config.ts'
import { configOf, day } from '../support/values.ts'
import { readWorkflow } from '../support/workflow.ts'

const dates = (changes: Partial<Config['dates']> = {}): Config['dates'] => ({ ...configOf({}).dates, ...changes })

test('the inputs are those of the workflow, but for the one that starts other commands', async () => {
  const { report: _report, ...flags } = (await readWorkflow('ingest.yml')).on.workflow_dispatch?.inputs ?? {}
  const inputs = Object.entries(flags)
  const expected = inputs.map(([name, { type }]) => [
    `--${name.replaceAll('_', '-')}`,
    type === 'boolean' ? 'true' : '…',
  ])
  expect([...INPUTS]).toEqual(expected as never)
})

describe('a text for people', () => {
  test.each([
    [
      'Its history: ingest --backfill --backfill-days 1825 --tickers A,B --out s3://my-bucket',
      'Its history: gh workflow run ingest.yml -f backfill=true -f backfill_days=1825',
    ],
    [
      "ingest --backfill --from-date 2020-01-01 --tickers-path 'my list.csv'.",
      "gh workflow run ingest.yml -f backfill=true -f from_date=2020-01-01 -f 'tickers_path=my list.csv'.",
    ],
    ['Move it away, or replace it with --force.', 'Move it away, or replace it with -f force=true.'],
    ['--max-calls leaves 1.', '-f max_calls=… leaves 1.'],
    ['Check --tickers-path.', 'Check -f tickers_path=….'],
    ['3 symbols. --shard none takes all of them', '3 symbols. -f shard=none takes all of them'],
    ['add --dry-run, or', 'add -f dry_run=true, or'],
    ['name them with --dataset.', 'name them with -f dataset=….'],
    ['Run with --no-adj-close.', 'Run with the variable NO_ADJ_CLOSE.'],
    ['or --allow-unsafe-store', 'or --allow-unsafe-store'],
    ['--shard none takes all of them.', '-f shard=none takes all of them.'],
    ['or give --shard i/n.', 'or give -f shard=i/n.'],
    ['Shard 3 of 8 without --ledger: one', 'Shard 3 of 8 without -f ledger=true: one'],
    ['take it as it is with --accept BRK-B; of a', 'take it as it is with -f accept=BRK-B; of a'],
    ['FMP has it now: --accept all', 'FMP has it now: -f accept=all'],
    ['did this: --accept-session 2019-10-31,2019-11-01.', 'did this: -f accept_session=2019-10-31,2019-11-01.'],
    ['--to-date 2024-01-01 is early', '-f to_date=2024-01-01 is early'],
    ['left, as --mend none says', 'left, as the variable MEND none says'],
    ['ingest is not --unknown', 'ingest is not --unknown'],
    ['nothing to say', 'nothing to say'],
  ])('%j is %j', (text, expected) => {
    expect(inActionsWords(text)).toBe(expected)
  })
})

const list = (path: string): Config['tickers'] => ({ kind: 'file', path })

describe('the command that starts the same run again', () => {
  test.each<[Partial<Config>, string]>([
    [{}, ''],
    [{ tickers: list('other.csv') }, ' -f tickers_path=other.csv'],
    [{ tickers: { kind: 's3', bucket: 'b', key: 'list.csv' } }, ' -f tickers_path=s3://b/list.csv'],
    [{ dates: dates({ mode: 'backfill', backfillDays: 365 }) }, ' -f backfill=true -f backfill_days=365'],
    [
      { dates: dates({ fromDate: day('2024-01-02'), toDate: day('2024-06-28') }) },
      ' -f from_date=2024-01-02 -f to_date=2024-06-28',
    ],
    [{ isForced: true }, ' -f force=true'],
    [{ datasets: ['income', 'balance'] }, ' -f dataset=income,balance'],
    [{ maxCalls: 240 }, ' -f max_calls=240'],
    [{ shard: { index: 3, count: 8, source: '--shard 3/8' }, usesLedger: true }, ' -f shard=3/8 -f ledger=true'],
    [{ isDryRun: true }, ''],
    [{ tickers: list('a;touch FIRED') }, " -f 'tickers_path=a;touch FIRED'"],
  ])('%j', (changes, inputs) => {
    const config = configOf({ tickers: list('tickers.csv'), ...changes })
    expect(rerunCommand(config)).toBe(`gh workflow run ingest.yml${inputs}`)
  })
})
