// The SQL of the company statements. A template has the SQL for one statement; the bundle repeats it for each of them.

import type { Column } from '../../core/dataset.ts'

/** What the SQL needs to know of a statement. */
type BundledStatement = {
  /** As the keys name it. */
  readonly name: string
  /** In the plural, in lower case. */
  readonly title: string
  /** The columns of its files, in their order. */
  readonly columns: readonly Column[]
}

/** The type of a column in Spark SQL. */
const SPARK_TYPES: Readonly<Record<Column['type'], string>> = {
  string: 'STRING',
  date: 'DATE',
  double: 'DOUBLE',
  int32: 'INT',
  int64: 'BIGINT',
  // With a time zone, as in the files.
  instant: 'TIMESTAMP',
}

/** A line of a template: the text above it is written once, the text below it once per statement. */
const EACH_STATEMENT = '-- {{for each statement}}\n'

/** Fills a template for these statements, in their order. A text without the line `EACH_STATEMENT` stays as it is. */
export function statementSql(template: string, statements: readonly BundledStatement[]): string {
  const [head = '', block] = template.split(EACH_STATEMENT)
  if (block === undefined) return head
  return head + statements.map((statement) => filled(block, statement)).join('\n')
}

function filled(block: string, { name, title, columns }: BundledStatement): string {
  const names = columns.map((column) => column.name)
  const typed = columns.map((column) => `${column.name} ${SPARK_TYPES[column.type]}`)
  return block
    .replaceAll('{{statement}}', name)
    .replaceAll('{{title}}', title.charAt(0).toUpperCase() + title.slice(1))
    .replaceAll('{{columns}}', wrapped(names, { indent: 2, width: 115 }))
    .replaceAll('{{columns with types}}', wrapped(typed, { indent: 4, width: 110 }))
    .replaceAll('{{columns with types, one per line}}', typed.join(',\n  '))
}

/** A list in lines of at most `width` characters. The template contains the indent of the first line. */
function wrapped(items: readonly string[], { indent, width }: { indent: number; width: number }): string {
  const lines: string[] = []
  for (const item of items) {
    const line = lines.at(-1)
    const longer = `${line}, ${item}`
    if (line !== undefined && indent + longer.length + 1 <= width) lines[lines.length - 1] = longer
    else lines.push(item)
  }
  return lines.join(`,\n${' '.repeat(indent)}`)
}
