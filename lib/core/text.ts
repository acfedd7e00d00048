// Text for people: made safe to print, redacted, counted, quoted for a shell.

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

/** A word as a POSIX shell reads it: quoted where it holds anything a shell would interpret. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}

/** `12,580`: a number with thousands separators. */
export function grouped(value: number): string {
  return value.toLocaleString('en-US')
}

/** The texts whose condition holds, in the order of the rules: an empty list when none does. */
export function whereTrue(rules: readonly (readonly [isTrue: boolean, text: string])[]): readonly string[] {
  return rules.filter(([isTrue]) => isTrue).map(([, text]) => text)
}

/** `1 row`, `3 rows`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
