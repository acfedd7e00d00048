// What a case is held against: its files only encoded, only uploaded by hand, only uploaded by s5cmd, only written.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BUCKET, processOf, type Ground } from './ground.ts'
import type { Material } from './material.ts'
import { countFiles, type Place } from './place.ts'
import type { Contender } from './rounds.ts'

export function baselinesFor(ground: Ground, material: Material, place: Place): readonly Contender[] {
  return place.kind === 's3' ? uploadBaselines(ground, material, place.latencyMs) : folderBaselines(ground, material)
}

function uploadBaselines(ground: Ground, material: Material, latencyMs: number): readonly Contender[] {
  const { sink, s5cmd } = ground
  const { packPath, indexPath, folder, files } = material
  const upload = (name: string, command: readonly string[]): Contender => ({
    name,
    command: () => command,
    before: async () => {
      await sink.reset()
      await sink.setLatency(latencyMs)
    },
    flaw: ({ keys }) => (keys === files ? undefined : `${keys} keys in the bucket, ${files} expected`),
  })
  const raw = upload('raw signed PUT', processOf('raw-put', packPath, indexPath, BUCKET))
  const blind = ['--endpoint-url', sink.url, '--numworkers', '256', 'cp', `${folder}/`, `s3://${BUCKET}/`]
  return [
    encodeOnly(material),
    raw,
    // Blind: it overwrites without a look.
    ...(s5cmd === undefined ? [] : [upload('s5cmd', [s5cmd, '--log', 'error', ...blind])]),
  ]
}

function folderBaselines(ground: Ground, material: Material): readonly Contender[] {
  const target = join(ground.folder, 'baseline')
  const write = (name: string, mode: 'fsync' | 'plain'): Contender => ({
    name,
    command: () => processOf('raw-write', material.packPath, material.indexPath, target, mode),
    before: async () => await rm(target, { recursive: true, force: true }),
    flaw: async () => {
      const found = await countFiles(target)
      return found === material.files ? undefined : `${found} files, ${material.files} expected`
    },
  })
  return [encodeOnly(material), write('write, fsync, link', 'fsync'), write('write, link', 'plain')]
}

function encodeOnly({ draftsPath, bytes }: Material): Contender {
  return {
    name: 'encode only',
    command: () => processOf('encode-only', draftsPath),
    before: async () => undefined,
    flaw: ({ stdout }) => (Number(stdout) === bytes ? undefined : `${stdout.trim()} bytes, ${bytes} expected`),
  }
}
