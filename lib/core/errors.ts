// The program's one error class, how an error is described, and the code of a system error.

/** What went wrong, in the words of metrics and tests. The code decides by the kinds above the blank line. */
export type ErrorKind =
  // ingest.ts: exit code 2.
  | 'usage'
  // ingest.ts, commands/ingest/ and report/: the run is reported as interrupted, and not as failed.
  | 'interrupted'
  // fmp/calls.ts: FMP has not replied, so it may be down for every symbol.
  | 'network'
  | 'timeout'
  // fmp/calls.ts: with scope `attempt` all calls pause. report/exit-code.ts: a run stopped by it ends with exit code 3.
  | 'quota'
  // report/exit-code.ts: exit code 3.
  | 'bandwidth'
  // pipeline/pipeline.ts: symbols that have their calls reserved are finished. commands/ingest/finish.ts: no error of the
  // run. report/exit-code.ts: exit code 3.
  | 'budget'
  // datasets/statements/plan-limits.ts: asks for fewer rows, or no more for quarters.
  | 'plan-limit'
  | 'plan-period'
  // datasets/, report/ and commands/ingest/: judged at the end, when it is known whether other symbols have data.
  | 'no-data'
  // datasets/statements/: with --force its rows are not kept; the newest document of the symbol is still written.
  | 'foreign-file'
  // ingest.ts: exit code 141, and nothing is said. commands/ingest/finish.ts: the run keeps its exit code.
  | 'closed-output'
  // report/progress.ts: a line of its own for a symbol without any valid row.
  | 'validation'

  // These only name what went wrong.
  | 'key'
  | 'plan'
  | 'server'
  | 'request'
  | 'payload'
  | 'store'
  | 'past'
  | 'shrink'
  | 'session-absent'
  | 'output'
  | 'bug'

/** What an error stops: one attempt (it is made again), one symbol (the others go on), or the run. */
export type ErrorScope = 'attempt' | 'symbol' | 'run'

/** What the code needs of an error beside its kind. */
export type ErrorData = {
  /** Of kind `plan-limit`: how many rows a call may ask for. */
  readonly allowedRows?: number
  /** The reply is not the vendor's, but that of a firewall or a proxy on the way. */
  readonly isNotVendors?: true
  /** Of kind `key`: the vendor does not know the key, and does not refuse it for another reason. */
  readonly isUnknownKey?: true
  /** Of kind `store`: this one right is missing, and others may be there. */
  readonly isDenied?: true
  /** Of kind `store`: the file is none of a table, or is damaged. */
  readonly isNoTable?: true
  /** Of kind `interrupted`: the exit code of the signal. */
  readonly exitCode?: 130 | 143
}

export type ErrorDetails = {
  readonly kind: ErrorKind
  readonly scope: ErrorScope
  readonly hint?: string | undefined
  readonly data?: ErrorData | undefined
  readonly cause?: unknown
}

/** An expected failure. Anything else that is thrown is a bug of this program and ends it loudly. */
export class IngestError extends Error {
  // A literal, because a minified class loses its name.
  override readonly name = 'IngestError'
  readonly kind: ErrorKind
  readonly scope: ErrorScope
  /** What the reader can do about it, a sentence. */
  readonly hint: string | undefined
  readonly data: ErrorData | undefined

  constructor(message: string, { kind, scope, hint, data, cause }: ErrorDetails) {
    super(message, cause === undefined ? undefined : { cause })
    this.kind = kind
    this.scope = scope
    this.hint = hint
    this.data = data
  }
}

/** A mistake in the command line, the environment or the ticker list. Nothing is fetched; the exit code is 2. */
export function usageError(message: string, hint?: string): IngestError {
  return new IngestError(message, { kind: 'usage', scope: 'run', hint })
}

/** A file at one of our keys that this program did not write. `says` is a sentence with its key and what is wrong with it. */
export function foreignFileError(says: string, cause?: unknown): IngestError {
  const hint = 'Move it away, or replace it with --force.'
  return new IngestError(`${says} and is left as it is`, { kind: 'foreign-file', scope: 'symbol', hint, cause })
}

/** Message and hint as sentences, one after the other. */
export function describeError({ message, hint }: IngestError): string {
  if (hint === undefined) return message
  return /[.!?:]$/.test(message) ? `${message} ${hint}` : `${message}. ${hint}`
}

/** The system's code of an error (`ENOENT`), or undefined if it has none. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}
