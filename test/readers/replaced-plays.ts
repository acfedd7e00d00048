// A query of a fresh table of three files, of which one is replaced at given moments of the query: in a folder between the
// opens of the file, in a bucket before the requests for it. Each query has a table of its own, because readers keep files.

import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { FakeS3 } from '../support/servers/fake-s3.ts'
import type { Answering } from './answering.ts'
import { versionPath, type VersionedFile, type Way } from './replaced-files.ts'

/** What a reader got: the version of each file by its name, or what is wrong with its rows, or its error. */
export type Answer = {
  readonly versions?: Readonly<Record<string, number>>
  readonly wrong?: string
  readonly error?: string
}

export type Play = {
  readonly way: Way
  readonly file: VersionedFile
  /** The version that the file has at first. */
  readonly from: number
  /** At each of these moments, counted from 0, it is replaced by its next version. */
  readonly at: readonly number[]
}

export type Played = {
  readonly answer: Answer
  /** How many moments the query had, and how often the file was replaced: other queries can have more moments. */
  readonly moments: number
  readonly replacements: number
}

/** Makes a table, queries it with `read`, which is told its place, and removes it. */
export type RunPlay = (play: Play, read: (place: string) => Promise<Answer>) => Promise<Played>

/** Tables are folders of `work`, where the versions are stored; `opens` is a process of `replaced_opens.py`. */
export function inFolder(work: string, files: readonly VersionedFile[], opens: Answering): RunPlay {
  let tables = 0
  return async ({ way, file, from, at }, read) => {
    const place = join(work, `table-${tables++}`)
    await mkdir(place)
    for (const { name, versions } of files) await Bun.write(join(place, name), versions[way][0] ?? '')
    const bytes = [from, ...at.map((_, index) => from + index + 1)].map((version) =>
      versionPath(work, way, file.name, version),
    )
    await opens.ask(JSON.stringify({ path: join(place, file.name), bytes, at }))
    const answer = await read(place)
    const seen = await opens.ask<{ readonly opens: number; readonly replacements: number }>('{}')
    await rm(place, { recursive: true })
    return { answer, moments: 2 * seen.opens, replacements: seen.replacements }
  }
}

/** Tables are prefixes of the bucket. */
export function inBucket(s3: FakeS3, files: readonly VersionedFile[]): RunPlay {
  let tables = 0
  return async ({ way, file, from, at }, read) => {
    const table = `table-${tables++}`
    const put = ({ name, versions }: VersionedFile, version: number) =>
      s3.put(`${table}/${name}`, versions[way][version] ?? new Uint8Array())
    for (const each of files) put(each, each === file ? from : 0)
    let [moments, replacements] = [0, 0]
    s3.onRequest = ({ operation, key }) => {
      if (operation !== 'list' && key !== `${table}/${file.name}`) return undefined
      for (const moment of at) {
        if (moment !== moments) continue
        replacements += 1
        put(file, from + replacements)
      }
      moments += 1
      return undefined
    }
    const answer = await read(`s3://${s3.bucket}/${table}`)
    s3.onRequest = () => undefined
    for (const { name } of files) s3.objects.delete(`${table}/${name}`)
    return { answer, moments, replacements }
  }
}
