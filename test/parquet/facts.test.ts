import { describe, expect, test } from 'bun:test'
import { STATEMENTS, statementColumns } from '../../lib/datasets/datasets.ts'
import { haveEqualFooters, readFacts } from '../../lib/parquet/facts.ts'
import { encodeFile } from '../../lib/parquet/writer.ts'
import { rowsFor } from '../support/lakes/price-files.ts'
import { at, prices } from '../support/values.ts'

const { columns } = prices()
const settings = { columns, ingestMs: at('2024-09-17T13:00:00Z'), version: '1.2.3' }
const rows = rowsFor('AAPL', '2024-01-02', '2024-01-31')
const encode = (changes: Partial<typeof settings & { note: string; creator: string }> = {}) =>
  encodeFile({ rows, asked: undefined }, { ...settings, ...changes }).bytes

describe('readFacts()', () => {
  test('tells what a file of this program says', () => {
    const bytes = encode({ note: 'made up' })
    expect(readFacts(bytes, bytes.length, columns)).toEqual({
      createdBy: 'fmp-ingest version 1.2.3',
      note: 'made up',
      schemaProblem: undefined,
      symbols: ['AAPL', 'AAPL'],
      isWhole: true,
    })
    // The end of a file is enough.
    expect(readFacts(bytes.slice(500), bytes.length, columns)?.isWhole).toBe(true)
    expect(readFacts(bytes, bytes.length + 1, columns)?.isWhole).toBe(false)
    expect(readFacts(bytes.slice(0, -1), bytes.length - 1, columns)).toBeUndefined()
  })

  test('names the first column that differs', () => {
    const other = columns.map((column) => (column.name === 'volume' ? { ...column, type: 'double' as const } : column))
    const bytes = encode({ columns: other })
    expect(readFacts(bytes, bytes.length, columns)?.schemaProblem).toBe(
      'column 8 is volume DOUBLE OPTIONAL and must be volume INT64 OPTIONAL',
    )
    expect(readFacts(bytes, bytes.length, other)?.schemaProblem).toBeUndefined()
    for (const statement of STATEMENTS)
      expect(readFacts(bytes, bytes.length, statementColumns(statement))?.schemaProblem).toBeDefined()
  })
})

test('haveEqualFooters() compares all but how the rows are encoded', () => {
  expect(haveEqualFooters(encode(), encode())).toBe(true)
  expect(haveEqualFooters(encode(), encode({ version: '1.2.4' }))).toBe(false)
  expect(haveEqualFooters(encode(), encode({ ingestMs: settings.ingestMs + 1 }))).toBe(false)
  expect(haveEqualFooters(encode(), new Uint8Array(9))).toBe(false)
})
