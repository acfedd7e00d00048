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
