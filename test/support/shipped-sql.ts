// The SQL of the Databricks bundle as `ingest databricks` writes it, and for one statement more. What DuckDB cannot read is
// replaced by its own syntax; the queries stay as they are.

import { bundleFiles } from '../../lib/commands/databricks/bundle.ts'
import { STATEMENTS } from '../../lib/datasets/datasets.ts'
import { FURTHER_STATEMENT } from './values.ts'

/** The statements that the SQL is written for. */
export const BUNDLED_STATEMENTS = [...STATEMENTS, FURTHER_STATEMENT]

const FILES = bundleFiles({ bucket: 'my-bucket', prefix: 'raw', catalog: 'memory' }, BUNDLED_STATEMENTS)

/** The text of a file of the bundle. */
export function shipped(path: string): string {
  const text = FILES.get(path)
  if (text === undefined) throw new Error(`The bundle has no ${path}`)
  return text
}

/** The statements of a file, split as naively as anybody may do it, without their comments. */
export function statementsOf(path: string): string[] {
  return shipped(path)
    .split(';')
    .map((statement) => statement.replaceAll(/--[^\n]*\n/g, '\n').trim())
    .filter((statement) => statement !== '')
}

/** A statement in the words of DuckDB; undefined for one that only says where the files are. */
export function forDuckDb(statement: string): string | undefined {
  if (statement.startsWith('CREATE OR REPLACE TEMPORARY VIEW')) return undefined
  return statement
    .replaceAll('${catalog}', 'memory')
    .replace(
      /^CREATE OR REPLACE FUNCTION (\S+)\((\w+) \w+\)\s+RETURNS TABLE \([^)]*\)\s+COMMENT '[^']*'\s+RETURN\b/,
      'CREATE OR REPLACE MACRO $1($2) AS TABLE',
    )
    .replace(/\nUSING DELTA\s+CLUSTER BY [^\n]*\s+COMMENT [^\n]*(\s+TBLPROPERTIES [^\n]*)?/, '')
    .replaceAll(/\bTIMESTAMP\b/g, 'TIMESTAMPTZ')
    .replaceAll('current_timestamp()', 'current_timestamp')
    .replaceAll('* EXCEPT (', '* EXCLUDE (')
    .replaceAll('xxhash64(*)', '0')
}

/** Names and types of a typed list of columns, as `name TYPE, name TYPE`. */
export function columnsIn(list: string): [name: string, type: string][] {
  return list
    .replaceAll(/--[^\n]*/g, '')
    .split(',')
    .map((column) => column.trim().split(/\s+/) as [string, string])
}

/** The typed lists of a file that follow `start`, up to the bracket or quote that closes each. */
export function listsAfter(path: string, start: RegExp): [name: string, type: string][][] {
  const lists = [...shipped(path).matchAll(new RegExp(`${start.source}([^)']*)[)']`, 'g'))]
  return lists.map((match) => columnsIn(match.at(-1) ?? ''))
}
