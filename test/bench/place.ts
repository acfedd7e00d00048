// Where runs store: the bucket behind a latency, or a folder.
import { readdir, rm } from 'node:fs/promises'
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

/** Files of a lake in a folder. */
export async function countLake({ folder }: Ground): Promise<number> {
  return await countFiles(lakeIn(folder))
}

function lakeIn(folder: string): string {
  return join(folder, 'lake')
}

/** Files below a folder; none where there is no such folder. */
export async function countFiles(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isFile()).length
}
