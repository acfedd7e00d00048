import { describe, expect, test } from 'bun:test'
import { INGEST_TS } from '../../lib/core/dataset.ts'
import { openGroups, readGroup } from '../../lib/parquet/row-groups.ts'
import { columns, CONTENT, written } from '../support/grouped-file.ts'

describe('a file of row groups', () => {
  test('gives back every row of every symbol, cut into groups at symbols only', () => {
    const file = openGroups(written(CONTENT), columns)
    const read = file.metadata.row_groups.map((_group, index) => readGroup(file, index, columns))
    const symbols = CONTENT.map(([symbol]) => symbol)
    expect(read.map((group) => group.map(({ symbol }) => symbol))).toEqual([
      symbols.slice(0, 2),
      symbols.slice(2, 4),
      symbols.slice(4),
    ])
    expect(read.flat().map(({ symbol, rows }) => [symbol, rows])).toEqual(
      CONTENT.map(([symbol, rows]) => [symbol, rows]),
    )
    expect(file.metadata.row_groups.map(({ num_rows: rows }) => Number(rows))).toEqual([5_003, 5_001, 4])
  })

  test('knows where its groups and its footer stand', () => {
    const bytes = written(CONTENT)
    const { groups, end } = openGroups(bytes, columns)
    expect(groups.map((pieces) => pieces.length)).toEqual([columns.length, columns.length, columns.length])
    for (const { start, bytes: own } of [...groups.flat(), end]) {
      expect(Bun.hash(bytes.subarray(start, start + own.byteLength))).toBe(Bun.hash(own))
    }
    expect(end.start + end.bytes.byteLength).toBe(bytes.byteLength)
    expect(Math.max(...groups.flat().map(({ start, bytes: own }) => start + own.byteLength))).toBeLessThanOrEqual(
      end.start,
    )
  })

  test('that is none, has other columns or says more than it has is refused', () => {
    const bytes = written(CONTENT)
    expect(() => openGroups(bytes.subarray(0, -1), columns)).toThrow()
    const others = [...columns.slice(0, -1), { name: 'vwap', type: 'double', isNullable: true } as const, INGEST_TS]
    expect(() => openGroups(bytes, others)).toThrow('column 0 is root 9 and must be root 10')
    const file = openGroups(bytes, columns)
    const short = { ...file, bytes: file.bytes.subarray(0, 100) }
    expect(() => readGroup(short, 0, columns)).toThrow()
    expect(() => readGroup(file, 3, columns)).toThrow('no row group 3')
  })

  test('of which the front is missing is refused, because its groups are not in their places', () => {
    const bytes = written(CONTENT)
    const { end } = openGroups(bytes, columns)
    let problem: unknown
    try {
      openGroups(bytes.subarray(end.start - 100), columns)
    } catch (error) {
      problem = error
    }
    expect(String(problem)).toContain('not in its place')
  })
})
