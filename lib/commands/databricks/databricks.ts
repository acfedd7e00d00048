// The command that writes a Databricks bundle into a folder: all of it or nothing, and over nothing that is there
// unless told to.

import { constants } from 'node:fs'
import { copyFile, link, lstat, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { IngestError } from '../../core/errors.ts'
import type { BundleSettings } from '../../core/config.ts'
import { errnoOf } from '../../store/folder/errors.ts'
import { bundleFiles, rawRootOf } from './bundle.ts'
import { oneLine, shellWord } from '../../core/text.ts'

/** Writes the bundle. Returns what to do with it, in words; throws an IngestError where it cannot be written. */
export async function writeBundle(settings: BundleSettings): Promise<string> {
  const { folder, isForced } = settings
  const files = bundleFiles(settings)
  if (!isForced) await refuseExisting(folder, [...files.keys()])
  await place(files, settings)
  return closing(settings, files.size)
}

/** Throws one error that names every file that is there already. */
async function refuseExisting(folder: string, paths: readonly string[]): Promise<void> {
  const found = await Promise.all(paths.map(async (path) => ((await isThere(join(folder, path))) ? [path] : [])))
  const existing = found.flat().map((path) => join(folder, path))
  if (existing.length > 0) throw alreadyThere(existing)
}

function alreadyThere(paths: readonly string[]): IngestError {
  const list = paths.map((path) => `\n  ${oneLine(path)}`).join('')
  const what = paths.length === 1 ? 'One file is there already' : `${paths.length} files are there already`
  return outputError(`${what}, nothing was written. Name another folder, or write over them with --force:${list}`)
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
async function place(
  files: ReadonlyMap<string, string>,
  { folder, isForced }: Pick<BundleSettings, 'folder' | 'isForced'>,
): Promise<void> {
  let at = folder
  const placed: string[] = []
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
      await (isForced ? rename : create)(join(workFolder, path), at)
      placed.push(at)
    }
  } catch (error) {
    // What was written over is lost; what was not can go again.
    const left = isForced ? placed : await takeBack(placed)
    const state = left.length === 0 ? 'no file was written' : `only ${left.length} of ${files.size} files were written`
    throw notWritten(at, error, state)
  } finally {
    if (workFolder !== undefined) await rm(workFolder, { recursive: true, force: true })
  }
}

/** What some file systems say that have no hard links. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/** Gives a file its name, unless another has come to have it since the check. */
async function create(temp: string, path: string): Promise<void> {
  try {
    await link(temp, path).catch(async (error: unknown) => {
      if (!NO_LINKS.has(errnoOf(error) ?? '')) throw error
      await copyFile(temp, path, constants.COPYFILE_EXCL)
    })
  } catch (error) {
    throw errnoOf(error) === 'EEXIST' ? alreadyThere([path]) : error
  }
}

/** Returns those that could not be removed. */
async function takeBack(paths: readonly string[]): Promise<readonly string[]> {
  const left = paths.map(
    async (path) =>
      await rm(path).then(
        () => [],
        () => [path],
      ),
  )
  return (await Promise.all(left)).flat()
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

  cd ${shellWord(oneLine(folder))}
  databricks bundle deploy
  databricks bundle run prices

That is the target dev, with triggers paused. For every night the same with -t prod, which new files start by themselves.
`
}
