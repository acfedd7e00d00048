// `ingest verify` in this process: each kind of fault planted into a lake of the program's own making is named by kind, key
// and date.

import { afterAll, describe, expect, test } from 'bun:test'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { FINDING_KINDS } from '../../../lib/core/findings.ts'
import type { Row } from '../../../lib/core/dataset.ts'
import { readFooter, readRows, rowsSha256, type FileContent } from '../../../lib/parquet/parquet.ts'
import { openGroups } from '../../../lib/parquet/row-groups.ts'
import { encodeParquet } from '../../../lib/parquet/writer.ts'
import type { Verified } from '../../../lib/report/verify.ts'
import packageJson from '../../../package.json' with { type: 'json' }
import { barsFor, dayKey, sessions, yearKey } from '../../support/bars.ts'
import { schemaErrors } from '../../support/json-schema.ts'
import { disposableFolder } from '../../support/lakes/lake.ts'
import { setS3Stage, setStage, type Run, type S3Stage, type Stage } from '../../support/runs/stage.ts'
import { day, prices, span } from '../../support/values.ts'

const DAY = '2024-09-16'
const LIST = ['--tickers', 'AAPL,MSFT'] as const
/** The table's file of the last month. */
const MONTH = 'tables/prices/month-2024-09.parquet'
const FIRST = '2021-01-04'
/** The last session of the backfill; the nights after it store day files. */
const BACKFILLED = '2024-08-26'

type Files = ReadonlyMap<string, Uint8Array>

type Built = {
  readonly files: Files
  /** The table's file of the last month as it was before the last night that stored something. */
  readonly olderMonth: Uint8Array
}

let built: Promise<Built> | undefined

/** A lake of two symbols with a table: four years as year files, then three weeks of nights. Built once. */
function cleanLake(): Promise<Built> {
  built ??= buildLake()
  return built
}

async function buildLake(): Promise<Built> {
  // In a bucket, because a table knows files by their tags, and those of a copy in a folder are others.
  await using stage = await setS3Stage({ bars: barsFor(['AAPL', 'MSFT'], FIRST, DAY) })
  const args = [...LIST, '--table']
  await stage.run([...args, '--backfill', '--from-date', '2021-01-01'], { now: '2024-08-27T13:00:00Z' })
  let olderMonth: Uint8Array = new Uint8Array(0)
  for (const date of [...sessions('2024-08-28', DAY), '2024-09-17']) {
    if (date === '2024-09-17') olderMonth = await stage.lake.bytes(MONTH)
    expect((await stage.run(args, { now: `${date}T13:00:00Z` })).code).toBe(0)
  }
  return { files: await filesOf(stage), olderMonth }
}

async function filesOf({ lake }: Stage): Promise<Files> {
  const keys = await lake.keys()
  return new Map(await Promise.all(keys.map(async (key) => [key, await lake.bytes(key)] as const)))
}

/** A stage whose lake is a copy of the clean one without its table, in a folder. */
async function copyOfLake(): Promise<Stage> {
  const stage = await setStage({ bars: barsFor(['AAPL', 'MSFT'], FIRST, DAY) })
  for (const [key, bytes] of (await cleanLake()).files) {
    if (!key.startsWith('tables/')) await stage.lake.put(key, bytes)
  }
  return stage
}

/** The same with the table, in a bucket. */
async function copyWithTable(): Promise<Stage> {
  const stage = await setS3Stage({ bars: barsFor(['AAPL', 'MSFT'], FIRST, DAY) })
  for (const [key, bytes] of (await cleanLake()).files) await stage.lake.put(key, bytes)
  return stage
}

afterAll(() => {
  built = undefined
})

async function verified(
  stage: Stage,
  args: readonly string[] = [],
  now?: string,
): Promise<Verified & Pick<Run, 'code'>> {
  const run = await stage.run(['verify', '--json', ...args], now === undefined ? {} : { now })
  expect(run.stderr).toBe('')
  const document = JSON.parse(run.stdout) as Verified
  expect(schemaErrors('verify', document)).toEqual([])
  const isBad = document.findings.some(({ severity }) => severity === 'error')
  expect({ code: run.code, ok: document.ok }).toEqual({ code: isBad ? 1 : 0, ok: !isBad })
  return { ...document, code: run.code }
}

/** `kind key date` of each finding; what is about no file or date has a dash. */
function named({ findings }: Verified): readonly string[] {
  return findings.map(({ kind, symbol, key, date }) => `${kind} ${key ?? symbol} ${date ?? '-'}`)
}

const { columns } = prices()

/** The file at a key with other rows, as its footer says but for some changes. */
async function rewrite(
  { lake }: Stage,
  key: string,
  change: (rows: readonly Row[]) => readonly Row[],
  changes: (content: FileContent) => Partial<FileContent> = () => ({}),
): Promise<void> {
  const bytes = await lake.bytes(key)
  const footer = readFooter(bytes)
  if ('problem' in footer) throw new Error(footer.problem)
  const rows = change(await readRows(bytes, columns))
  const { ingestMs, asked, carried } = footer
  const content = {
    columns,
    rows,
    ingestMs,
    asked,
    carried,
    rowsSha256: rowsSha256(columns, rows),
    version: packageJson.version,
  }
  await lake.put(key, encodeParquet({ ...content, ...changes(content) }))
}

/** The rows with those of one date changed. */
const withDate = (date: string, change: Partial<Row>) => (rows: readonly Row[]) =>
  rows.map((row) => (row.date === date ? ({ ...row, ...change } as Row) : row))

async function priceOn(stage: Stage, symbol: string, date: string, name: keyof Row): Promise<number> {
  const rows = await readRows(await stage.lake.bytes(dayKey(symbol, date)), columns)
  return Number(rows[0]?.[name])
}

const AAPL_2022 = yearKey('AAPL', 2022)
const AAPL_2023 = yearKey('AAPL', 2023)
const TUESDAY = '2024-09-10'
const AAPL_DAY = dayKey('AAPL', TUESDAY)

type Case = readonly [
  name: string,
  expected: readonly string[],
  plant: (stage: Stage) => Promise<unknown>,
  args?: readonly string[],
]

const CASES: readonly Case[] = [
  [
    'a file cut in its middle',
    [`torn ${AAPL_2023} -`, `torn ${AAPL_DAY} ${TUESDAY}`],
    async ({ lake }) => {
      for (const key of [AAPL_2023, AAPL_DAY]) {
        const bytes = await lake.bytes(key)
        await lake.put(key, bytes.slice(0, bytes.length / 2))
      }
    },
  ],
  [
    'a file that lost bytes before its footer',
    [`torn ${AAPL_2023} -`],
    async ({ lake }) => {
      const bytes = await lake.bytes(AAPL_2023)
      await lake.put(AAPL_2023, new Uint8Array([...bytes.slice(0, 100), ...bytes.slice(200)]))
    },
  ],
  [
    'garbage under a good name',
    [`torn ${AAPL_DAY} ${TUESDAY}`],
    async ({ lake }) => await lake.put(AAPL_DAY, new TextEncoder().encode('<html>no such bucket</html>')),
  ],
  [
    'a file of no bytes',
    [`empty_file ${AAPL_DAY} ${TUESDAY}`],
    async ({ lake }) => await lake.put(AAPL_DAY, new Uint8Array(0)),
  ],
  [
    'one byte of a data page flipped',
    [`altered ${AAPL_2023} -`],
    async ({ lake }) => {
      const bytes = (await lake.bytes(AAPL_2023)).slice()
      bytes[60] = (bytes[60] ?? 0) ^ 0xff
      await lake.put(AAPL_2023, bytes)
    },
    ['--deep'],
  ],
  [
    "another writer's Parquet under our key",
    [`foreign ${AAPL_2023} -`],
    async (stage) =>
      await rewrite(
        stage,
        AAPL_2023,
        (rows) => rows,
        () => ({ creator: 'parquet-cpp-arrow' }),
      ),
  ],
  [
    'a copy beside the year',
    ['stray_key raw/prices/symbol=AAPL/year=2022/AAPL-2022 (1).parquet -'],
    async ({ lake }) =>
      await lake.put('raw/prices/symbol=AAPL/year=2022/AAPL-2022 (1).parquet', await lake.bytes(AAPL_2022)),
  ],
  [
    'files and folders beside those of the symbols',
    ['stray_key raw/prices/symbol=a:b/ -', 'stray_key raw/prices/_SUCCESS -'].toSorted(),
    async ({ lake }) => {
      await lake.put('raw/prices/_SUCCESS', new Uint8Array(0))
      await lake.put('raw/prices/symbol=a:b/x.parquet', new Uint8Array(1))
    },
  ],
  [
    "MSFT's file under AAPL's name",
    [`wrong_symbol ${AAPL_2023} -`],
    async ({ lake }) => await lake.put(AAPL_2023, await lake.bytes(yearKey('MSFT', 2023))),
  ],
  [
    'a day file renamed to another date',
    [`wrong_date ${dayKey('AAPL', '2024-09-11')} ${TUESDAY}`],
    async ({ lake }) => await lake.put(dayKey('AAPL', '2024-09-11'), await lake.bytes(AAPL_DAY)),
  ],
  [
    'a year file with a row of the next year',
    [`wrong_date ${AAPL_2023} 2024-01-02`],
    async (stage) => {
      const row = (await readRows(await stage.lake.bytes(yearKey('AAPL', 2024)), columns)).find(
        ({ date }) => date === '2024-01-02',
      )
      await rewrite(stage, AAPL_2023, (rows) => [...(row === undefined ? [] : [row]), ...rows])
    },
  ],
  [
    'volume as DOUBLE',
    [`wrong_schema ${AAPL_2023} -`],
    async (stage) =>
      await rewrite(
        stage,
        AAPL_2023,
        (rows) => rows,
        () => ({
          columns: columns.map((column) =>
            column.name === 'volume' ? { ...column, type: 'double' as const } : column,
          ),
        }),
      ),
  ],
  [
    'columns in another order',
    [`wrong_schema ${AAPL_2023} -`],
    async (stage) =>
      await rewrite(
        stage,
        AAPL_2023,
        (rows) => rows,
        () => ({ columns: [...columns.slice(0, 2), ...columns.slice(2, 8).toReversed(), ...columns.slice(8)] }),
      ),
  ],
  [
    'a date twice in a year file',
    [`duplicate_date ${AAPL_2023} 2023-06-15`],
    async (stage) =>
      await rewrite(stage, AAPL_2023, (rows) =>
        rows.flatMap((row) => (row.date === '2023-06-15' ? [row, row] : [row])),
      ),
    ['--deep'],
  ],
  [
    'a year file oldest first',
    [`unsorted ${AAPL_2023} 2023-01-04`],
    async (stage) => await rewrite(stage, AAPL_2023, (rows) => rows.toReversed()),
    ['--deep'],
  ],
  [
    'one close changed under the old hash',
    [`altered ${AAPL_2023} -`, `hash_mismatch ${AAPL_2023} -`],
    async (stage) => {
      const old = readFooter(await stage.lake.bytes(AAPL_2023))
      const sha = 'footer' in old || 'problem' in old ? '' : (old.rowsSha256 ?? '')
      await rewrite(
        stage,
        AAPL_2023,
        (rows) => rows.map((row) => (row.date === '2023-06-15' ? { ...row, close: Number(row['low']) } : row)),
        () => ({ rowsSha256: sha }),
      )
    },
    ['--deep'],
  ],
  [
    'a day file deleted between two others',
    [`missing_session ${AAPL_DAY} ${TUESDAY}`],
    async ({ lake }) => await lake.remove(AAPL_DAY),
  ],
  [
    'a year file without three of its sessions',
    [`short_year ${AAPL_2022} 2022-03-01`, `short_year ${AAPL_2022} 2022-05-10`],
    async (stage) =>
      await rewrite(stage, AAPL_2022, (rows) =>
        rows.filter(({ date }) => !['2022-03-01', '2022-05-10', '2022-05-11'].includes(date)),
      ),
  ],
  [
    'a past year that was asked for to November',
    [`unfinished_year ${AAPL_2023} 2023-11-30`],
    async (stage) =>
      await rewrite(
        stage,
        AAPL_2023,
        (rows) => rows.filter(({ date }) => date <= '2023-11-30'),
        () => ({ asked: span('2023-01-01..2023-11-30') }),
      ),
  ],
  [
    'a past year that has more rows than it was asked for',
    [`unfinished_year ${AAPL_2023} 2023-11-30`],
    async (stage) =>
      await rewrite(
        stage,
        AAPL_2023,
        (rows) => rows,
        () => ({ asked: span('2023-01-01..2023-11-30') }),
      ),
  ],
  [
    'a symbol 12 sessions behind',
    ['stale_symbol AAPL 2024-08-28'],
    async ({ lake }) => {
      for (const date of sessions('2024-08-29', DAY)) await lake.remove(dayKey('AAPL', date))
    },
  ],
  [
    'a listed symbol without a folder',
    ['listed_without_files NONE -'],
    async () => undefined,
    ['--tickers', 'AAPL,MSFT,NONE'],
  ],
  [
    'a symbol that the list lacks',
    ['unlisted MSFT -'],
    async ({ lake }) => await lake.put('list.csv', new TextEncoder().encode('AAPL\n')),
    ['--tickers-path', 'LAKE/list.csv'],
  ],
  [
    'a day file of a Saturday',
    [`closed_day_file ${dayKey('AAPL', '2024-09-14')} 2024-09-14`],
    async (stage) => {
      await stage.lake.put(dayKey('AAPL', '2024-09-14'), await stage.lake.bytes(dayKey('AAPL', '2024-09-13')))
      await rewrite(
        stage,
        dayKey('AAPL', '2024-09-14'),
        withDate('2024-09-13', { date: day('2024-09-14') }),
        ({ ingestMs }) => ({ ingestMs: ingestMs + 86_400_000 }),
      )
    },
  ],
  [
    'a row after the last finished session',
    [`future_date ${dayKey('AAPL', '2024-09-17')} 2024-09-17`],
    async (stage) => {
      await stage.lake.put(dayKey('AAPL', '2024-09-17'), await stage.lake.bytes(dayKey('AAPL', DAY)))
      await rewrite(stage, dayKey('AAPL', '2024-09-17'), withDate(DAY, { date: day('2024-09-17') }))
    },
  ],
  [
    "an `ingest_ts` before its session's close",
    [`early_ingest ${AAPL_DAY} ${TUESDAY}`, `early_ingest ${AAPL_2023} 2023-12-29`].toSorted(),
    async (stage) => {
      await rewrite(
        stage,
        AAPL_DAY,
        (rows) => rows,
        () => ({ ingestMs: Date.parse(`${TUESDAY}T19:59:59Z`) }),
      )
      await rewrite(
        stage,
        AAPL_2023,
        (rows) => rows,
        () => ({ ingestMs: Date.parse('2023-12-29T20:59:59Z') }),
      )
    },
  ],
  [
    'values that are no prices',
    [
      `bad_value ${AAPL_2022} 2022-03-01`,
      `bad_value ${AAPL_2023} 2023-06-15`,
      `bad_value ${AAPL_DAY} ${TUESDAY}`,
    ].toSorted(),
    async (stage) => {
      await rewrite(stage, AAPL_2023, withDate('2023-06-15', { close: Number.NaN }))
      await rewrite(stage, AAPL_2022, withDate('2022-03-01', { high: Infinity }))
      await rewrite(stage, AAPL_DAY, withDate(TUESDAY, { volume: -1 }))
    },
    ['--deep'],
  ],
  [
    'a negative price',
    [`bad_value ${AAPL_DAY} ${TUESDAY}`],
    async (stage) => await rewrite(stage, AAPL_DAY, withDate(TUESDAY, { low: -1 })),
    ['--deep'],
  ],
  [
    'a high below the low',
    [`suspect_bar ${AAPL_2023} 2023-06-15`],
    async (stage) => await rewrite(stage, AAPL_2023, withDate('2023-06-15', { high: 1 })),
    ['--deep'],
  ],
  [
    'a null adjClose among others',
    [`null_adj_close ${AAPL_2023} 2023-06-15`],
    async (stage) =>
      await rewrite(stage, AAPL_2023, (rows) =>
        rows.map((row) => (row.date === '2023-06-15' || row.date === '2023-06-16' ? { ...row, adjClose: null } : row)),
      ),
    ['--deep'],
  ],
  [
    'an adjClose 3 % above the close',
    [`adj_above_close ${AAPL_DAY} ${TUESDAY}`],
    async (stage) => {
      const close = await priceOn(stage, 'AAPL', TUESDAY, 'close')
      await rewrite(stage, AAPL_DAY, withDate(TUESDAY, { adjClose: Math.round(close * 103) / 100 }))
    },
    ['--deep'],
  ],
  [
    'year and day row of a date that differ in one price',
    [`doubled_differs ${dayKey('AAPL', BACKFILLED)} ${BACKFILLED}`],
    async (stage) => {
      const own = (await readRows(await stage.lake.bytes(yearKey('AAPL', 2024)), columns)).filter(
        ({ date }) => date === BACKFILLED,
      )
      await stage.lake.put(dayKey('AAPL', BACKFILLED), await stage.lake.bytes(dayKey('AAPL', '2024-08-27')))
      await rewrite(stage, dayKey('AAPL', BACKFILLED), () =>
        own.map((row) => ({ ...row, close: Number(row['close']) + 0.05, high: Number(row['high']) + 0.05 })),
      )
    },
    ['--deep'],
  ],
  [
    'a temporary file of a killed run',
    ['temp_left .ingest-tmp/x -'],
    async ({ lake }) => await lake.put('.ingest-tmp/x', new Uint8Array(9)),
  ],
]

const AAPL_BEFORE = 'tables/prices/closed-2024-11-of-16.parquet'
const APRIL = 'tables/prices/month-2024-04.parquet'

/** Faults of a table beside sound stored files. */
const TABLE_CASES: readonly Case[] = [
  [
    'a file of the table cut in its middle',
    [`table_damaged ${APRIL} -`],
    async ({ lake }) => {
      const bytes = await lake.bytes(APRIL)
      await lake.put(APRIL, bytes.slice(0, bytes.length / 2))
    },
  ],
  [
    'a stored file under a name of the table',
    [`table_damaged ${APRIL} -`],
    async ({ lake }) => await lake.put(APRIL, await lake.bytes(AAPL_2023)),
  ],
  [
    'a byte of a row in the table flipped',
    [`table_damaged ${APRIL} -`],
    async ({ lake }) => {
      const bytes = (await lake.bytes(APRIL)).slice()
      const page = openGroups(bytes, prices().columns).groups[0]?.[2]?.start ?? 0
      bytes[page] = (bytes[page] ?? 0) ^ 0xff
      await lake.put(APRIL, bytes)
    },
    ['--deep'],
  ],
  [
    'a copy beside the files of the table',
    ['table_stray tables/prices/month-2024-04 (1).parquet -'],
    async ({ lake }) => await lake.put('tables/prices/month-2024-04 (1).parquet', await lake.bytes(APRIL)),
  ],
  ['a file of the table that is gone', [`table_behind ${APRIL} -`], async ({ lake }) => await lake.remove(APRIL)],
  [
    'a night that kept no table',
    [`table_behind ${MONTH} -`],
    async ({ lake }) => await lake.put(MONTH, (await cleanLake()).olderMonth),
  ],
  [
    'a past year that was written anew without the table',
    [`table_behind ${AAPL_BEFORE} -`],
    async (stage) =>
      await rewrite(
        stage,
        AAPL_2023,
        (rows) => rows,
        ({ ingestMs }) => ({ ingestMs: ingestMs + 1_000 }),
      ),
  ],
  [
    'a day that was written anew since the rows were added',
    [`table_differs ${MONTH} ${TUESDAY}`],
    async (stage) => {
      // As the night before the last left them: of rows that a night adds the footer knows the days alone.
      for (const symbol of ['AAPL', 'MSFT']) await stage.lake.remove(dayKey(symbol, DAY))
      await stage.lake.put(MONTH, (await cleanLake()).olderMonth)
      await rewrite(
        stage,
        AAPL_DAY,
        (rows) => rows,
        ({ ingestMs }) => ({ ingestMs: ingestMs + 1_000 }),
      )
    },
    ['--deep'],
  ],
]

describe.concurrent('ingest verify', () => {
  test('finds nothing in a lake of its own making, at any depth', async () => {
    await using stage = await copyOfLake()
    expect(await verified(stage)).toMatchObject({
      findings: [],
      depth: 'footers',
      as_of: DAY,
      sample: [],
      calls: 0,
      counts: {},
    })
    const deep = await verified(stage, ['--deep'])
    expect(deep).toMatchObject({ findings: [], depth: 'deep' })
    expect(deep.symbols[0]).toEqual({
      symbol: 'AAPL',
      first_date: day(FIRST),
      through_date: day(DAY),
      sessions: sessions(FIRST, DAY).length,
      missing: 0,
      rows: sessions(FIRST, DAY).length,
      files: { year: 4, day: 14 },
      doubled: 0,
      carried_rows: 0,
      last_compared: day('2024-09-17'),
      last_mended: null,
    })
    expect((await stage.run(['verify', '--quiet'])).stdout).toBe('')
  })

  test('finds nothing in a table of its own keeping, and looks at symbols and dates alone', async () => {
    await using stage = await copyWithTable()
    for (const args of [[], ['--deep'], ['--deep', '--tickers', 'MSFT'], ['--from-date', '2024-09-01']]) {
      expect((await verified(stage, args)).findings).toEqual([])
    }
    await rewrite(
      stage,
      AAPL_2023,
      (rows) => rows,
      ({ ingestMs }) => ({ ingestMs: ingestMs + 1_000 }),
    )
    expect((await verified(stage, ['--deep', '--tickers', 'MSFT'])).findings).toEqual([])
    expect((await verified(stage, ['--deep', '--from-date', '2024-01-01'])).findings).toEqual([])
    expect((await verified(stage, ['--tickers', 'AAPL'])).findings).toMatchObject([
      { kind: 'table_behind', symbol: 'AAPL', detail: 'is not up to date with the stored files of 1 symbol: AAPL' },
    ])
  })

  test('takes a table below the prefix of the stored files for a table, and so do the other commands', async () => {
    await using stage = await copyWithTable()
    for (const key of await stage.lake.keys()) {
      if (!key.startsWith('tables/')) continue
      await stage.lake.put(`raw/${key}`, await stage.lake.bytes(key))
      await stage.lake.remove(key)
    }
    await using folder = await disposableFolder()
    const options = { env: { S3_TABLE_PREFIX: 'raw/tables' } }
    const look = async (...args: string[]) => {
      const { code, stdout } = await stage.run([...args, '--json'], options)
      const { symbols, findings } = JSON.parse(stdout) as Verified
      return { code, symbols: Array.isArray(symbols) ? symbols.length : symbols, findings }
    }
    expect(await look('verify', '--deep')).toEqual({ code: 0, symbols: 2, findings: [] })
    expect(await look('coverage', join(folder.path, 'coverage.html'))).toMatchObject({ code: 0, symbols: 2 })
    expect(await look('status')).toMatchObject({ code: 0, symbols: 2 })
  })

  test.each([...CASES, ...TABLE_CASES])('names %s', async (name, expected, plant, args = []) => {
    await using stage = await (TABLE_CASES.some(([own]) => own === name) ? copyWithTable() : copyOfLake())
    await plant(stage)
    const own = args.map((arg) => arg.replace('LAKE', stage.lake.out))
    const found = await verified(stage, own)
    expect(named(found).toSorted()).toEqual(expected.toSorted())
    for (const { kind, severity } of found.findings) expect(severity).toBe(FINDING_KINDS[kind].severity)
    // What is seen by footers is seen by --deep too, and what takes rows is not seen without it.
    const isDeep = own.includes('--deep')
    const other = await verified(stage, isDeep ? own.filter((arg) => arg !== '--deep') : [...own, '--deep'])
    if (isDeep) expect(other.findings.filter(({ kind }) => FINDING_KINDS[kind].depth === 'rows')).toEqual([])
    else for (const line of expected) expect(named(other)).toContain(line)
    // No command can tell who belongs in a ticker list.
    if (found.findings.some(({ symbol, cure }) => cure === null || symbol === 'NONE')) return
    for (const cure of new Set(found.findings.map((finding) => finding.cure ?? ''))) await heal(stage, cure)
    expect(named(await verified(stage, ['--deep', ...own.filter((arg) => arg !== '--deep')]))).toEqual([])
  })
})

describe.concurrent('the text of ingest verify', () => {
  test('has a line for each finding with its cure, and what was looked at', async () => {
    await using stage = await copyOfLake()
    await stage.lake.remove(AAPL_DAY)
    await stage.lake.put('.ingest-tmp/x', new Uint8Array(9))
    const run = await stage.run(['verify'])
    expect(run).toMatchObject({ code: 1, stderr: '' })
    expect(run.stdout.split('\n')).toEqual([
      `❌ missing_session ${AAPL_DAY} ${TUESDAY}: no file holds 1 session, ${TUESDAY}. Cure: ingest --tickers AAPL --from-date ${TUESDAY} --to-date ${TUESDAY} --out ${stage.lake.out}`,
      `⚠️ temp_left .ingest-tmp/x: was left by a run that was killed. Cure: rm ${stage.lake.out}/.ingest-tmp/x`,
      'Found: 1 error, 1 warning (missing_session 1, temp_left 1)',
      '❌ Something is wrong: 2 symbols, 35 price files, listings and footers read; --deep reads every byte, as of 2024-09-16',
      '',
    ])
  })

  test('shows nothing of a hostile name but its letters', async () => {
    await using stage = await copyOfLake()
    // The check of every run holds the output against control characters.
    await stage.lake.put('raw/prices/symbol=%1B[31m/year=2024/%1B[31m-2024.parquet', new Uint8Array(0))
    await stage.lake.put(
      'raw/prices/symbol=%1B%0A##%5Berror%5D/year=2024/%1B%0A##%5Berror%5D-2024.parquet',
      new Uint8Array(0),
    )
    await stage.lake.put("raw/prices/symbol=AAPL/$(id)'\n.parquet", new Uint8Array(0))
    const run = await stage.run(['verify'])
    expect(run.code).toBe(1)
    expect(run.stdout).not.toContain('##[')
    expect(run.stdout.split('\n').filter((line) => !/^(?:❌|Found: |$)/.test(line))).toEqual([])
    expect(run.stdout).toContain(String.raw`'\''`)
  })
})

/** A bucket with a year of one symbol. */
async function bucketLake(): Promise<S3Stage> {
  const stage = await setS3Stage({ bars: barsFor(['AAPL'], '2024-01-02', DAY) })
  expect((await stage.run(['--tickers', 'AAPL', '--backfill'])).code).toBe(0)
  return stage
}

describe.concurrent('ingest verify over a bucket', () => {
  test('needs the rights to list and to read only, and one request for each footer', async () => {
    await using stage = await bucketLake()
    stage.s3.denied.add('s3:PutObject')
    const asked = stage.s3.requests.length
    expect(await verified(stage)).toMatchObject({ findings: [] })
    const operations: string[] = stage.s3.requests.slice(asked).map(({ operation }) => operation)
    // One level of each of four datasets and of its table, the symbol, the runs; the footer, a run's document.
    expect(operations.filter((name) => name === 'list')).toHaveLength(10)
    expect(operations.filter((name) => name === 'get')).toHaveLength(2)
    expect(await verified(stage, ['--deep'])).toMatchObject({ findings: [] })
  })

  test('compares every byte with the hash that is stored beside them', async () => {
    await using stage = await bucketLake()
    const key = yearKey('AAPL', 2024)
    const object = stage.s3.objects.get(key)
    if (object === undefined) throw new Error(`There is no ${key}`)
    const bytes = object.bytes.with(99, (object.bytes[99] ?? 0) ^ 1)
    stage.s3.objects.set(key, { ...object, bytes })
    expect(await verified(stage)).toMatchObject({ findings: [] })
    const { findings } = await verified(stage, ['--deep'])
    const cure = `ingest --tickers AAPL --backfill --from-date 2024-01-01 --to-date 2024-12-31 --force --out ${stage.lake.out}`
    expect(findings).toContainEqual(expect.objectContaining({ kind: 'altered', key, cure }))
    await stage.lake.put('raw/prices/x', new Uint8Array(1))
    expect((await verified(stage)).findings).toMatchObject([
      { kind: 'stray_key', cure: `aws s3 rm ${stage.lake.out}/raw/prices/x` },
    ])
  })
})

test('the document about it has every kind with its severity and meaning', async () => {
  const text = await Bun.file(join(import.meta.dir, '../../../lib/commands/inspect/README.md')).text()
  const rows = text.split('\n').map((line) => line.split('|').map((cell) => cell.trim()))
  for (const [kind, { severity, meaning }] of Object.entries(FINDING_KINDS)) {
    const [, , found, , says] = rows.find(([, name]) => name === `\`${kind}\``) ?? []
    expect({ kind, severity: found, meaning: says }).toEqual({ kind, severity, meaning })
  }
})

/** Runs the commands of a cure. */
async function heal(stage: Stage, cure: string): Promise<void> {
  for (const command of cure.split(' && ')) {
    const [program, ...words] = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(
      ([, quoted, plain]) => quoted ?? plain ?? '',
    )
    const removed = (words.at(-1) ?? '').slice(stage.lake.out.length + 1)
    if (program === 'rm' && words[0] === '-r') await rm(join(stage.lake.out, removed), { recursive: true })
    else if (program === 'rm' || program === 'aws') await stage.lake.remove(removed)
    else expect({ program, code: (await stage.run(words)).code }).toEqual({ program: 'ingest', code: 0 })
  }
}
