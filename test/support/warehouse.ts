// The tables and views of the bundle's SQL files in DuckDB, made and loaded as its jobs do it.

import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { forDuckDb, statementsOf } from './shipped-sql.ts'

type Rows = Record<string, unknown>[]

export type Warehouse = AsyncDisposable & {
  /** Runs all files of `sql/warehouse` over what lies under the folder now. */
  load(rawRoot: string): Promise<void>
  /** Rows as JSON has them. `as_of` is the value of a parameter of that name. */
  query(sql: string, parameters?: { readonly as_of: string }): Promise<Rows>
}

/** The files of `sql/warehouse` in the order in which they are run. */
export const WAREHOUSE_FILES = [
  '10_tables',
  '20_load_prices',
  '30_merge_prices',
  '35_price_rebases',
  '40_price_features',
  '45_prices_as_of',
].map((name) => `sql/warehouse/${name}.sql`)

/** Runs files of the bundle in this order, over what lies under the folder now. */
export async function runFiles(connection: DuckDBConnection, rawRoot: string, paths: readonly string[]): Promise<void> {
  for (const statement of paths.flatMap(statementsOf)) {
    const view = /VIEW (\w+) \([\s\S]*path '\$\{raw_root\}([^']*)'/.exec(statement)
    const files = `read_parquet('${rawRoot}${view?.[2]}**/*.parquet', hive_partitioning = false)`
    await connection.run(forDuckDb(statement) ?? `CREATE OR REPLACE VIEW ${view?.[1]} AS FROM ${files}`)
  }
}

/** An empty warehouse, gone at the end of the scope that holds it. */
export async function openWarehouse(): Promise<Warehouse> {
  const connection = await (await DuckDBInstance.create()).connect()
  await connection.run("SET TimeZone = 'UTC'")
  return {
    load: async (rawRoot) => await runFiles(connection, rawRoot, WAREHOUSE_FILES),
    query: async (sql, parameters) => (await connection.runAndReadAll(sql, parameters)).getRowObjectsJson(),
    [Symbol.asyncDispose]: async () => connection.closeSync(),
  }
}
