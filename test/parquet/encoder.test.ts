import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { createEncoder, createThreadEncoder } from '../../lib/parquet/encoder.ts'
import type { Row } from '../../lib/core/dataset.ts'
import { XNYS } from '../../lib/core/calendar.ts'
import { ROOT } from '../support/runs/process.ts'
import { priceRow, prices, span } from '../support/values.ts'
import type { Encoder } from '../../lib/parquet/parquet.ts'

const SCRIPT = join(ROOT, 'lib/parquet/worker.ts')
const settings = { columns: prices().columns, ingestMs: Date.UTC(2024, 8, 16), version: '1.2.3' }
const DAYS = XNYS.sessions(span('2023-01-01..2024-09-13'))
const draftOf = (...dates: string[]) => ({ rows: dates.map((date) => priceRow(date)), asked: undefined })

async function withThread<T>(use: (encoder: Encoder) => Promise<T>, script = SCRIPT): Promise<T> {
  const encoder = createThreadEncoder(settings, script)
  try {
    return await use(encoder)
  } finally {
    encoder.close()
  }
}

describe('the encoding thread', () => {
  test('gives each of many files the bytes that this thread would give it, whatever the order they are asked in', async () => {
    const drafts = DAYS.map((day) => draftOf(day))
    const year = { ...draftOf(...DAYS.slice(0, 250).toReversed()), asked: span('2023-01-01..2023-12-31') }
    const here = createEncoder(settings)
    const expected = await Promise.all([...drafts, year].map(here.encode))
    const got = await withThread(async (encoder) => await Promise.all([...drafts, year].map(encoder.encode)))
    expect(got.map(({ sha }) => sha)).toEqual(expected.map(({ sha }) => sha))
    const differing = got.filter(
      ({ bytes }, index) => Buffer.compare(bytes, expected[index]?.bytes ?? new Uint8Array()) !== 0,
    )
    expect(differing).toEqual([])
  })

  test('hands back what the encoding throws, and goes on', async () => {
    await withThread(async (encoder) => {
      const bad = { rows: [{ ...priceRow('2024-09-13'), open: 'no number' } as unknown as Row], asked: undefined }
      expect(encoder.encode({ rows: [], asked: undefined })).rejects.toThrow('at least one row')
      const both = await Promise.allSettled([encoder.encode(bad), encoder.encode(draftOf('2024-09-13'))])
      expect(both.map(({ status }) => status)).toContain('rejected')
      expect((await encoder.encode(draftOf('2024-09-13'))).bytes.length).toBeGreaterThan(500)
    })
  })

  test('that cannot begin is an error, not a wait for ever', async () => {
    const failing = withThread(
      async (encoder) => await encoder.encode(draftOf('2024-09-13')),
      join(ROOT, 'lib/no-such-file.ts'),
    )
    expect(failing).rejects.toThrow('The encoding thread has ended')
    await failing.catch(() => undefined)
  })

  test('that ends without a word is an error to all who wait and all who come', async () => {
    const script =
      'data:text/javascript,self.onmessage = ({ data }) => { if (typeof data === "string") process.exit(3) }'
    await withThread(async (encoder) => {
      const draft = draftOf('2024-09-13')
      const ends = await Promise.allSettled(Array.from({ length: 40 }, async () => await encoder.encode(draft)))
      expect(ends.filter(({ status }) => status === 'rejected')).toHaveLength(40)
      expect(await encoder.encode(draft).catch(String)).toContain('The encoding thread has ended')
    }, script)
  })
})
