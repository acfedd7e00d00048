// What the file system's refusals mean, in words that name the path, the cause and the cure.
import { dirname } from 'node:path'
import { IngestError } from '../../core/errors.ts'
import { oneLine } from '../../core/text.ts'

/** The file system's code of an error (`ENOENT`), or undefined where it has none. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** The failure on `path` as this program tells it, scope 'run'; an error without a known code (a bug) as it came. */
export function toFolderError(error: unknown, path: string): unknown {
  const isSystem = error instanceof Error && 'errno' in error && typeof error.errno === 'number'
  const explain = EXPLANATIONS.get(errnoOf(error) ?? '') ?? (isSystem ? refused : undefined)
  if (explain === undefined || error instanceof IngestError) return error
  const [what, hint] = explain(path)
  const message = `${oneLine(path)}: ${what} (${errnoOf(error)})`
  return new IngestError(message, { kind: 'store', scope: 'run', hint, cause: error })
}

/** A refused hard link: EPERM then speaks of the file system, not of this user. */
export function noHardLinks(path: string, error: unknown): IngestError {
  const [what, hint] = noLinks(path)
  return new IngestError(`${oneLine(path)}: ${what} (${errnoOf(error)})`, {
    kind: 'store',
    scope: 'run',
    hint,
    cause: error,
  })
}

type Explain = (path: string) => [what: string, hint: string]

const full: Explain = () => ['the disk is full', 'Make room and run again: it goes on where it stopped.']
const denied: Explain = (path) => ['permission denied', `Give this user write access to ${oneLine(dirname(path))}.`]
const noLinks: Explain = () => [
  'the file system cannot hold a second name of a file, which a safe create needs',
  'Choose a folder on a local disk with hard links (no FAT, no mount within the folder).',
]
const fileInTheWay: Explain = () => [
  'a file stands where a folder is needed',
  'Move that file away, or choose another folder with --out.',
]
const broken: Explain = () => ['the disk reports an error', 'Look at the disk, then run again.']

/** What a mount may say that no list foresees. */
const refused: Explain = () => ['the file system refuses', 'Look at the disk or the mount, then run again.']

const EXPLANATIONS: ReadonlyMap<string, Explain> = new Map<string, Explain>([
  ['ENOSPC', full],
  ['EDQUOT', () => ["this user's disk quota is used up", 'Make room and run again: it goes on where it stopped.']],
  ['EACCES', denied],
  ['EPERM', denied],
  ['ENOENT', () => ['the folder cannot be made, or was removed meanwhile', 'Choose another folder with --out.']],
  ['EROFS', () => ['the file system is read-only', 'Choose another folder with --out.']],
  ['ENOTDIR', fileInTheWay],
  // What mkdir says of it.
  ['EEXIST', fileInTheWay],
  [
    'EISDIR',
    () => ['a folder stands where a file is to go', 'Move that folder away, or choose another one with --out.'],
  ],
  ['ENAMETOOLONG', () => ['the path is too long', 'Choose a folder with a shorter path with --out.']],
  ['EFBIG', () => ['the file is larger than allowed here', 'Raise the limit (ulimit -f).']],
  ['EMFILE', () => ['too many open files', 'Raise the limit (ulimit -n) or lower UPLOAD_CONCURRENCY.']],
  ['ELOOP', () => ['too many symbolic links', 'Choose another folder with --out.']],
  ['EIO', broken],
  ['ESTALE', broken],
  ['ENOTSUP', noLinks],
  ['EOPNOTSUPP', noLinks],
  ['ENOSYS', noLinks],
  ['EMLINK', noLinks],
  ['EXDEV', noLinks],
])
