// Hive's way to write a value into a path, as Spark, DuckDB and Databricks read it back.

// The set of Spark's ExternalCatalogUtils: control characters and " # % ' * / : = ? \ { [ ] ^ and DEL.
// oxlint-disable-next-line no-control-regex -- control characters are what is being escaped
const UNSAFE = /[\u0001-\u001F"#%'*/:=?\\{[\]^\u007F]/g

/** `^GSPC` → `%5EGSPC`; what needs no escape stays as it is. */
export function hiveValue(value: string): string {
  return value.replaceAll(
    UNSAFE,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}
