// The lines of `ingest sql`. DuckDB's are run here over a folder, those of all readers over folders and a bucket by
// `bun run test:readers`.

import { cp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { bucketPlace, folderPlace } from '../../../lib/commands/sql/place.ts'
import { linesFor } from '../../../lib/commands/sql/sql.ts'
import { READERS, type SqlSettings } from '../../../lib/core/config.ts'
import type { Setup } from '../../../lib/store/s3/setup.ts'
import { knownOn, makeFilings } from '../../readers/lake.ts'
import { countingRows, hexOf, makeTables } from '../../readers/table-lake.ts'
import { barsFor } from '../../support/bars.ts'
import { makeTempFolder, type TempFolder } from '../../support/lakes/temp-folder.ts'
import { runCli } from '../../support/runs/process.ts'
import { setStage } from '../../support/runs/stage.ts'
import { errorOf } from '../../support/values.ts'

/** What patterns, quotes of SQL and Python, and Hive's partitions could take for something of theirs. */
const ODD = `it's a "lake" [1]/env=prod/{x} $& ü`

const settingsOf = (given: Partial<SqlSettings>): SqlSettings => ({
  reader: 'duckdb',
  readsRaw: false,
  target: { kind: 's3', bucket: 'my-bucket' },
  prefix: 'raw',
  tablePrefix: 'tables',
  defaultRegion: undefined,
  addressingStyle: undefined,
  secrets: [],
  ...given,
})

const AWS: Setup = {
  region: 'eu-west-1',
  endpoint: undefined,
  endpointSetting: 'AWS_ENDPOINT_URL_S3',
  isPathStyle: false,
}
const STORE: Setup = { ...AWS, endpoint: 'http://127.0.0.1:9000', isPathStyle: true }

function linesOfBucket(given: Partial<SqlSettings>, setup: Setup = AWS, bucket = 'my-bucket'): string {
  const settings = settingsOf({ ...given, target: { kind: 's3', bucket } })
  return linesFor(settings, bucketPlace(bucket, setup, settings))
}

let folder: TempFolder
let lake = ''
beforeAll(async () => {
  folder = await makeTempFolder()
  lake = join(folder.path, ODD)
  await using stage = await setStage({
    bars: barsFor(['AAPL', 'BRK-B', 'M&M.NS', '^GSPC'], '2023-09-01', '2024-09-12'),
  })
  const night = ['--tickers', 'AAPL,BRK-B,M&M.NS,^GSPC', '--audit', '0']
  await stage.run([...night, '--backfill', '--from-date', '2023-09-01'], { now: '2024-09-10T13:00:00Z' })
  // The session before the last one of the backfill again, and two new ones.
  const again = ['--from-date', '2024-09-06', '--to-date', '2024-09-06', '--force']
  await stage.run([...night.slice(0, 2), ...again], { now: '2024-09-11T13:00:00Z' })
  await stage.run(night, { now: '2024-09-12T13:00:00Z' })
  stage.onRequest = makeFilings().onRequest
  await stage.run(['--tickers', 'AAPL,BRK-B', '--dataset', 'fundamentals'], { now: '2024-09-12T14:00:00Z' })
  await cp(stage.lake.out, lake, { recursive: true })
  await makeTables(lake)
})
afterAll(async () => await folder.remove())

async function rows(connection: DuckDBConnection, sql: string) {
  return (await connection.runAndReadAll(sql)).getRowsJson()
}

describe.each([false, true])('DuckDB’s lines (raw: %p) over a folder with odd characters', (readsRaw) => {
  test('give the rows that count, one symbol, both returns, and the reports that were known', async () => {
    const settings = settingsOf({ readsRaw, target: { kind: 'folder', folder: lake } })
    const connection = await (await DuckDBInstance.create()).connect()
    const statements = await connection.extractStatements(linesFor(settings, folderPlace(lake, settings)))
    const answers: unknown[][] = []
    for (let index = 0; index < statements.count; index += 1) {
      const reader = await (await statements.prepare(index)).runAndReadAll()
      if (reader.columnNames().includes('symbol')) answers.push(reader.getRowsJson())
    }
    const expected = await countingRows(lake)
    expect(new Set(expected.map(({ symbol }) => symbol)).size).toBe(4)
    const cells = 'open, high, low, close, adjClose'
    const found = await rows(
      connection,
      `SELECT symbol, CAST(date AS VARCHAR), ${cells}, volume, epoch_us(ingest_ts) FROM prices`,
    )
    const asStored = found.map(([symbol, date, ...numbers]) => {
      const [volume, ingestUs] = numbers.slice(5)
      return [symbol, date, ...numbers.slice(0, 5).map((value) => hexOf(value as number | null)), volume, ingestUs]
    })
    const stored = expected.map(({ symbol, date, cells: own }) => [symbol, date, ...own])
    expect(asStored.map(String).toSorted()).toEqual(stored.map(String).toSorted())

    const aapl = expected.filter(({ symbol }) => symbol === 'AAPL').map(({ date }) => date)
    expect(answers.map((answer) => answer.length)).toEqual([aapl.length, aapl.length, aapl.length])
    expect(answers[0]?.map((row) => (row as unknown[])[1])).toEqual(aapl)

    const sql = `SELECT symbol, CAST(date AS VARCHAR), price_return, total_return FROM returns WHERE symbol = 'AAPL' ORDER BY date`
    const returns = await rows(connection, sql)
    const closes = await rows(connection, `SELECT close, adjClose FROM prices WHERE symbol = 'AAPL' ORDER BY date`)
    expect(returns[0]).toEqual(['AAPL', '2023-09-01', null, null])
    for (const [index, [, , price, total]] of returns.entries()) {
      if (index === 0) continue
      const [[before, adjustedBefore] = [], [close, adjusted] = []] = closes.slice(index - 1, index + 1)
      expect(price).toBeCloseTo(Number(close) / Number(before) - 1, 12)
      expect(total).toBeCloseTo(Number(adjusted) / Number(adjustedBefore) - 1, 12)
    }

    const joined = (await rows(connection, 'SELECT symbol, CAST(date AS VARCHAR), eps FROM prices_with_income')) as [
      string,
      string,
      number | null,
    ][]
    expect(joined).toHaveLength(expected.length)
    expect(joined.filter(([symbol, date, eps]) => knownOn(symbol, date) !== eps)).toEqual([])
    expect(new Set(joined.map(([, , eps]) => eps))).toEqual(new Set([null, 2, 4, 5]))
    connection.closeSync()
  })
})

describe.each(READERS.map((reader) => [reader]))('the lines of %s', (reader) => {
  test('leave nothing open, and name the place of what they read', () => {
    for (const setup of [AWS, STORE]) {
      const table = linesOfBucket({ reader }, setup)
      const raw = linesOfBucket({ reader, readsRaw: true, prefix: 'eod/v1' }, setup)
      for (const text of [table, raw]) expect(text).not.toMatch(/\{\{|\}\}|undefined/)
      expect(table).toMatch(/my-bucket[^ /']*\/tables\/prices/)
      expect(table).not.toMatch(/raw\/|hive_partitioning|ingest_ts DESC/)
      expect(raw).toMatch(/my-bucket[^ /']*\/eod\/v1\/prices/)
      expect(raw).toMatch(/my-bucket[^ /']*\/eod\/v1\/fundamentals\/type=income/)
      expect(raw).not.toContain('tables/')
      for (const text of [table, raw]) expect(text.split('\n')[0]).toContain(`ingest sql ${reader}`)
    }
  })

  test('name region and endpoint only where its reader does not find them by itself', () => {
    // Athena reads where it runs, and ClickHouse by the address.
    if (reader === 'athena') return expect(linesOfBucket({ reader }, STORE)).not.toContain('9000')
    expect(linesOfBucket({ reader })).toContain('eu-west-1')
    expect(linesOfBucket({ reader })).not.toContain('9000')
    expect(linesOfBucket({ reader }, STORE)).toContain('127.0.0.1:9000')
  })
})

describe('a bucket', () => {
  const virtual = { ...STORE, endpoint: 'https://store.example', isPathStyle: false }
  test.each([
    ['duckdb', STORE, `  ENDPOINT '127.0.0.1:9000', USE_SSL false,\n  URL_STYLE 'path',`],
    ['duckdb', virtual, `  ENDPOINT 'store.example', USE_SSL true,\n  URL_STYLE 'vhost',`],
    ['duckdb', AWS, `  TYPE s3, PROVIDER credential_chain,\n  SCOPE 's3://my-bucket', REGION 'eu-west-1'\n`],
    [
      'polars',
      STORE,
      `    "aws_endpoint_url": "http://127.0.0.1:9000",\n    "aws_allow_http": "true",\n    "aws_region"`,
    ],
    ['polars', virtual, `"https://my-bucket.store.example",\n    "aws_virtual_hosted_style_request": "true",\n`],
    [
      'pyarrow',
      virtual,
      `"store.example",\n    scheme="https",\n    force_virtual_addressing=True,\n    region="eu-west-1",\n`,
    ],
    ['pandas', AWS, `store = S3FileSystem(\n    region="eu-west-1",\n)`],
    ['spark', STORE, `"http://127.0.0.1:9000")\n    .config("spark.hadoop.fs.s3a.path.style.access", "true")`],
    ['clickhouse', AWS, `s3('https://my-bucket.s3.eu-west-1.amazonaws.com/tables/prices/*.parquet', Parquet)`],
    ['clickhouse', STORE, `s3('http://127.0.0.1:9000/my-bucket/tables/prices/*.parquet', Parquet)`],
    ['clickhouse', virtual, `s3('https://my-bucket.store.example/tables/prices/*.parquet', Parquet)`],
    ['athena', AWS, `LOCATION 's3://my-bucket/tables/prices/';`],
  ] as const)('is reached by %s as its settings say', (reader, setup, expected) => {
    expect(linesOfBucket({ reader }, setup)).toContain(expected)
  })

  test('with a dot in its name, or in China, has another address for ClickHouse', () => {
    const text = linesOfBucket({ reader: 'clickhouse' }, { ...AWS, region: 'cn-north-1' }, 'my.bucket')
    expect(text).toContain(`s3('https://s3.cn-north-1.amazonaws.com.cn/my.bucket/tables/prices/*.parquet', Parquet)`)
  })

  test.each(['http://user:secret-word@host', 'host:9000', 'https://host/path', 'https://host/?key=secret-word'])(
    'at %s is refused, without showing it',
    (endpoint) => {
      const error = errorOf(() => linesOfBucket({}, { ...STORE, endpoint }))
      expect(error.kind).toBe('usage')
      expect(error.message).toBe('AWS_ENDPOINT_URL_S3 is not of the form https://host or https://host:port.')
    },
  )
})

test('a folder that ClickHouse takes for a pattern is refused', () => {
  const settings = settingsOf({ reader: 'clickhouse', target: { kind: 'folder', folder: '/a{1}' } })
  const error = errorOf(() => linesFor(settings, folderPlace('/a{1}', settings)))
  expect([error.kind, error.message]).toEqual([
    'usage',
    'ClickHouse takes * ? { } in /a{1}/tables/prices for a pattern.',
  ])
})

describe('ingest sql', () => {
  test('prints lines with an absolute path, and asks and writes nothing', async () => {
    const files = async () => (await readdir(folder.path, { recursive: true })).toSorted()
    const before = await files()
    const run = await runCli(['sql', 'polars', '--out', `./${ODD}`], { cwd: folder.path })
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(run.stdout).toContain(JSON.stringify(`${lake.replaceAll('[', '[[]')}/tables/prices/*.parquet`))
    expect(await files()).toEqual(before)
  })

  test('takes region and endpoint from where a run does, and shows no credentials', async () => {
    await Bun.write(join(folder.path, 'config'), '[default]\nregion = eu-north-1\nendpoint_url = http://127.0.0.1:1\n')
    const env = {
      AWS_CONFIG_FILE: join(folder.path, 'config'),
      AWS_ACCESS_KEY_ID: 'an-access-key',
      AWS_SECRET_ACCESS_KEY: 'a-secret-key',
      S3_BUCKET: 'my-bucket',
      S3_TABLE_PREFIX: 'eod',
    }
    const run = await runCli(['sql', 'spark'], { env })
    expect(run).toMatchObject({ code: 0, stderr: '' })
    for (const word of ['"s3a://my-bucket/eod/prices"', '"eu-north-1"', '"http://127.0.0.1:1"']) {
      expect(run.stdout).toContain(word)
    }
    expect(run.stdout).not.toMatch(/an-access-key|a-secret-key/)
  })

  test('ends with 2 where the lake is not named, or its region not known', async () => {
    const nowhere = await runCli(['sql'])
    expect(nowhere).toMatchObject({ code: 2, stdout: '' })
    expect(nowhere.stderr).toContain('There is no lake to look at')
    const env = { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' }
    const regionless = await runCli(['sql', 'spark', '--out', 's3://my-bucket'], { env })
    expect(regionless).toMatchObject({ code: 2, stdout: '' })
    expect(regionless.stderr).toContain('No AWS region is set')
  })
})
