// The command that writes a Databricks bundle into a folder: all of it or nothing, and over nothing that is there
// unless told to.

import { lstat, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { IngestError, oneLine } from '../errors.ts'
import type { BundleSettings } from '../settings.ts'
import { errnoOf } from '../store/folder-errors.ts'
import { bundleFiles, rawRootOf } from './bundle.ts'

/** Writes the bundle. Returns what to do with it, in words; throws an IngestError where it cannot be written. */
export async function writeBundle(settings: BundleSettings): Promise<string> {
  const { folder, isForced } = settings
  const files = bundleFiles(settings)
  if (!isForced) await refuseExisting(folder, [...files.keys()])
  await place(folder, files)
  return closing(settings, files.size)
}

/** Throws one error that names every file that is there already. */
async function refuseExisting(folder: string, paths: readonly string[]): Promise<void> {
  const found = await Promise.all(paths.map(async (path) => ((await isThere(join(folder, path))) ? [path] : [])))
  const existing = found.flat()
  if (existing.length === 0) return
  const list = existing.map((path) => `\n  ${oneLine(join(folder, path))}`).join('')
  const what = existing.length === 1 ? 'One file is there already' : `${existing.length} files are there already`
  throw outputError(`${what}, nothing was written. Name another folder, or write over them with --force:${list}`)
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    const code = errnoOf(error)
    // A file where a folder is needed is noticed when the folder is made.
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    throw notWritten(path, error, 'nothing was written')
  }
}

/** Writes all files beside their places first: what can go wrong goes wrong before the first of them is in place. */
async function place(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  let at = folder
  let placed = 0
  let workFolder: string | undefined
  try {
    await mkdir(folder, { recursive: true })
    workFolder = await mkdtemp(join(folder, '.ingest-databricks-'))
    for (const [path, text] of files) {
      at = join(workFolder, path)
      await mkdir(dirname(at), { recursive: true })
      await writeFile(at, text)
      at = join(folder, path)
      await mkdir(dirname(at), { recursive: true })
    }
    for (const path of files.keys()) {
      at = join(folder, path)
      await rename(join(workFolder, path), at)
      placed += 1
    }
  } catch (error) {
    const state = placed === 0 ? 'no file was written' : `only ${placed} of ${files.size} files were written`
    throw notWritten(at, error, state)
  } finally {
    if (workFolder !== undefined) await rm(workFolder, { recursive: true, force: true })
  }
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'permission denied'],
  ['EPERM', 'permission denied'],
  ['EROFS', 'the file system is read-only'],
  ['ENOSPC', 'the disk is full'],
  ['EDQUOT', 'the disk quota is used up'],
  ['ENOTDIR', 'a file stands where a folder is needed'],
  ['EEXIST', 'a file stands where a folder is needed'],
  ['EISDIR', 'a folder stands where a file is to go'],
  ['ENAMETOOLONG', 'the path is too long'],
])

/** The file system's refusal in words; an error that is none (a bug) as it came. */
function notWritten(path: string, error: unknown, state: string): unknown {
  const code = errnoOf(error)
  if (code === undefined) return error
  const reason = REASONS.get(code) ?? 'the file system refuses'
  const hint = 'Name another folder, or mend this one; what is there already is written over with --force.'
  return outputError(`${oneLine(path)}: ${reason} (${code}); ${state}.`, hint, error)
}

function outputError(message: string, hint?: string, cause?: unknown): IngestError {
  return new IngestError(message, { kind: 'output', scope: 'run', hint, cause })
}

/** What to do with the bundle: the commands, and what is still missing. */
function closing(settings: BundleSettings, count: number): string {
  const { folder, catalog } = settings
  const rawRoot = rawRootOf(settings)
  const missing = `
The bucket is not known: raw_root in databricks.yml is marked MISSING. Name it there, or add
--var raw_root=s3://my-bucket/raw to the commands. \`databricks bundle validate\` says what else is missing.
`
  return `Wrote ${count} files into ${oneLine(folder)}: tables in the catalog ${catalog}, from ${rawRoot ?? 'a bucket to be named'}.
${rawRoot === undefined ? missing : ''}
To deploy and run it (databricks auth login comes first, README.md there says what the workspace needs):

  cd ${shellQuoted(folder)}
  databricks bundle deploy
  databricks bundle run prices

That is the target dev, with triggers paused. For every night the same with -t prod, which new files start by themselves.
`
}

/** A folder's name as a shell takes it for one word. */
function shellQuoted(folder: string): string {
  const plain = oneLine(folder)
  return /^[\w./~+@%,:-]+$/.test(plain) ? plain : `'${plain.replaceAll("'", String.raw`'\''`)}'`
}
