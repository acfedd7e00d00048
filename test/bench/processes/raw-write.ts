// Baseline: ready-made bytes into a folder, each by way of a temporary file and a link, with or without fsync: what the
// promise that a file is whole or not there costs by itself.
import { link, mkdir, open, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Packed } from '../drafts.ts'

const IN_FLIGHT = 32

const [packPath = '', indexPath = '', target = '', mode] = process.argv.slice(2)
const pack = await Bun.file(packPath).bytes()
const files = ((await Bun.file(indexPath).json()) as readonly Packed[]).entries()
const temporary = join(target, '.tmp')
await mkdir(temporary, { recursive: true })

async function write(number: number, { key, offset, length }: Packed): Promise<void> {
  const path = join(target, key)
  const draft = join(temporary, String(number))
  await mkdir(dirname(path), { recursive: true })
  const file = await open(draft, 'wx')
  await file.write(pack, offset, length)
  if (mode === 'fsync') await file.sync()
  await file.close()
  await link(draft, path)
  await unlink(draft)
}

async function work(): Promise<void> {
  for (const [number, file] of files) await write(number, file)
}
await Promise.all(Array.from({ length: IN_FLIGHT }, work))
