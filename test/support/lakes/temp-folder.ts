// A folder of its own for a test.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type TempFolder = { readonly path: string; remove(): Promise<void> }

export async function makeTempFolder(): Promise<TempFolder> {
  const path = await mkdtemp(join(tmpdir(), 'ingest-test-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}
