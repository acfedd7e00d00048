// What the program asks of a place to keep files. Two implementations, `store/s3.ts` and `store/folder.ts`, pass one
// contract suite, `test/store.contract.test.ts`. Keys are relative: no bucket, no folder, `/` between the parts.

/** A stored file as a listing shows it. `tag` changes whenever the bytes do. */
export type StoredFile = {
  readonly key: string
  readonly sizeBytes: number
  readonly modifiedMs: number
  readonly tag: string
}

/** Names and values in ASCII, kept beside the bytes where the store has a place for them (a folder has none). */
export type Metadata = Readonly<Record<string, string>>

/** Which bytes to read: the last `suffixBytes` of the file (the whole file where it is shorter). */
export type ByteRange = { readonly suffixBytes: number }

export interface Store {
  /** `key` as a person would look for it, `s3://bucket/key` or a path. */
  locate(key: string): string

  /**
   * The files whose keys begin with `prefix`, in the byte order of their keys, without those up to and including
   * `after` and without those past `until`. `prefix` ends with `/`. A prefix nobody has written to is an empty list.
   */
  list(prefix: string, after?: string, until?: string): Promise<readonly StoredFile[]>

  /** The file's bytes, or undefined where there is no such file. Fails when more than `maxBytes` would have to be read. */
  read(key: string, range: ByteRange | undefined, maxBytes: number): Promise<Uint8Array | undefined>

  /** Stores a new file, whole or not at all; one that exists stays as it is. A lost answer is settled, never guessed. */
  create(key: string, bytes: Uint8Array, metadata: Metadata): Promise<'created' | 'exists'>

  /** Stores over whatever is there; with a `tag` only if the file still has it (one that is gone is a conflict). */
  replace(key: string, bytes: Uint8Array, metadata: Metadata, tag?: string): Promise<'replaced' | 'conflict'>

  /**
   * Gives up all that is under way, of which nobody waits for the end any more: what is asked for from now on finds the
   * store as if nothing had been asked for yet. Absent where only the system could give it up.
   */
  abortInFlight?(): void

  /** Writes that landed although their first answer was lost. */
  recoveredWrites(): number
}
