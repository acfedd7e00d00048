// The files that a case's run would write, made beforehand from the same answers: what the baselines encode and upload.
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { RawRow, Row } from '../../lib/core/dataset.ts'
import { yearOf, type DateRange, type IsoDate } from '../../lib/core/dates.ts'
import { coverSpans } from '../../lib/datasets/prices/plan.ts'
import { encodeDraft, PRICES, type Draft, type Packed } from './drafts.ts'
import type { Ground } from './ground.ts'
import { BenchError } from './servers.ts'
import type { Partition } from '../../lib/datasets/prices/schema.ts'

export type Material = {
  readonly files: number
  readonly bytes: number
  /** The files as files, below their keys. */
  readonly folder: string
  /** All bytes in one file, and as JSON which are whose. */
  readonly packPath: string
  readonly indexPath: string
  /** The rows as JSON, before they are encoded. */
  readonly draftsPath: string
}

export type Wanted = {
  readonly name: string
  readonly symbols: readonly string[]
  readonly range: DateRange
  readonly kind: Partition['kind']
}

const made = new Map<string, Promise<Material>>()

/** Made once for all cases that upload the same. */
export async function materialOf(ground: Ground, wanted: Wanted): Promise<Material> {
  const material = made.get(wanted.name) ?? makeMaterial(ground, wanted)
  made.set(wanted.name, material)
  return await material
}

async function makeMaterial(ground: Ground, wanted: Wanted): Promise<Material> {
  const place = join(ground.folder, 'material', wanted.name)
  const folder = join(place, 'files')
  const drafts = (
    await Promise.all(wanted.symbols.map(async (symbol) => draftsOf(symbol, wanted, await ask(ground, symbol, wanted))))
  ).flat()
  const packed: Packed[] = []
  const parts: Uint8Array[] = []
  let offset = 0
  for (const draft of drafts) {
    const { bytes, rowsSha256: sha } = encodeDraft(draft)
    packed.push({ key: draft.key, offset, length: bytes.length, rowsSha256: sha })
    parts.push(bytes)
    offset += bytes.length
    const path = join(folder, draft.key)
    await mkdir(dirname(path), { recursive: true })
    await Bun.write(path, bytes)
  }
  const [packPath, indexPath, draftsPath] = ['pack', 'index.json', 'drafts.json'].map((name) => join(place, name))
  if (packPath === undefined || indexPath === undefined || draftsPath === undefined) throw new Error('no paths')
  await Bun.write(packPath, Buffer.concat(parts))
  await Bun.write(indexPath, JSON.stringify(packed))
  await Bun.write(draftsPath, JSON.stringify(drafts))
  await ground.vendor.take()
  return { files: drafts.length, bytes: offset, folder, packPath, indexPath, draftsPath }
}

async function ask(ground: Ground, symbol: string, { range }: Wanted): Promise<readonly Row[]> {
  const raw: RawRow[] = []
  for (const window of coverSpans(yearsOf(range).toReversed())) {
    const replies = PRICES.asks(symbol, window).map(async ({ path, query }) => {
      const url = `${ground.vendor.url}/stable/${path}?${new URLSearchParams({ symbol, ...query }).toString()}`
      const response = await fetch(url)
      return (await response.json()) as RawRow[]
    })
    raw.push(...PRICES.merge(await Promise.all(replies)))
  }
  return raw.map((row) => {
    const verdict = PRICES.check(symbol, row)
    if ('reason' in verdict) throw new BenchError(`The fake vendor sends a bad row of ${symbol}: ${verdict.reason}.`)
    return verdict.row
  })
}

function yearsOf({ from, to }: DateRange): readonly DateRange[] {
  const years = Array.from({ length: yearOf(to) - yearOf(from) + 1 }, (_, index) => yearOf(from) + index)
  return years.map((year) => ({
    from: year === yearOf(from) ? from : (`${year}-01-01` as IsoDate),
    to: year === yearOf(to) ? to : (`${year}-12-31` as IsoDate),
  }))
}

function draftsOf(symbol: string, { kind }: Wanted, rows: readonly Row[]): readonly Draft[] {
  if (kind === 'day') {
    return rows.map((row) => ({
      key: PRICES.key(symbol, { kind, date: row.date }),
      rows: [row],
      asked: undefined,
    }))
  }
  return [...Map.groupBy(rows, ({ date }) => yearOf(date))].map(([year, ofYear]) => ({
    key: PRICES.key(symbol, { kind, year }),
    rows: ofYear,
    asked: { from: `${year}-01-01` as IsoDate, to: `${year}-12-31` as IsoDate },
  }))
}
