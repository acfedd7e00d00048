// Whether a secret has got out: whole, encoded, inside something encoded, or in pieces.

const MIN_PIECE = 10

/** Every way to write a secret down that a careless program could take. */
export function formsOf(secret: string): readonly string[] {
  const escapes = [encodeURIComponent(secret), new URLSearchParams({ k: secret }).toString().slice(2)]
  const lowerCased = escapes.map((form) => form.replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()))
  const twice = escapes.map(encodeURIComponent)
  const forms = [secret, ...escapes, ...lowerCased, ...twice, JSON.stringify(secret).slice(1, -1), hexOf(secret)]
  return [...new Set([...forms, ...base64FormsOf(secret)])]
}

function hexOf(secret: string): string {
  return Buffer.from(secret).toString('hex')
}

/** Within a longer text that is encoded whole a secret can stand at three places; what its neighbours touch is left out. */
function base64FormsOf(secret: string): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const encoded = Buffer.from(`${'x'.repeat(offset)}${secret}`)
      .toString('base64')
      .replace(/=+$/, '')
    const own = encoded.slice(offset === 0 ? 0 : offset + 1, -1)
    return [own, own.replaceAll('+', '-').replaceAll('/', '_')]
  })
}

/** Pieces that say too much: a message may cut a secret in two. */
function piecesOf(secret: string): string[] {
  return Array.from({ length: Math.max(0, secret.length - MIN_PIECE + 1) }, (_, at) => secret.slice(at, at + MIN_PIECE))
}

/** What is found of the secrets, by the name of the text: empty where none has leaked. */
export function leaksIn(
  texts: ReadonlyMap<string, string | Uint8Array>,
  secrets: readonly string[],
): readonly string[] {
  const needles = [...new Set(secrets.flatMap((secret) => [...formsOf(secret), ...piecesOf(secret)]))]
  return [...texts].flatMap(([name, text]) => {
    const hay = Buffer.from(text)
    return needles.filter((needle) => hay.includes(needle)).map((needle) => `${name}: ${needle}`)
  })
}
