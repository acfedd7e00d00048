import { describe, expect, test } from 'bun:test'
import type { Column } from '../../../lib/core/dataset.ts'
import { STATEMENTS } from '../../../lib/datasets/datasets.ts'
import { createStatement } from '../../../lib/datasets/statements/schema.ts'
import { hashOfRows, readTableFooter } from '../../../lib/datasets/table/footer.ts'
import { readSymbols, rewriteFile, type Change, type OldFile } from '../../../lib/datasets/table/rewrite.ts'
import type { StampedRow } from '../../../lib/parquet/parquet.ts'
import { openGroups } from '../../../lib/parquet/row-groups.ts'
import { compareKeys } from '../../../lib/store/store.ts'
import { fuzz, FUZZ_TIMEOUT_MS } from '../../support/fuzz.ts'
import { readRows } from '../../support/lakes/table-lake.ts'
import { forRandomRuns, oneOf, someOf, wholeBetween, type Random } from '../../support/random.ts'
import { failureOf, priceRow, prices } from '../../support/values.ts'

const { columns } = prices()
const ABOUT = {
  columns,
  layout: { baseYear: 2024, buckets: 16 },
  listedMs: 1,
  rebuiltMs: 2,
  createdBy: 'fmp-ingest version 1.2.3',
}

function opened(bytes: Uint8Array, own: readonly Column[] = columns): OldFile {
  const footer = readTableFooter(bytes)
  if (footer === undefined) throw new Error('It has no footer')
  return { file: openGroups(bytes, own), entries: footer.entries, location: 'lake/table.parquet' }
}

function changeOf(symbol: string, rows: Change['rows'], changes: Partial<Change> = {}): Change {
  return { symbol, rows, days: (before) => before, listing: 'known', yearFile: '', ...changes }
}

/** From a date on, one a day. */
function rowsOf(symbol: string, count: number, close = 1, first = 0): readonly StampedRow[] {
  return Array.from({ length: count }, (_, index) => {
    const date = new Date(Date.UTC(2000, 0, 1 + first + index)).toISOString().slice(0, 10)
    return { row: priceRow(date, { symbol, close, volume: index % 9 === 0 ? null : index }), ingestMs: 1_000 * close }
  })
}

async function rewrite(old: OldFile | undefined, changes: readonly Change[]): Promise<OldFile> {
  const { bytes, rows } = await rewriteFile(old, changes, ABOUT)
  const file = opened(bytes)
  expect(Number(file.file.metadata.num_rows)).toBe(rows)
  return file
}

async function contentOf(
  old: OldFile,
  own: readonly Column[] = columns,
): Promise<ReadonlyMap<string, readonly StampedRow[]>> {
  const found = new Map<string, readonly StampedRow[]>()
  for await (const { symbol, rows } of readSymbols(old, own)) {
    expect(found.has(symbol)).toBe(false)
    found.set(symbol, rows)
  }
  return found
}

const NAMES = ['A', 'AA', 'BRK-B', 'M&M.NS', 'NA', 'TRUE', '^GSPC', '0', '10', '9', ...manyNames()]

/** Many of them begin equally for longer than statistics are. */
function manyNames(): readonly string[] {
  return Array.from({ length: 40 }, (_, index) => `OPTION250117C00${String(index * 7).padStart(6, '0')}`)
}

function drawChanges(random: Random, close: number): readonly Change[] {
  return someOf(random, NAMES, oneOf(random, [0, 0.05, 0.4]))
    .toSorted(compareKeys)
    .map((symbol) => {
      const count = oneOf(random, [0, 1, 21, 300, 2_600])
      if (random() < 0.3) return changeOf(symbol, (before) => [...before, ...rowsOf(symbol, 1, close, 9_000 + close)])
      const listing = oneOf(random, ['', `listing ${close}`])
      return changeOf(symbol, () => rowsOf(symbol, count, close), { listing })
    })
}

/** A hash of the pages of each row group. */
const groupsOf = ({ file: { groups } }: OldFile) =>
  groups.map((pieces) => Bun.hash(pieces.map(({ bytes }) => Bun.hash(bytes)).join(' ')))

describe('rewriteFile()', () => {
  test('any sequence of changes leaves what a plain map of rows would hold', async () => {
    await forRandomRuns('rewritten files', 3, async (random) => {
      let old: OldFile | undefined
      const model = new Map<string, readonly StampedRow[]>()
      const listings = new Map<string, string>()
      for (let close = 1; close <= 8; close += 1) {
        const changes = drawChanges(random, close)
        old = await rewrite(old, changes)
        for (const { symbol, rows, listing } of changes) {
          model.set(symbol, rows(model.get(symbol) ?? []))
          listings.set(symbol, listing)
        }
        const expected = [...model].filter(([, rows]) => rows.length > 0).toSorted(([a], [b]) => compareKeys(a, b))
        expect([...(await contentOf(old))]).toEqual(expected)
        const entries = [...model]
          .filter(([symbol, rows]) => rows.length > 0 || listings.get(symbol) !== '')
          .toSorted(([a], [b]) => compareKeys(a, b))
          .map(([symbol, rows]) => [symbol, rows.length, hashOfRows(rows), listings.get(symbol) ?? ''])
        expect([...old.entries].map(([symbol, { rows, sha, listing }]) => [symbol, rows, sha, listing])).toEqual(
          entries,
        )
      }
    })
  }, 60_000)

  test('keeps the bytes of the groups without a change', async () => {
    const first = await rewrite(
      undefined,
      ['A', 'B', 'C', 'D'].map((symbol) => changeOf(symbol, () => rowsOf(symbol, 5_000))),
    )
    expect(first.file.metadata.row_groups).toHaveLength(4)
    expect(groupsOf(await rewrite(await rewrite(first, []), []))).toEqual(groupsOf(first))
    const second = await rewrite(first, [changeOf('B', () => rowsOf('B', 4_999, 2))])
    const [before, after] = [groupsOf(first), groupsOf(second)]
    expect(after.map((hash, index) => hash === before[index])).toEqual([true, false, true, true])
  })

  test('puts new symbols in their order, also before the first and after the last', async () => {
    const first = await rewrite(undefined, [
      changeOf('F', () => rowsOf('F', 5_000)),
      changeOf('M', () => rowsOf('M', 2)),
    ])
    const second = await rewrite(
      first,
      ['A', 'G', 'Z'].map((symbol) => changeOf(symbol, () => rowsOf(symbol, 1))),
    )
    expect([...(await contentOf(second)).keys()]).toEqual(['A', 'F', 'G', 'M', 'Z'])
    const empty = await rewrite(
      second,
      [...second.entries.keys()].map((symbol) => changeOf(symbol, () => [], { listing: '' })),
    )
    expect([empty.entries.size, empty.file.metadata.row_groups]).toEqual([0, []])
    expect([...(await contentOf(await rewrite(empty, [changeOf('A', () => rowsOf('A', 1))]))).keys()]).toEqual(['A'])
  })

  test('remembers a symbol whose raw files have no row of the file, and forgets one without raw files', async () => {
    const file = await rewrite(undefined, [changeOf('A', () => []), changeOf('B', () => [], { listing: '' })])
    expect([...file.entries.keys()]).toEqual(['A'])
  })

  test('takes changes that come by and by, a few at a time', async () => {
    let [given, most] = [0, 0]
    async function* changes(): AsyncGenerator<Change, void> {
      for (const symbol of ['A', 'B', 'C', 'D', 'E']) {
        given += 1
        yield changeOf(symbol, () => {
          most = Math.max(most, given)
          given -= 1
          return rowsOf(symbol, 2)
        })
      }
    }
    const { rows } = await rewriteFile(undefined, changes(), ABOUT)
    expect([rows, most]).toEqual([10, 1])
  })

  test.each(STATEMENTS.map((statement) => [statement.name, statement] as const))(
    'gives back the columns of %s',
    async (_name, statement) => {
      const dataset = createStatement(statement, { prefix: 'raw', creator: 'fmp-ingest' })
      const names = dataset.columns.slice(0, -1).map(({ name, type }, index) => {
        const value = {
          string: `x${index}`,
          date: '2024-03-31',
          double: index / 3,
          int32: 2_024,
          int64: 2 ** 40,
          instant: '2024-04-30T20:05:06.000Z',
        }[type]
        return [name, value] as const
      })
      const row = { ...Object.fromEntries(names), symbol: 'A' } as unknown as StampedRow['row']
      const bare = { ...row }
      for (const { name, isNullable } of dataset.columns) if (isNullable) Object.assign(bare, { [name]: null })
      const rows = [row, bare].map((own) => ({ row: own, ingestMs: 1_700_000_000_123 }))
      const about = { ...ABOUT, columns: dataset.columns }
      const { bytes } = await rewriteFile(undefined, [changeOf('A', () => rows)], about)
      const again = await rewriteFile(opened(bytes, dataset.columns), [changeOf('B', () => [])], about)
      expect((await contentOf(opened(again.bytes, dataset.columns), dataset.columns)).get('A')).toEqual(rows)
    },
  )
})

const three = async () =>
  await rewriteFile(
    undefined,
    ['A', 'B', 'C'].map((symbol) => changeOf(symbol, () => rowsOf(symbol, 30))),
    ABOUT,
  )

describe('a file whose rows are not what its footer says', () => {
  test('is damaged: an entry too many, too few, or with another hash', async () => {
    const old = opened((await three()).bytes)
    const [a, b, c] = [...old.entries]
    if (a === undefined || b === undefined || c === undefined) throw new Error('There are three')
    const others = [
      [a, b],
      [a, b, c, ['D', c[1]] as const],
      [a, b, ['C', { ...c[1], sha: '0'.repeat(16) }] as const],
      [a, c, ['D', b[1]] as const],
    ]
    for (const entries of others) {
      const wrong = { ...old, entries: new Map(entries) }
      const error = await failureOf(rewriteFile(wrong, [changeOf('B', () => rowsOf('B', 1))], ABOUT))
      expect(error).toMatchObject({ kind: 'store', scope: 'run', data: { isNoTable: true } })
      expect(error.message).toContain('lake/table.parquet')
      expect(error.hint).toContain('ingest table --rebuild')
    }
  })

  test(
    'by damaged bytes is an error or the right rows, never other rows',
    async () => {
      const { bytes } = await three()
      const expected = JSON.stringify(await readRows(bytes), plain)
      // Nearly all bytes of so small a file are the reserve behind its rows.
      const used = [...bytes.keys()].filter((at) => at >= 4 && bytes[at] !== 0)
      let errors = 0
      await fuzz('damaged files of a table', 400, async (random) => {
        const damaged = new Uint8Array(bytes)
        for (let count = wholeBetween(random, 1, 3); count > 0; count -= 1) {
          const at = random() < 0.9 ? oneOf(random, used) : wholeBetween(random, 4, damaged.length - 1)
          damaged[at] = wholeBetween(random, 0, 255)
        }
        let file: OldFile
        try {
          file = opened(damaged)
        } catch {
          errors += 1
          return
        }
        const result = await rewriteFile(file, [changeOf('D', () => [], { listing: '' })], ABOUT).catch(
          (error: unknown) => {
            expect(error).toMatchObject({ data: { isNoTable: true } })
            return undefined
          },
        )
        if (result === undefined) errors += 1
        else expect(JSON.stringify(await readRows(result.bytes), plain)).toBe(expected)
      })
      expect(errors).toBeGreaterThan(100)
    },
    FUZZ_TIMEOUT_MS,
  )
})

const plain = (_name: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)
