// The readers: the text of each, and how its language writes places and the access to a bucket.

import type { ReaderName } from '../../core/config.ts'
import type { Column } from '../../core/dataset.ts'
import { usageError } from '../../core/errors.ts'
import { oneLine } from '../../core/text.ts'
import { statementColumns, statementNamed } from '../../datasets/datasets.ts'
import { createPrices } from '../../datasets/prices/schema.ts'
import type { Bucket, Place } from './place.ts'
import athena from './texts/athena.sql' with { type: 'text' }
import clickhouse from './texts/clickhouse.sql' with { type: 'text' }
import duckdb from './texts/duckdb.sql' with { type: 'text' }
import pandas from './texts/pandas.py' with { type: 'text' }
import polars from './texts/polars.py' with { type: 'text' }
import pyarrow from './texts/pyarrow.py' with { type: 'text' }
import spark from './texts/spark.py' with { type: 'text' }

/** Code by the name that it has in the text. A line with a name that is undefined is left out. */
type Values = Readonly<Record<string, string | undefined>>

export type Dialect = {
  readonly text: string
  /**
   * A place as code. `folder` is a path or a key, `suffix` is empty, a slash, or a pattern of files below the folder that
   * begins with a slash.
   */
  readonly place: (folder: string, suffix: string, bucket: Bucket | undefined) => string
  /** What else the text names. */
  readonly values: (place: Place) => Values
}

export const DIALECTS: Readonly<Record<ReaderName, Dialect>> = {
  duckdb: {
    text: duckdb,
    place: (folder, suffix, bucket) => sqlText(urlOf('s3', inBrackets(folder), suffix, bucket)),
    values: ({ bucket, folders }) => ({
      noHive: hasHiveParts(folders) ? ', hive_partitioning = false' : '',
      ...(bucket && {
        host: bucket.endpoint && sqlText(bucket.endpoint.host),
        isHttps: bucket.endpoint && String(bucket.endpoint.protocol === 'https:'),
        style: bucket.endpoint || bucket.isPathStyle ? sqlText(bucket.isPathStyle ? 'path' : 'vhost') : undefined,
        bucketUrl: sqlText(`s3://${bucket.name}`),
        region: sqlText(bucket.region),
      }),
    }),
  },
  polars: {
    text: polars,
    place: (folder, suffix, bucket) => pythonText(urlOf('s3', inBrackets(folder), suffix, bucket)),
    values: ({ bucket }) => ({
      ...(bucket && {
        endpoint: bucket.endpoint && pythonText(hostUrl(bucket, bucket.endpoint)),
        allowsHttp: bucket.endpoint?.protocol === 'http:' ? '"true"' : undefined,
        isVirtual: bucket.endpoint && !bucket.isPathStyle ? '"true"' : undefined,
        region: pythonText(bucket.region),
      }),
      options: bucket ? ', storage_options=store' : '',
    }),
  },
  pandas: { text: pandas, place: arrowPlace, values: arrowValues },
  pyarrow: { text: pyarrow, place: arrowPlace, values: arrowValues },
  spark: {
    text: spark,
    place: (folder, suffix, bucket) => pythonText(urlOf('s3a', withBackslashes(folder), suffix, bucket)),
    values: ({ bucket }) => ({
      ...(bucket && {
        endpoint: bucket.endpoint && pythonText(bucket.endpoint.origin),
        isPathStyle: bucket.isPathStyle ? '"true"' : undefined,
        region: pythonText(bucket.region),
      }),
    }),
  },
  clickhouse: {
    text: clickhouse,
    place: clickhousePlace,
    values: ({ folders }) => ({ noHive: hasHiveParts(folders) ? 'SET use_hive_partitioning = 0;' : undefined }),
  },
  athena: {
    text: athena,
    place: (folder, suffix, bucket) => sqlText(urlOf('s3', folder, suffix, bucket)),
    values: () => ({
      priceColumns: hiveColumns(createPrices({ api: 'stable', withAdjClose: true, prefix: '' }).columns),
      incomeColumns: hiveColumns(statementColumns(statementNamed('income'))),
    }),
  },
}

/** Whether a part of the path is `NAME=VALUE`, of which a reader makes a column unless it is told not to. */
function hasHiveParts({ prices }: Place['folders']): boolean {
  return prices.includes('=')
}

function urlOf(scheme: string, folder: string, suffix: string, bucket: Bucket | undefined): string {
  return bucket === undefined ? `${folder}${suffix}` : `${scheme}://${bucket.name}/${folder}${suffix}`
}

/** The address below which the keys of a bucket are, at an endpoint; without a slash at its end. */
function hostUrl({ name, isPathStyle }: Bucket, { origin, protocol, host }: URL): string {
  return isPathStyle ? origin : `${protocol}//${name}.${host}`
}

function arrowPlace(folder: string, suffix: string, bucket: Bucket | undefined): string {
  return pythonText(bucket === undefined ? `${folder}${suffix}` : `${bucket.name}/${folder}${suffix}`)
}

function arrowValues({ bucket }: Place): Values {
  return {
    ...(bucket && {
      host: bucket.endpoint && pythonText(bucket.endpoint.host),
      scheme: bucket.endpoint && pythonText(bucket.endpoint.protocol.slice(0, -1)),
      forcesVirtual: bucket.endpoint && !bucket.isPathStyle ? 'True' : undefined,
      region: pythonText(bucket.region),
    }),
    options: bucket ? ', filesystem=store' : '',
  }
}

/** ClickHouse reads a bucket by the address of its objects. Throws a usage error for a folder that it takes for a pattern. */
function clickhousePlace(folder: string, suffix: string, bucket: Bucket | undefined): string {
  if (bucket === undefined && /[*?{}]/.test(folder)) {
    throw usageError(
      `ClickHouse takes * ? { } in ${oneLine(folder)} for a pattern.`,
      'Move the lake, or take another reader.',
    )
  }
  if (bucket === undefined) return `file(${escapedText(`${folder}${suffix}`)}, Parquet)`
  // A certificate covers one label before the host, so a bucket with a dot in its name is a part of the path.
  const isPathStyle = bucket.isPathStyle || bucket.name.includes('.')
  const domain = bucket.region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
  const endpoint = bucket.endpoint ?? new URL(`https://s3.${bucket.region}.${domain}`)
  const root = isPathStyle ? `${endpoint.origin}/${bucket.name}` : hostUrl({ ...bucket, isPathStyle }, endpoint)
  return `s3(${escapedText(`${root}/${folder}${suffix}`)}, Parquet)`
}

/** A text of standard SQL. */
function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A text of ClickHouse, where a backslash escapes. */
function escapedText(text: string): string {
  return `'${text.replaceAll(/[\\']/g, String.raw`\$&`)}'`
}

/** A text of Python: JSON's escapes are Python's too. */
function pythonText(text: string): string {
  return JSON.stringify(text)
}

/** A folder in a pattern of DuckDB and polars: what would match other characters stands alone in brackets. */
function inBrackets(folder: string): string {
  return folder.replaceAll(/[*?[]/g, '[$&]')
}

/** A folder in a pattern of Hadoop. */
function withBackslashes(folder: string): string {
  return folder.replaceAll(/[*?[\]{}\\]/g, String.raw`\$&`)
}

/** Types of Hive. */
const HIVE_TYPES: Readonly<Record<Column['type'], string>> = {
  string: 'string',
  date: 'date',
  double: 'double',
  int32: 'int',
  int64: 'bigint',
  instant: 'timestamp',
}

function hiveColumns(columns: readonly Column[]): string {
  return columns.map(({ name, type }) => `\`${name.toLowerCase()}\` ${HIVE_TYPES[type]}`).join(',\n  ')
}
