// What a footer says beyond what a run needs: whether the file has the columns that it must have, whose rows it holds, and
// whether its parts fit together. A footer is read with hyparquet here, which reads every field of it.

import { parquetMetadata, type FileMetaData, type SchemaElement } from 'hyparquet'
import type { Column } from '../core/dataset.ts'

const ELEMENTS: Readonly<Record<Column['type'], Omit<SchemaElement, 'name' | 'repetition_type'>>> = {
  string: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
  date: { type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } },
  double: { type: 'DOUBLE' },
  int32: { type: 'INT32' },
  int64: { type: 'INT64' },
  instant: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MICROS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
  },
}

/** The schema of a file with these columns. */
export function schemaOf(columns: readonly Column[]): SchemaElement[] {
  return [
    { name: 'root', num_children: columns.length },
    ...columns.map(({ name, type, isNullable }) => ({
      name,
      ...ELEMENTS[type],
      repetition_type: isNullable ? ('OPTIONAL' as const) : ('REQUIRED' as const),
    })),
  ]
}

export type FileFacts = {
  readonly createdBy: string
  /** The text for people in the footer (`note`). */
  readonly note: string | undefined
  /** What is wrong with the columns, a sentence's end; undefined if they are those that were asked for. */
  readonly schemaProblem: string | undefined
  /** The smallest and the greatest text of the column `symbol`; undefined where the footer does not say. */
  readonly symbols: readonly [string, string] | undefined
  /** Whether the columns fill the file from its first bytes to its footer. */
  readonly isWhole: boolean
}

/**
 * The facts of a file by its end, which holds the whole footer; undefined if that cannot be read. `sizeBytes` is the size of
 * the whole file.
 */
export function readFacts(tail: Uint8Array, sizeBytes: number, columns: readonly Column[]): FileFacts | undefined {
  const metadata = metadataOf(tail)
  if (metadata === undefined) return undefined
  return {
    createdBy: metadata.created_by ?? '',
    note: metadata.key_value_metadata?.find(({ key }) => key === 'note')?.value,
    schemaProblem: schemaProblemOf(metadata, columns),
    symbols: boundsOf(metadata, 'symbol'),
    isWhole: fillsFile(metadata, sizeBytes),
  }
}

/** Whether two files have equal columns, key values, numbers of rows and statistics: all but how they are encoded. */
export function haveEqualFooters(a: Uint8Array, b: Uint8Array): boolean {
  const [one, other] = [metadataOf(a), metadataOf(b)]
  return one !== undefined && other !== undefined && Bun.deepEquals(contentOf(one), contentOf(other))
}

function contentOf({ created_by, schema, num_rows, key_value_metadata, row_groups }: FileMetaData) {
  const statistics = row_groups.map(({ columns }) => columns.map((column) => column.meta_data?.statistics))
  return { created_by, schema, num_rows, key_value_metadata, statistics }
}

/** A library's errors for damaged bytes are of any kind. What is wrong differs with every damage and helps nobody. */
function metadataOf(tail: Uint8Array): FileMetaData | undefined {
  try {
    return parquetMetadata(tail)
  } catch {
    return undefined
  }
}

/** The bounds of a column of texts. */
function boundsOf({ row_groups: [group] }: FileMetaData, name: string): readonly [string, string] | undefined {
  const column = group?.columns.find(({ meta_data: data }) => data?.path_in_schema.join('.') === name)
  const { min_value: min, max_value: max } = column?.meta_data?.statistics ?? {}
  return typeof min === 'string' && typeof max === 'string' ? [min, max] : undefined
}

/** The first column that differs, by its position: readers go by that. Undefined if none does. */
export function schemaProblemOf({ schema }: FileMetaData, columns: readonly Column[]): string | undefined {
  const expected = schemaOf(columns)
  const at = Array.from({ length: Math.max(schema.length, expected.length) }, (_, index) => index).find(
    (index) => elementText(schema[index]) !== elementText(expected[index]),
  )
  if (at === undefined) return undefined
  return `column ${at} is ${elementText(schema[at])} and must be ${elementText(expected[at])}`
}

/** `volume INT64 OPTIONAL`. */
function elementText(element: SchemaElement | undefined): string {
  if (element === undefined) return 'absent'
  const { name, type, repetition_type: repetition, converted_type: converted, logical_type: logical } = element
  const parts = [
    name,
    type,
    converted,
    logical && JSON.stringify(logical, plainValue),
    repetition,
    element.num_children,
  ]
  return parts.filter((part) => part !== undefined).join(' ')
}

/** Damaged bytes can give an integer of 64 bits where a flag is. */
function plainValue(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

const MAGIC_BYTES = 4
const TRAILER_BYTES = 8

function fillsFile({ row_groups: groups, metadata_length: footerBytes }: FileMetaData, sizeBytes: number): boolean {
  const data = groups.flatMap(({ columns }) => columns.map(({ meta_data: column }) => column?.total_compressed_size))
  const dataBytes = data.reduce((sum: number, bytes) => sum + Number(bytes ?? Number.NaN), 0)
  return MAGIC_BYTES + dataBytes + footerBytes + TRAILER_BYTES === sizeBytes
}
