// A store in memory, for runs that last a millisecond. It has the contract's manners and no file system's.

import type { Metadata, Store } from '../../../lib/store/store.ts'

export type MemoryStore = Store & {
  readonly files: ReadonlyMap<string, Uint8Array>
  /** As a user does it. */
  remove(key: string): void
}

/** `nowMs` dates what is written; without it everything is of 1970. */
export function createMemoryStore(nowMs: () => number = () => 0): MemoryStore {
  const files = new Map<string, Uint8Array>()
  const tags = new Map<string, number>()
  const times = new Map<string, number>()
  const bySymbol = new Map<string, Set<string>>()
  const kept = new Map<string, Metadata>()
  let writes = 0
  const set = (key: string, bytes: Uint8Array, metadata: Metadata): void => {
    kept.set(key, metadata)
    writes += 1
    files.set(key, bytes)
    const folder = symbolFolder(key)
    bySymbol.set(folder, (bySymbol.get(folder) ?? new Set()).add(key))
    tags.set(key, writes)
    times.set(key, nowMs())
  }
  const tagOf = (key: string) => String(tags.get(key))
  const list: Store['list'] = async (prefix, after = '', until = '\u{10FFFF}') => {
    // Most listings are of one symbol, in a lake of many.
    const own = bySymbol.get(symbolFolder(prefix)) ?? files.keys()
    const keys = [...own].filter((key) => key.startsWith(prefix) && key > after && key <= until)
    return keys.toSorted().map((key) => ({
      key,
      sizeBytes: files.get(key)?.length ?? 0,
      modifiedMs: times.get(key) ?? 0,
      tag: tagOf(key),
    }))
  }
  const readText = (key: string) => {
    const version = String(tags.get(key) ?? '')
    const bytes = files.get(key)
    return { text: bytes && new TextDecoder().decode(bytes), version, time: { fromMs: nowMs(), toMs: nowMs() } }
  }
  return {
    files,
    remove(key) {
      files.delete(key)
      bySymbol.get(symbolFolder(key))?.delete(key)
    },
    locate: (key) => `memory/${key}`,
    list,
    listLevel: async (prefix) => {
      const below = await list(prefix)
      const folders = below.map(({ key }) => /^[^/]*\//.exec(key.slice(prefix.length))?.[0])
      return {
        folders: [...new Set(folders.flatMap((name) => (name === undefined ? [] : [prefix + name])))],
        files: below.filter((_file, index) => folders[index] === undefined),
      }
    },
    read: async (key, range, maxBytes) => {
      const bytes = files.get(key)?.slice(-(range?.suffixBytes ?? 0))
      if (bytes !== undefined && bytes.length > maxBytes) throw new Error(`${key} is longer than ${maxBytes} bytes.`)
      return bytes
    },
    readWithMetadata: async (key, maxBytes) => {
      const bytes = files.get(key)
      if (bytes !== undefined && bytes.length > maxBytes) throw new Error(`${key} is longer than ${maxBytes} bytes.`)
      return bytes && { bytes, metadata: kept.get(key) ?? {} }
    },
    create: async (key, bytes, metadata) => {
      if (files.has(key)) return 'exists'
      set(key, bytes, metadata)
      return 'created'
    },
    replace: async (key, bytes, metadata, tag) => {
      if (tag !== undefined && (!files.has(key) || tag !== tagOf(key))) return 'conflict'
      set(key, bytes, metadata)
      return 'replaced'
    },
    sharedText: (key) => ({
      read: async () => readText(key),
      look: async () => readText(key),
      write: async (text, version) => {
        if (version !== String(tags.get(key) ?? '')) return false
        set(key, new TextEncoder().encode(text), {})
        return true
      },
    }),
    recoveredWrites: () => 0,
  }
}

/** The folder of a key's symbol; the key itself where it has none. */
function symbolFolder(key: string): string {
  return /^.*symbol=[^/]+\//.exec(key)?.[0] ?? key
}
