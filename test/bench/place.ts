// Where runs store: the bucket behind a latency, or a folder.
import { cp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BUCKET, type Ground } from './ground.ts'

export type Place = { readonly kind: 's3'; readonly latencyMs: number } | { readonly kind: 'folder' }

export function placeName(place: Place): string {
  return place.kind === 'folder' ? 'folder' : `S3 at ${place.latencyMs} ms`
}

/** For --out. */
export function outOf(place: Place, { folder }: Ground): string {
  return place.kind === 's3' ? `s3://${BUCKET}` : lakeIn(folder)
}

/** Takes everything away and sets the latency. */
export async function clear(place: Place, { sink, folder }: Ground): Promise<void> {
  if (place.kind === 'folder') return await rm(lakeIn(folder), { recursive: true, force: true })
  await sink.reset()
  await sink.setLatency(place.latencyMs)
}

/**
 * Remembers what is stored. What it returns takes everything away that was added since, and puts back the table's files; no
 * others may be replaced meanwhile.
 */
export async function keep(place: Place, { sink, folder }: Ground): Promise<() => Promise<void>> {
  if (place.kind === 's3') {
    await sink.keep()
    return async () => {
      await sink.restore()
      await sink.setLatency(place.latencyMs)
    }
  }
  const pathsOf = async () => (await entriesIn(lakeIn(folder))).map(({ parentPath, name }) => join(parentPath, name))
  const kept = new Set(await pathsOf())
  const [table, copy] = [join(lakeIn(folder), 'tables'), join(folder, 'kept-tables')]
  await rm(copy, { recursive: true, force: true })
  if (kept.has(table)) await cp(table, copy, { recursive: true })
  return async () => {
    for (const path of await pathsOf()) if (!kept.has(path)) await rm(path, { recursive: true, force: true })
    if (kept.has(table)) await cp(copy, table, { recursive: true })
  }
}

/** Files of a lake in a folder. */
export async function countLake({ folder }: Ground): Promise<number> {
  return await countFiles(lakeIn(folder))
}

/** The lake of the place that is a folder. */
export function lakeIn(folder: string): string {
  return join(folder, 'lake')
}

/** Files below a folder; none where there is no such folder. */
export async function countFiles(folder: string): Promise<number> {
  return (await entriesIn(folder)).filter((entry) => entry.isFile()).length
}

async function entriesIn(folder: string) {
  return await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
}
