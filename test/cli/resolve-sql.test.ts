import { describe, expect, test } from 'bun:test'
import { parseCommandLine } from '../../lib/cli/cli.ts'
import { resolveSql } from '../../lib/cli/resolve-sql.ts'
import { errorOf } from '../support/values.ts'

type Environment = Readonly<Record<string, string>>

function resolve(argv: readonly string[], environment: Environment = {}) {
  const line = parseCommandLine(['sql', ...argv])
  if (line.kind !== 'run') throw new Error(`${argv.join(' ')} is no run`)
  return resolveSql(line, environment)
}

function problemsOf(argv: readonly string[], environment: Environment = {}): readonly string[] {
  const { message, kind } = errorOf(() => resolve(argv, environment))
  expect(kind).toBe('usage')
  return message
    .split('\n')
    .slice(1)
    .map((problem) => problem.trim())
}

describe('the settings of the lines', () => {
  test('are DuckDB and tables, unless they are told otherwise', () => {
    const table = { reader: 'duckdb', readsRaw: false, prefix: 'raw', tablePrefix: 'tables' } as const
    expect(resolve(['--out', './lake'])).toMatchObject({ ...table, target: { kind: 'folder', folder: './lake' } })
    expect(resolve(['--table', '--out', './lake'])).toMatchObject(table)
    expect(resolve(['pyarrow', '--raw', '--out', './lake'])).toMatchObject({ reader: 'pyarrow', readsRaw: true })
  })

  test('take the places of a run', () => {
    const environment = {
      S3_BUCKET: 'my-bucket',
      S3_RAW_PREFIX: '/eod/',
      S3_TABLE_PREFIX: '/eod/tables/',
      AWS_DEFAULT_REGION: 'eu-west-1',
      S3_ADDRESSING_STYLE: 'virtual',
    }
    expect(resolve(['athena'], environment)).toMatchObject({
      target: { kind: 's3', bucket: 'my-bucket' },
      prefix: 'eod',
      tablePrefix: 'eod/tables',
      defaultRegion: 'eu-west-1',
      addressingStyle: 'virtual',
    })
    expect(resolve(['--out', 's3://other'], environment).target).toEqual({ kind: 's3', bucket: 'other' })
  })

  test('name every problem at once', () => {
    expect(problemsOf(['pola', '--raw', '--table', '--json'])).toEqual([
      'unknown option --json.',
      'READER is "pola", expected duckdb, polars, pandas, pyarrow, spark, clickhouse, athena (did you mean polars?).',
      'There is no lake to look at: set S3_BUCKET, or name a folder or s3://bucket with --out.',
      '--raw and --table contradict each other: give one.',
    ])
    expect(problemsOf(['athena', '--out', './lake'])).toEqual([
      'Athena reads buckets only: name one with --out s3://bucket, or take another reader.',
    ])
  })

  test.each([
    ['duck', 'duckdb'],
    ['pl', 'polars'],
    ['pyspark', 'spark'],
    ['chdb', 'clickhouse'],
    ['trino', 'athena'],
  ])('%s: did you mean %s?', (word, reader) => {
    expect(problemsOf([word, '--out', './lake'])[0]).toEndWith(` (did you mean ${reader}?).`)
  })
})

describe('the prefix of the tables', () => {
  test.each([
    ['raw', 'raw'],
    ['', ''],
    ['raw', 'raw/prices'],
    ['raw', 'raw/fundamentals/x'],
    ['tables/prices', 'tables'],
    ['tables/income/x', 'tables'],
    ['', 'prices'],
  ])('data below "%s" and tables below "%s" would lie in one folder', (prefix, tablePrefix) => {
    // An empty variable is an unset one; a slash is an empty prefix.
    const environment = { S3_RAW_PREFIX: prefix || '/', S3_TABLE_PREFIX: tablePrefix || '/' }
    expect(problemsOf(['--out', './lake'], environment)).toEqual([
      `S3_TABLE_PREFIX "${tablePrefix}" and S3_RAW_PREFIX "${prefix}" put tables and data into one folder: choose others.`,
    ])
  })

  test.each([
    ['raw', 'raw/tables'],
    ['raw', 'raw2'],
    ['raw', ''],
    ['', 'tables'],
    ['tables/raw', 'tables'],
  ])('data below "%s" and tables below "%s" may be', (prefix, tablePrefix) => {
    const environment = { S3_RAW_PREFIX: prefix || '/', S3_TABLE_PREFIX: tablePrefix || '/' }
    expect(resolve(['--out', './lake'], environment)).toMatchObject({ prefix, tablePrefix })
  })

  test('has no part that a reader would make a column of', () => {
    expect(problemsOf(['--out', './lake'], { S3_TABLE_PREFIX: 'env=prod/tables' })).toEqual([
      'S3_TABLE_PREFIX is "env=prod/tables", expected parts without =, of which readers would make columns.',
    ])
  })
})
