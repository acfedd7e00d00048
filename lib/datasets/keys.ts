// Hive's escapes for values in paths, as Spark, DuckDB and Databricks read them.

// The characters that Spark escapes (ExternalCatalogUtils): control characters, DEL, and " # % ' * / : = ? \ { [ ] ^
// oxlint-disable-next-line no-control-regex -- escapes control characters
const UNSAFE = /[\u0001-\u001F"#%'*/:=?\\{[\]^\u007F]/g

/** `^GSPC` → `%5EGSPC`: escapes the characters that Hive does not allow in a path. */
export function hiveValue(value: string): string {
  return value.replaceAll(
    UNSAFE,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}

/** The value behind Hive's escapes: `%5EGSPC` → `^GSPC`. The inverse of `hiveValue` for what that returns. */
export function valueOfHive(escaped: string): string {
  return escaped.replaceAll(/%([0-9A-F]{2})/g, (_escape, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  )
}
