import { describe, expect, test } from 'bun:test'
import { tableText, type TableDocument } from '../../lib/report/table.ts'
import { schemaErrors } from '../support/json-schema.ts'

type Finding = TableDocument['findings'][number]

const FINDING: Finding = {
  kind: 'table_lacks',
  key: 'tables/prices/month-2024-02.parquet',
  symbol: 'A',
  rows: 1_200,
  first: '2024-02-01',
  last: '2024-02-29',
}

function documentOf(changes: Partial<TableDocument> = {}): TableDocument {
  return {
    schema_version: 1,
    run_id: '2024-02-06T12:00:00+00:00',
    target: './lake',
    mode: 'update',
    shard: null,
    ok: true,
    tables: [{ name: 'prices', files: 28, files_written: 1_234, rows_compared: 0 }],
    findings: [],
    warnings: [],
    ...changes,
  }
}

const textOf = (changes: Partial<TableDocument>) =>
  tableText(documentOf(changes), (words) => `Run: ingest ${words.join(' ')}.`)
    .trimEnd()
    .split('\n')

describe('the text', () => {
  test.each<[string, Partial<TableDocument>, readonly string[]]>([
    ['of an update', {}, ['🗂️  prices: 28 files, 1,234 written', '✅ The tables are up to date.']],
    [
      'of a check',
      { mode: 'check', tables: [{ name: 'prices', files: 1, files_written: 0, rows_compared: 126_000 }] },
      ['🗂️  prices: 1 file, 126,000 rows compared', '✅ The tables hold what the stored files hold.'],
    ],
    ['of an empty lake', { tables: [] }, ['There is no stored file, so there is no table.']],
    [
      'of what is wrong',
      {
        mode: 'check',
        ok: false,
        tables: [],
        findings: [
          FINDING,
          { ...FINDING, kind: 'table_differs', rows: 1, last: '2024-02-01' },
          { ...FINDING, kind: 'table_stray', symbol: null, rows: 0, first: null, last: null },
          { ...FINDING, kind: 'table_damaged', symbol: null, rows: 0, first: null, last: null },
        ],
      },
      [
        '❌ tables/prices/month-2024-02.parquet, A: lacks rows that the stored files have: 1,200 (2024-02-01 to 2024-02-29). Run: ingest table --rebuild.',
        '❌ tables/prices/month-2024-02.parquet, A: has other values than the stored files: 1 (2024-02-01). Run: ingest table --rebuild.',
        '❌ tables/prices/month-2024-02.parquet: is no file of this table, and readers take its rows for the table’s. Move it away.',
        '❌ tables/prices/month-2024-02.parquet: is no file of a table, or it is damaged. Run: ingest table --rebuild.',
        'There is no stored file, so there is no table.',
      ],
    ],
  ])('%s', (_what, changes, lines) => {
    expect(textOf(changes)).toEqual([...lines])
  })

  test('shows no control characters of names from outside', () => {
    const [line = ''] = textOf({ tables: [], findings: [{ ...FINDING, key: 'a\u001B[31mb\nc', symbol: 'x\ny' }] })
    expect(['\u001B', '\n'].filter((control) => line.includes(control))).toEqual([])
  })
})

test('the document is as its schema says', () => {
  expect(schemaErrors('table', documentOf({ findings: [FINDING] }))).toEqual([])
  expect(schemaErrors('table', { ...documentOf(), mode: 'other' })).not.toEqual([])
})
