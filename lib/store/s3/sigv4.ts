// AWS Signature Version 4 for a request whose body hash is known (docs.aws.amazon.com, "Create a signed AWS API request").
// The SDK's signer takes as long as encoding a file. Tests compare this one with it and with AWS's published example.
import { createHash, createHmac } from 'node:crypto'

export type Credentials = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

export type SigningScope = { readonly region: string; readonly service: string }

export type UnsignedRequest = {
  readonly method: string
  readonly host: string
  /** Escaped as it is sent, without a query. */
  readonly path: string
  /** Names in lower case, with `x-amz-content-sha256`; all are signed. */
  readonly headers: Readonly<Record<string, string>>
  /** Milliseconds since 1970. */
  readonly nowMs: number
}

const ALGORITHM = 'AWS4-HMAC-SHA256'

const PUNCTUATION_AND_FRACTION = /[-:]|\.\d+/g
const SPACES = / +/g

type SigningKey = { readonly of: string; readonly key: Buffer }

/** Returns a function that adds the signature to the headers of a request. One signing key is used for a day. */
export function createSigner({ region, service }: SigningScope) {
  let cached: SigningKey | undefined

  function signingKey(secret: string, day: string): Buffer {
    const of = `${day} ${secret}`
    if (cached?.of !== of) {
      const key = [day, region, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secret}`)
      cached = { of, key: Buffer.from(key) }
    }
    return cached.key
  }

  return (request: UnsignedRequest, credentials: Credentials): Record<string, string> => {
    const { method, host, path, nowMs } = request
    const { accessKeyId, secretAccessKey, sessionToken } = credentials
    const time = new Date(nowMs).toISOString().replaceAll(PUNCTUATION_AND_FRACTION, '')
    const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`
    const headers: Record<string, string> = { ...request.headers, host, 'x-amz-date': time }
    if (sessionToken !== undefined) headers['x-amz-security-token'] = sessionToken
    const names = Object.keys(headers).toSorted()
    const lines = names.map((name) => `${name}:${headers[name]?.trim().replaceAll(SPACES, ' ')}\n`).join('')
    const signed = names.join(';')
    const canonical = `${method}\n${path}\n\n${lines}\n${signed}\n${headers['x-amz-content-sha256']}`
    const toSign = `${ALGORITHM}\n${time}\n${scope}\n${createHash('sha256').update(canonical).digest('hex')}`
    const signature = hmac(signingKey(secretAccessKey, time.slice(0, 8)), toSign).toString('hex')
    headers['authorization'] =
      `${ALGORITHM} Credential=${accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`
    return headers
  }
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

/** Escapes a part of a key for a signed path: all but letters, digits and - . _ ~ (AWS, "UriEncode"). */
export function encodePart(part: string): string {
  return encodeURIComponent(part).replaceAll(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
