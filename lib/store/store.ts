// The interface of a store for files. Two implementations, `s3/s3.ts` and `folder/folder.ts`, pass one contract suite,
// `test/store/contract.test.ts`. Keys are relative: no bucket, no folder, `/` between the parts.

/** An entry of a listing. `tag` changes whenever the bytes change. */
export type StoredFile = {
  readonly key: string
  readonly sizeBytes: number
  readonly modifiedMs: number
  readonly tag: string
}

/** What stands directly below a prefix, both in the byte order of keys. */
export type Level = {
  /** The prefixes of what stands deeper, each with a slash at its end. */
  readonly folders: readonly string[]
  readonly files: readonly StoredFile[]
}

/** Names and values in ASCII, stored with the file if the store can do so (a folder cannot). */
export type Metadata = Readonly<Record<string, string>>

export type FileWithMetadata = { readonly bytes: Uint8Array; readonly metadata: Metadata }

/** The last `suffixBytes` of a file, or the whole file if it is shorter. */
export type ByteRange = { readonly suffixBytes: number }

/** The store's clock showed a time from one to the other while it answered, in milliseconds since 1970. */
export type StoreTime = { readonly fromMs: number; readonly toMs: number }

/** A small text that several processes change, each only from the version that it has read. */
export interface SharedText {
  /** The newest version, and the store's time at the read. The text is undefined if there is none yet. */
  read(): Promise<{ readonly text: string | undefined; readonly version: string; readonly time: StoreTime }>

  /** The newest text for whoever changes nothing: nothing is made either, so a folder does not tell its time. */
  look(): Promise<{ readonly text: string | undefined; readonly time: StoreTime | undefined }>

  /**
   * Stores the next version. Resolves to false if `version` is not the newest any more, or where that is not known because
   * an answer was lost: reading again tells.
   */
  write(text: string, version: string): Promise<boolean>
}

export interface Store {
  /** `key` in the form in which a person would look for it: `s3://bucket/key` or a path. */
  locate(key: string): string

  /** The address of a page that shows the file at a location (see `locate`); undefined if the store has no such pages. */
  webPage?(location: string): string | undefined

  /**
   * The files whose keys begin with `prefix`, in the byte order of their keys, without those up to and including
   * `after` and without those past `until`. `prefix` ends with `/`. A prefix without files gives an empty list.
   */
  list(prefix: string, after?: string, until?: string): Promise<readonly StoredFile[]>

  /** The files directly below `prefix`, and the folders in place of what stands deeper. `prefix` ends with `/`. */
  listLevel(prefix: string): Promise<Level>

  /** The file's bytes, or undefined if there is no such file. Rejects if more than `maxBytes` would have to be read. */
  read(key: string, range: ByteRange | undefined, maxBytes: number): Promise<Uint8Array | undefined>

  /** The whole file with what is stored beside its bytes: nothing in a folder. Undefined and rejects as `read` does. */
  readWithMetadata(key: string, maxBytes: number): Promise<FileWithMetadata | undefined>

  /**
   * The keys of temporary files that no run can still need: their process has ended, or they are a day old. They are no part
   * of any listing. Absent where writes leave none.
   */
  leftovers?(): Promise<readonly string[]>

  /**
   * Stores a new file, whole or not at all; an existing file stays as it is. If the response to a write is lost, the store is
   * asked whether the write succeeded: the result is never a guess.
   */
  create(key: string, bytes: Uint8Array, metadata: Metadata): Promise<'created' | 'exists'>

  /** Replaces whatever is there; with a `tag` only if the file still has it (a file that is gone is a conflict). */
  replace(key: string, bytes: Uint8Array, metadata: Metadata, tag?: string): Promise<'replaced' | 'conflict'>

  /** The text at a key of its own, which no other function of the store is used for. */
  sharedText(key: string): SharedText

  /**
   * Cancels every request in flight and reconnects, so that the metrics are not queued behind writes that hang. Absent if
   * only the operating system could cancel them.
   */
  abortInFlight?(): void

  /** How many writes succeeded although the first response to them was lost. */
  recoveredWrites(): number
}

const OUTSIDE_BASIC_PLANE = /[^\0-\uD7FF\uE000-\uFFFF]/u

/**
 * Compares two keys by their UTF-8 bytes, the order of S3's listings and of both stores. JavaScript's `<` compares UTF-16
 * code units, which differs outside the basic plane.
 */
export function compareKeys(a: string, b: string): number {
  // Nearly all keys are ASCII, and listings compare a great many.
  if (!OUTSIDE_BASIC_PLANE.test(a) && !OUTSIDE_BASIC_PLANE.test(b)) return a < b ? -1 : Number(a > b)
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
