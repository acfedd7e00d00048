// A text in the bucket that several processes change, each only from the version that it has read (If-Match). The answers
// tell the time of the store's clock (the header `Date`).
import { IngestError } from '../../core/errors.ts'
import type { Metadata, SharedText, StoreTime } from '../store.ts'
import { operationOn, type Bucket } from './bucket.ts'
import type { CheckedPut, CreateOnlySupport, Upload } from './create-only.ts'
import { unexpectedResponse } from './errors.ts'
import { listFiles } from './listing.ts'
import { parseSdkError } from './sdk-error.ts'

type Options = {
  readonly link: () => { readonly at: Bucket; readonly put: CheckedPut }
  readonly upload: (key: string, bytes: Uint8Array, metadata: Metadata) => Upload
  readonly support: CreateOnlySupport
}

/** A shared text is small: one that is larger is none. */
const MAX_BYTES = 65_536

/** The version of a text that is not there. */
const ABSENT = ''

export function sharedTextAt(key: string, { link, upload, support }: Options): SharedText {
  let isChecked = false

  /** Throws an IngestError if the store replaces a file whatever its tag: processes would overwrite each other's text. */
  async function checkIfMatch(file: Upload, oldTag: string): Promise<void> {
    if (isChecked) return
    // The file has another tag since it was replaced a moment ago.
    const { at, put } = link()
    if ((await put(file, { tag: oldTag })) === 'stored') throw unsafeError(at.locate(key))
    isChecked = true
  }

  return {
    read: async () => await readText(link().at, key),
    look: async () => await readText(link().at, key),
    async write(text, version) {
      const { at, put } = link()
      const file = upload(key, new TextEncoder().encode(text), {})
      const outcome = await put(file, version === ABSENT ? 'absent' : { tag: version })
      // With --allow-unsafe-store it was sent without the condition.
      if (support.state === 'unsafe') throw unsafeError(at.locate(key))
      if (outcome === 'refused') return false
      if (version !== ABSENT) await checkIfMatch(file, version)
      return true
    },
  }
}

type Answer = {
  /** Undefined if the file is not there, or if the read was denied. */
  readonly found?: { readonly text: string; readonly tag: string }
  readonly denial?: Error
  readonly date: string | undefined
}

async function readText(at: Bucket, key: string): ReturnType<SharedText['read']> {
  const operation = operationOn(at, 's3:GetObject', key)
  const readOnce = async (): Promise<Answer> => {
    try {
      const { bytes, tag, date } = await at.wire.get(key, { range: `bytes=0-${MAX_BYTES - 1}`, maxBytes: MAX_BYTES })
      if (tag === undefined) throw unexpectedResponse(operation, 'an answer without an ETag to a read')
      return { found: { text: new TextDecoder().decode(bytes), tag: tag.replaceAll('"', '') }, date }
    } catch (error) {
      const { code, status, fields } = parseSdkError(error)
      const date = textIn(fields['date'])
      if (code === 'NoSuchKey' || code === 'NotFound') return { date }
      if (status === 403 && error instanceof Error) return { date, denial: error }
      throw error
    }
  }
  const { found, denial, date } = await at.request(operation, readOnce)
  if (denial !== undefined && !(await isAbsent(at, key))) await at.request(operation, () => Promise.reject(denial))
  const time = timeOf(date)
  if (time === undefined) throw unexpectedResponse(operation, 'an answer without a Date to a read')
  return { text: found?.text, version: found?.tag ?? ABSENT, time }
}

/** Whether there is no such file: without a right to list the whole bucket, S3 answers 403 to a read of it. */
async function isAbsent(at: Bucket, key: string): Promise<boolean> {
  const folder = key.slice(0, key.lastIndexOf('/') + 1)
  const files = await listFiles(at, { prefix: folder, until: key })
  return files.every((file) => file.key !== key)
}

/** The header has whole seconds. */
function timeOf(date: string | undefined): StoreTime | undefined {
  const fromMs = Date.parse(date ?? '')
  return Number.isNaN(fromMs) ? undefined : { fromMs, toMs: fromMs + 1_000 }
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function unsafeError(location: string): IngestError {
  return new IngestError(`${location}: the store ignores conditional writes (If-Match)`, {
    kind: 'store',
    scope: 'run',
    hint: 'Processes cannot share a ledger there. Use another store (lib/store/README.md lists some), or run without --ledger.',
  })
}
