// A hash that spreads symbols evenly and is the same on every machine and in every version.

/** FNV-1a, 32 bits, over the symbol's characters. */
export function hashOf(symbol: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < symbol.length; index += 1) {
    hash = Math.imul(hash ^ symbol.charCodeAt(index), 0x01000193) >>> 0
  }
  return hash
}
