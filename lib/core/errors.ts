// The program's one error class, and what may be said of an error aloud: one line, no control characters, no secret.

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

const MAX_LINE_CHARACTERS = 1_000

/**
 * Text from outside made fit to print: control characters (and the terminal sequences and line breaks they carry)
 * become spaces, and a long text is cut. Without line breaks it can start no workflow command of its own.
 */
export function oneLine(text: string, maxCharacters: number = MAX_LINE_CHARACTERS): string {
  const flat = text
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
    // GitHub reads `##[error]` as a command wherever in a line it stands.
    .replaceAll('##[', '## [')
    .trim()
  return flat.length <= maxCharacters ? flat : `${flat.slice(0, maxCharacters - 1)}…`
}

/**
 * A function that blots every given secret out of a text, also where it stands URL-encoded, in base64 or escaped in JSON.
 * Secrets of fewer than four characters are left alone: blotting them would only garble the text.
 */
export function createRedactor(secrets: readonly (string | undefined)[]): (text: string) => string {
  const forms = secrets
    .flatMap((secret) => (secret !== undefined && secret.trim().length >= 4 ? formsOf(secret.trim()) : []))
    .toSorted((a, b) => b.length - a.length)
  const unique = [...new Set(forms)]
  return (text) => unique.reduce((clean, form) => clean.replaceAll(form, '[redacted]'), text)
}

/** How a secret may be written in URLs, headers and documents. */
function formsOf(secret: string): readonly string[] {
  const bytes = new TextEncoder().encode(secret)
  const encoded = [encodeURIComponent(secret), new URLSearchParams({ '': secret }).toString().slice(1)]
  const lowerCased = encoded.map((form) => form.replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()))
  return [secret, ...encoded, ...lowerCased, ...base64FormsOf(bytes), JSON.stringify(secret).slice(1, -1)]
}

/** What base64 makes of a secret within a longer text: the digits that are the secret's alone, at each of three offsets. */
function base64FormsOf(bytes: Uint8Array): readonly string[] {
  const whole = [bytes.toBase64(), bytes.toBase64({ alphabet: 'base64url' })]
  const within = [0, 1, 2].flatMap((offset) => {
    const padded = new Uint8Array([...new Uint8Array(offset), ...bytes])
    const [first, end] = [Math.ceil((offset * 8) / 6), Math.floor((padded.length * 8) / 6)]
    return (['base64', 'base64url'] as const).map((alphabet) => padded.toBase64({ alphabet }).slice(first, end))
  })
  // A few digits alone may stand anywhere.
  return [...whole, ...whole.map((form) => form.replace(/=+$/, '')), ...within.filter(({ length }) => length >= 8)]
}
