// The program's one error class, and how an error is described.

/** What went wrong, in the words of metrics and tests. */
export type ErrorKind =
  | 'usage'
  | 'key'
  | 'plan'
  | 'plan-limit'
  | 'plan-period'
  | 'quota'
  | 'bandwidth'
  | 'budget'
  | 'network'
  | 'timeout'
  | 'server'
  | 'request'
  | 'payload'
  | 'no-data'
  | 'validation'
  | 'store'
  | 'shrink'
  | 'foreign-file'
  | 'session-absent'
  | 'interrupted'
  | 'output'
  | 'bug'

/** How far an error reaches: one attempt (try again), one symbol (the others go on), the run (stop). */
export type ErrorScope = 'attempt' | 'symbol' | 'run'

type Details = { kind: ErrorKind; scope: ErrorScope; hint?: string | undefined; cause?: unknown }

/** An expected failure. Anything else that is thrown is a bug of this program and ends it loudly. */
export class IngestError extends Error {
  // A literal, because a minified class loses its name.
  override readonly name = 'IngestError'
  readonly kind: ErrorKind
  readonly scope: ErrorScope
  /** What the reader can do about it, a sentence. */
  readonly hint: string | undefined

  constructor(message: string, { kind, scope, hint, cause }: Details) {
    super(message, cause === undefined ? undefined : { cause })
    this.kind = kind
    this.scope = scope
    this.hint = hint
  }
}

/** A problem of the command line, the environment or the ticker list: nothing is called, exit 2. */
export function usageError(message: string, hint?: string): IngestError {
  return new IngestError(message, { kind: 'usage', scope: 'run', hint })
}

/** A file at a key of ours that is not ours; `says` is a sentence that names it and what is wrong with it. */
export function foreignFileError(says: string, cause?: unknown): IngestError {
  const hint = 'Move it away, or replace it with --force.'
  return new IngestError(`${says} and is left as it is`, { kind: 'foreign-file', scope: 'symbol', hint, cause })
}

/** Message and hint as sentences, one after the other. */
export function describeError({ message, hint }: IngestError): string {
  if (hint === undefined) return message
  return /[.!?:]$/.test(message) ? `${message} ${hint}` : `${message}. ${hint}`
}
