// Baseline: reads the price files below a folder, whole or their last 64 KiB, and prints how many there were.
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'

const IN_FLIGHT = 32
const END_BYTES = 65_536

const [folder = '', mode] = process.argv.slice(2)
const entries = await readdir(folder, { recursive: true, withFileTypes: true })
const paths = entries
  .filter(({ name }) => name.endsWith('.parquet'))
  .map(({ parentPath, name }) => join(parentPath, name))
const remaining = paths.values()

async function work(): Promise<void> {
  for (const path of remaining) {
    const file = await open(path, 'r')
    const { size } = await file.stat()
    const length = mode === 'whole' ? size : Math.min(size, END_BYTES)
    await file.read(new Uint8Array(length), 0, length, size - length)
    await file.close()
  }
}
await Promise.all(Array.from({ length: IN_FLIGHT }, work))
console.log(paths.length)
