// Text for people: safe to print, redacted, with numbers and plurals, quoted for a shell.

const MAX_LINE_CHARACTERS = 1_000

/**
 * Makes text from outside safe to print as one line. Control characters, and with them line breaks and terminal sequences,
 * become spaces. A long text is cut. Without line breaks the text cannot begin a workflow command.
 */
export function oneLine(text: string, maxCharacters: number = MAX_LINE_CHARACTERS): string {
  const flat = text
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
    // GitHub reads `##[error]` as a command anywhere in a line.
    .replaceAll('##[', '## [')
    .trim()
  return flat.length <= maxCharacters ? flat : `${flat.slice(0, maxCharacters - 1)}…`
}

/**
 * Returns a function that redacts every given secret in a text: as it is, URL-encoded, in base64, or escaped in JSON.
 * Secrets of fewer than four characters are not redacted, because that would only garble the text.
 */
export function createRedactor(secrets: readonly (string | undefined)[]): (text: string) => string {
  const forms = secrets
    .flatMap((secret) => (secret !== undefined && secret.trim().length >= 4 ? formsOf(secret.trim()) : []))
    .toSorted((a, b) => b.length - a.length)
  const unique = [...new Set(forms)]
  return (text) => unique.reduce((clean, form) => clean.replaceAll(form, '[redacted]'), text)
}

/** The ways in which a secret may be written in URLs, headers and documents. */
function formsOf(secret: string): readonly string[] {
  const bytes = new TextEncoder().encode(secret)
  const encoded = [encodeURIComponent(secret), new URLSearchParams({ '': secret }).toString().slice(1)]
  const lowerCased = encoded.map((form) => form.replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()))
  return [secret, ...encoded, ...lowerCased, ...base64FormsOf(bytes), JSON.stringify(secret).slice(1, -1)]
}

/** A secret in base64, alone and as part of a longer text: at each of three offsets, the digits that depend on it alone. */
function base64FormsOf(bytes: Uint8Array): readonly string[] {
  const whole = [bytes.toBase64(), bytes.toBase64({ alphabet: 'base64url' })]
  const within = [0, 1, 2].flatMap((offset) => {
    const padded = new Uint8Array([...new Uint8Array(offset), ...bytes])
    const [first, end] = [Math.ceil((offset * 8) / 6), Math.floor((padded.length * 8) / 6)]
    return (['base64', 'base64url'] as const).map((alphabet) => padded.toBase64({ alphabet }).slice(first, end))
  })
  // Fewer than eight digits may occur in any text.
  return [...whole, ...whole.map((form) => form.replace(/=+$/, '')), ...within.filter(({ length }) => length >= 8)]
}

/** A word for a POSIX shell: quoted if it contains anything that a shell interprets. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}

/** `12,580`, or `3,601.5` with one fraction digit: a number with thousands separators, as all texts for people write it. */
export function grouped(value: number, fractionDigits?: number): string {
  // With options the runtime makes a formatter each time, which takes a tenth of a millisecond.
  if (fractionDigits === undefined) return value.toLocaleString('en-US')
  return value.toLocaleString('en-US', { minimumFractionDigits: fractionDigits, maximumFractionDigits: fractionDigits })
}

/** The texts of the rules that are true, in the order of the rules. */
export function whereTrue(rules: readonly (readonly [isTrue: boolean, text: string])[]): readonly string[] {
  return rules.filter(([isTrue]) => isTrue).map(([, text]) => text)
}

/** `1 row`, `1,234 rows`. */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** How the program names itself to a server, in the form of the header `User-Agent`. */
export function userAgentOf(version: string): string {
  return `fmp-ingest/${version}`
}

/** `A, B, C`, or `A, B and 1,234 more`: as many words as `most` allows. */
export function listed(words: readonly string[], most: number): string {
  const shown = words.slice(0, most).join(', ')
  return words.length > most ? `${shown} and ${grouped(words.length - most)} more` : shown
}
