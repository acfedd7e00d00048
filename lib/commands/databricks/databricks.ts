// The command that writes a Databricks bundle into a folder: all files or none. It overwrites files only with --force.

import { constants } from 'node:fs'
import { copyFile, link, lstat, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errnoOf, IngestError } from '../../core/errors.ts'
import type { BundleSettings } from '../../core/config.ts'
import { bundleFiles, rawRootOf } from './bundle.ts'
import { oneLine, shellWord } from '../../core/text.ts'

/** Writes the bundle. Returns the text that says how to deploy it. Throws an IngestError when it cannot be written. */
export async function writeBundle(settings: BundleSettings): Promise<string> {
  const { folder, isForced } = settings
  const files = bundleFiles(settings)
  if (!isForced) await refuseExisting(folder, [...files.keys()])
  await writeFiles(files, settings)
  return closing(settings, files.size)
}

/** Throws one error that names every file that exists already. */
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
    // ENOTDIR: a parent is a file. Making the folder reports that later.
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    throw notWritten(path, error, 'nothing was written')
  }
}

/** Writes all files into a temporary folder first, so that most errors occur before the first file gets its name. */
async function writeFiles(
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
    // Overwritten files are lost. New files can be removed again.
    const left = isForced ? placed : await removeAll(placed)
    const state = left.length === 0 ? 'no file was written' : `only ${left.length} of ${files.size} files were written`
    throw notWritten(at, error, state)
  } finally {
    if (workFolder !== undefined) await rm(workFolder, { recursive: true, force: true })
  }
}

/** The errors of file systems without hard links. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/** Gives a file its name. Fails if another file has got that name since the check. */
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

/** Removes the files. Returns those that could not be removed. */
async function removeAll(paths: readonly string[]): Promise<readonly string[]> {
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

/** The error of a file system in words. Any other error is a bug and is returned as it is. */
function notWritten(path: string, error: unknown, state: string): unknown {
  const code = errnoOf(error)
  if (code === undefined) return error
  const reason = REASONS.get(code) ?? 'the file system refuses'
  const hint = 'Name another folder, or fix the cause. --force overwrites files that are there already.'
  return outputError(`${oneLine(path)}: ${reason} (${code}); ${state}.`, hint, error)
}

function outputError(message: string, hint?: string, cause?: unknown): IngestError {
  return new IngestError(message, { kind: 'output', scope: 'run', hint, cause })
}

/** The text after the files are written: the commands to deploy, and what is still missing. */
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

This is the target dev, whose triggers are paused. For nightly runs add -t prod to both: new files then start a run.
`
}
