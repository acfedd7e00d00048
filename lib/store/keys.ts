// The order of keys, the same in both stores.

/**
 * Compares two keys by their UTF-8 bytes, as S3 sorts its listings. JavaScript's own `<` compares UTF-16 and differs
 * outside the basic plane.
 */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
