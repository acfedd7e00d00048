// Translates file system errors into messages that name the path, the cause and the remedy.
import { dirname } from 'node:path'
import { errnoOf, IngestError } from '../../core/errors.ts'
import { oneLine } from '../../core/text.ts'

/** The error on `path` as an IngestError of scope 'run'. Returns an error that is not the file system's (a bug) as it is. */
export function toFolderError(error: unknown, path: string): unknown {
  const isSystem = error instanceof Error && 'errno' in error && typeof error.errno === 'number'
  const explain = EXPLANATIONS.get(errnoOf(error) ?? '') ?? (isSystem ? refused : undefined)
  if (explain === undefined || error instanceof IngestError) return error
  const [what, hint] = explain(path)
  const message = `${oneLine(path)}: ${what} (${errnoOf(error)})`
  return new IngestError(message, { kind: 'store', scope: 'run', hint, cause: error })
}

/** The error of a refused hard link: there EPERM is about the file system, not about this user. */
export function noHardLinks(path: string, error: unknown): IngestError {
  const [what, hint] = noLinks(path)
  return new IngestError(`${oneLine(path)}: ${what} (${errnoOf(error)})`, {
    kind: 'store',
    scope: 'run',
    hint,
    cause: error,
  })
}

/** The error of a lock that cannot be taken as an IngestError. Returns an error that is not about the lock (a full disk, a bug) as it is. */
export function toLockError(error: unknown, path: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (!LOCK_HINTS.has(code) && !code.startsWith('SQLITE_')) return error
  const message = `${oneLine(path)}: this file cannot be locked, and without its lock no file is replaced safely (${code})`
  const hint = LOCK_HINTS.get(code) ?? 'Choose a folder on a file system with locks.'
  return new IngestError(message, { kind: 'store', scope: 'run', hint, cause: error })
}

const inTheWay = 'Let no run go on, remove what has this name, and run again.'

const LOCK_HINTS: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'Give this user write access to it.'],
  ['ENOENT', 'The folder was removed meanwhile, or this is a link that leads nowhere: remove the link, and run again.'],
  ['SQLITE_CANTOPEN', inTheWay],
  ['SQLITE_NOTADB', inTheWay],
])

/** The error of a lock that others have kept for so many seconds. */
export function lockHeld(path: string, seconds: number): IngestError {
  const message = `${oneLine(path)}: another process, on this machine or another one, has held this lock for ${seconds} seconds, so no file can be replaced`
  // SQLite says the same where there are no locks (ENOLCK).
  const hint =
    `Let that process go on, or end it (here fuser ${oneLine(path)} gives its id), and run again. ` +
    'If there is none, the file system has no locks: choose another folder.'
  return new IngestError(message, { kind: 'store', scope: 'run', hint })
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

/** For codes that are not in the table. */
const refused: Explain = () => ['the file system refuses', 'Look at the disk or the mount, then run again.']

const EXPLANATIONS: ReadonlyMap<string, Explain> = new Map<string, Explain>([
  ['ENOSPC', full],
  ['EDQUOT', () => ["this user's disk quota is used up", 'Make room and run again: it goes on where it stopped.']],
  ['EACCES', denied],
  ['EPERM', denied],
  ['ENOENT', () => ['the folder cannot be made, or was removed meanwhile', 'Choose another folder with --out.']],
  ['EROFS', () => ['the file system is read-only', 'Choose another folder with --out.']],
  ['ENOTDIR', fileInTheWay],
  // mkdir's code for the same.
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
