// The program's own runs, as contenders of a case: what they are told, what has to be there, what they must leave.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { countFiles } from './baselines.ts'
import { BUCKET, type Ground } from './ground.ts'
import type { After, Contender } from './rounds.ts'

/** Where runs of a job store: the bucket behind a latency, or a folder. */
export type Place = { readonly kind: 's3'; readonly latencyMs: number } | { readonly kind: 'folder' }

export type Job = {
  readonly place: Place
  readonly args: readonly string[]
  /** Price files that a run has to leave where there were none. */
  readonly files: number
  readonly calls: number
}

export function placeName(place: Place): string {
  return place.kind === 'folder' ? 'folder' : `S3 at ${place.latencyMs} ms`
}

/** A run that begins with nothing stored. */
export function freshJob(ground: Ground, job: Job): Contender {
  return {
    name: 'ingest',
    command: () => commandOf(ground, job),
    before: async () => await clear(ground, job.place),
    // The metrics document is one more.
    flaw: async (after) => await flawOf(ground, job, { after, objects: job.files + 1, calls: job.calls }),
  }
}

/** A run that finds everything there, left by `fill`. */
export function rerunJob(ground: Ground, job: Job, fill: Job = job): Contender {
  let objects = 0
  return {
    name: 'ingest',
    command: () => commandOf(ground, job),
    before: async () => {
      if (objects > 0) return
      await clear(ground, fill.place)
      await ground.measure(commandOf(ground, fill))
      objects = fill.files + 1
      if (fill.place.kind === 's3') await ground.sink.take()
    },
    flaw: async (after) => {
      objects += 1
      return await flawOf(ground, job, { after, objects, calls: 0 })
    },
  }
}

async function clear({ sink, folder }: Ground, place: Place): Promise<void> {
  if (place.kind === 'folder') return await rm(lakeIn(folder), { recursive: true, force: true })
  await sink.reset()
  await sink.setLatency(place.latencyMs)
}

function commandOf(ground: Ground, { place, args }: Job): readonly string[] {
  const out = place.kind === 's3' ? `s3://${BUCKET}` : lakeIn(ground.folder)
  return [...ground.program, ...args, '--out', out, '--now', ground.nextNow()]
}

function lakeIn(folder: string): string {
  return join(folder, 'lake')
}

type Expected = { readonly after: After; readonly objects: number; readonly calls: number }

async function flawOf(
  ground: Ground,
  { place }: Job,
  { after, objects, calls }: Expected,
): Promise<string | undefined> {
  const found = place.kind === 's3' ? after.keys : await countFiles(lakeIn(ground.folder))
  if (found !== objects) return `${found} files and metrics are there, ${objects} expected`
  return after.requests.api === calls ? undefined : `${after.requests.api} API calls, ${calls} expected`
}
