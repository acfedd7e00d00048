// `ingest doctor` against the vendor and the store on real sockets: set-ups that users meet, each broken in one way, and good
// ones. The stage holds every run to three calls, twelve requests to S3, one probe of 64 bytes and no secret in any output.

import { describe, expect, test } from 'bun:test'
import { dirname, join } from 'node:path'
import { fingerprintOf } from '../../../lib/commands/ledger.ts'
import { MS_PER_DAY, utcDate, type IsoDate } from '../../../lib/core/dates.ts'
import { emptyLedger, formatLedger } from '../../../lib/fmp/ledger/state.ts'
import type { CheckResult, Doctor } from '../../../lib/report/doctor.ts'
import { barsFor, dayKey, iso, sessions, type Bar } from '../../support/bars.ts'
import { schemaErrors } from '../../support/json-schema.ts'
import { disposableFolder } from '../../support/lakes/lake.ts'
import { putPrices, rowsFor } from '../../support/lakes/price-files.ts'
import { recordedError } from '../../support/recorded.ts'
import { KEY } from '../../support/runs/in-process.ts'
import { ROOT } from '../../support/runs/process.ts'
import { setS3Stage, setStage, type Run, type S3Stage } from '../../support/runs/stage.ts'
import type { FmpRequestInfo } from '../../support/servers/vendor.ts'

const DAY = '2024-09-16'
const BARS = barsFor(['AAPL', 'MSFT'], '2024-08-01', DAY)
const SPLITS = [{ symbol: 'AAPL', date: '2020-08-31', numerator: 4, denominator: 1 }]

const LIST = ['--tickers', 'AAPL,MSFT']

/** The usual vendor does not have the list of splits. */
const splitsOf = ({ path }: FmpRequestInfo) => (path === '/stable/splits' ? Response.json(SPLITS) : undefined)

type Setup = {
  /** Breaks a good set-up. */
  readonly set?: (stage: S3Stage) => unknown
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly s3?: { readonly region?: string; readonly sessionToken?: string }
}

/** What is told of a set-up that is broken in one way. `rest`: what else is not ok. */
type Told = Pick<CheckResult, 'name' | 'status'> & {
  readonly detail: string | RegExp
  readonly cure: string | RegExp
  readonly value?: string | null
  readonly rest?: Readonly<Record<string, CheckResult['status']>>
}

/** The vendor on a socket, as the store is; the program in this process. */
async function examine({ set, args = LIST, env = {}, s3 = {} }: Setup): Promise<Run> {
  await using stage = await setS3Stage({ bars: BARS, onRequest: splitsOf, s3 })
  await set?.(stage)
  return await stage.run(['doctor', '--json', ...args], { env: { FMP_BASE_URL: stage.fmp.url, ...env } })
}

function documentOf({ stdout }: Run): Doctor {
  const document = JSON.parse(stdout) as Doctor
  expect(schemaErrors('doctor', document)).toEqual([])
  return document
}

/** In a lake without a run these are left out. */
const NEW_LAKE = { 'last-run': 'skip', behind: 'skip' } as const

/** A vendor that answers these paths so. */
const answering =
  (path: string, answer: () => Response): NonNullable<Setup['set']> =>
  (stage) => {
    stage.onRequest = (info) => (info.path.includes(path) ? answer() : splitsOf(info))
  }

const refusing = (path: string, name: string) => answering(path, () => recordedError(name))

/** All checks that need the vendor's first answer. */
const WITHOUT_PRICES = { symbol: 'skip', depth: 'skip', newest: 'skip', adjusted: 'skip', splits: 'skip' } as const
const WITHOUT_KEY = { ...WITHOUT_PRICES, limit: 'skip' } as const
const WITHOUT_STORE = { write: 'skip', list: 'skip', read: 'skip', replace: 'skip' } as const

const WITHOUT_VENDOR = { ...WITHOUT_KEY, vendor: 'skip', key: 'skip' } as const

/** Puts the ledger of today, by the clock of the store, whatever its day is by the time the test is done. */
const withLedger =
  (textOf: (day: IsoDate) => string): NonNullable<Setup['set']> =>
  ({ s3 }) => {
    for (const days of [0, 1]) {
      const day = utcDate(Date.now() + days * MS_PER_DAY)
      const key = `logs/ingest/ledger/date=${day}/${fingerprintOf(KEY)}.json`
      s3.put(key, new TextEncoder().encode(textOf(day)))
    }
  }

const LEDGER = { LEDGER: 'true', DAILY_CALLS: '250' }

const metricsDocument = (fields: object) => new TextEncoder().encode(JSON.stringify(fields))
const runKey = (date: string, seconds: number) => `logs/ingest/date=${date}/run-${seconds}.json`

const BROKEN: Readonly<Record<string, Setup & { readonly told: Told }>> = {
  'a key that FMP does not know': {
    set: refusing('', 'invalid-key'),
    env: { FMP_API_KEY: 'a'.repeat(32) },
    told: {
      name: 'key',
      status: 'fail',
      detail: /^FMP's answer for AAPL full: the API key is refused\. It says: “Invalid API KEY/,
      cure: 'Check FMP_API_KEY against the key on your FMP dashboard. A proxy at FMP_BASE_URL must pass the header apikey on.',
      rest: WITHOUT_KEY,
    },
  },
  'a key in quotation marks': {
    env: { FMP_API_KEY: `"${'a'.repeat(32)}"` },
    told: {
      name: 'key',
      status: 'fail',
      detail: /the API key is refused\..* FMP's keys have 32 letters and digits, and this one is in quotation marks\.$/,
      cure: 'Set FMP_API_KEY to the key alone, as your FMP dashboard shows it.',
      rest: WITHOUT_KEY,
    },
  },
  'a line of a file in place of a key': {
    env: { FMP_API_KEY: `FMP_API_KEY=${'a'.repeat(32)}` },
    told: {
      name: 'key',
      status: 'fail',
      detail: /this one begins with a name, as if a whole line was copied\.$/,
      cure: 'Set FMP_API_KEY to the key alone, as your FMP dashboard shows it.',
      rest: WITHOUT_KEY,
    },
  },
  'a key that is cut short': {
    env: { FMP_API_KEY: 'a'.repeat(31) },
    told: {
      name: 'key',
      status: 'fail',
      detail: /this one has 31 characters\.$/,
      cure: /to the key alone/,
      rest: WITHOUT_KEY,
    },
  },
  'a new key at the legacy API': {
    set: refusing('/api/v3/', 'legacy-endpoint-2026'),
    env: { FMP_API: 'v3' },
    told: {
      name: 'key',
      status: 'fail',
      detail: /^FMP's answer for AAPL historical-price-full: the legacy API is closed to this key\./,
      cure: 'Use FMP_API=stable, which is the default: v3 is for keys from before 2025-08-31.',
      rest: WITHOUT_KEY,
    },
  },
  'a legacy answer at the stable API': {
    set: refusing('/stable/', 'legacy-endpoint-2025'),
    told: {
      name: 'key',
      status: 'fail',
      detail: /the legacy API is closed to this key\./,
      cure: 'Check FMP_BASE_URL: this answer belongs to the legacy API.',
      rest: WITHOUT_KEY,
    },
  },
  'an account that FMP has suspended': {
    set: refusing('', 'account-suspended'),
    told: {
      name: 'key',
      status: 'fail',
      detail: /the account is suspended\./,
      cure: 'Write to FMP, who suspended it.',
      rest: WITHOUT_KEY,
    },
  },
  'a call limit that is reached': {
    set: refusing('', 'call-limit'),
    told: {
      name: 'limit',
      status: 'fail',
      detail: /^FMP's answer for AAPL full: the call limit is reached\./,
      cure: /^A limit of the minute is over in a minute: run again then\./,
      rest: WITHOUT_PRICES,
    },
  },
  'calls of the day that are all made': {
    set: withLedger((day) => formatLedger({ ...emptyLedger(day), closedCalls: 250 })),
    env: LEDGER,
    told: {
      name: 'ledger',
      status: 'fail',
      detail: /^The 250 calls of this UTC day \(DAILY_CALLS\) are made, /,
      cure: /^Run again after midnight UTC/,
      rest: WITHOUT_VENDOR,
    },
  },
  'a ledger that something else has written': {
    set: withLedger(() => 'hello'),
    env: LEDGER,
    told: {
      name: 'ledger',
      status: 'fail',
      detail: /\.json: this is no ledger of /,
      cure: /^Use one version of the program/,
      rest: WITHOUT_VENDOR,
    },
  },
  'a ledger that may not be written': {
    set: ({ s3 }) => {
      s3.onRequest = ({ operation, key }) =>
        operation === 'put' && key.includes('/ledger/')
          ? { action: 'reply', status: 403, code: 'AccessDenied' }
          : undefined
    },
    env: LEDGER,
    told: {
      name: 'ledger',
      status: 'fail',
      detail: /\/ledger\/.*: access denied to s3:PutObject/,
      cure: /s3:PutObject/,
      rest: WITHOUT_VENDOR,
    },
  },
  'bandwidth that is spent': {
    set: refusing('', 'bandwidth-limit'),
    told: {
      name: 'limit',
      status: 'fail',
      detail: /the bandwidth of the last 30 days is spent\./,
      cure: /It comes back over the coming days/,
      rest: WITHOUT_PRICES,
    },
  },
  'a plan without the symbol': {
    set: refusing('historical-price-eod', 'symbol-not-in-plan'),
    told: {
      name: 'symbol',
      status: 'fail',
      detail: /^FMP's answer for AAPL full: your plan does not include this symbol or value\./,
      cure: 'Drop it from the list, or upgrade the plan.',
      rest: { depth: 'skip', newest: 'skip', adjusted: 'skip', splits: 'skip' },
    },
  },
  'a symbol that FMP does not have': {
    args: ['--tickers', 'APPL'],
    told: {
      name: 'symbol',
      status: 'fail',
      value: 'APPL',
      detail: 'FMP knows the key, and has no prices of APPL.',
      cure: 'Check its spelling (class shares are written BRK-B), or take it off the list.',
      rest: { depth: 'skip', newest: 'skip', adjusted: 'skip', splits: 'skip' },
    },
  },
  'a plan without the years since 1990': {
    set: (stage) => {
      stage.onRequest = (info) => (info.from === '1990-01-01' ? recordedError('symbol-not-in-plan') : splitsOf(info))
    },
    told: {
      name: 'depth',
      status: 'warn',
      detail:
        'FMP sends the last sessions. Asked for all since 1990 it refuses, or sends nothing: the plan serves no old prices.',
      cure: 'Set --from-date to what your plan serves.',
      rest: { splits: 'skip' },
    },
  },
  'a plan without adjusted prices': {
    set: refusing('dividend-adjusted', 'endpoint-not-in-plan'),
    told: {
      name: 'adjusted',
      status: 'fail',
      detail:
        /^FMP's answer for AAPL dividend-adjusted: your plan does not include the endpoint historical-price-eod\/dividend-adjusted\./,
      cure: 'Use --no-adj-close to store prices without adjClose, or upgrade the plan.',
    },
  },
  'a plan without the list of splits': {
    set: refusing('splits', 'endpoint-not-in-plan'),
    told: {
      name: 'splits',
      status: 'warn',
      detail: /^FMP's answer for AAPL splits: your plan does not include the endpoint splits\./,
      cure: 'A run works without the list: a price that leaps overnight is then stored and marked as suspect.',
    },
  },
  'adjusted prices that are above the others': {
    set: (stage) => {
      stage.bars['AAPL'] = (BARS['AAPL'] ?? []).map((bar) => ({ ...bar, adjClose: (bar.close ?? 0) * 1.05 }))
    },
    told: {
      name: 'adjusted',
      status: 'warn',
      value: '32 dates',
      detail:
        /^32 of 32 dates have an adjusted close above the close: 2024-08-01, 2024-08-02, 2024-08-05 and 29 more\./,
      cure: /^Nothing is to be set/,
    },
  },
  'prices that are not adjusted for a listed split': {
    set: (stage) => {
      stage.bars['AAPL'] = (BARS['AAPL'] ?? []).map((bar) => (bar.date < '2024-09-03' ? quadrupled(bar) : bar))
      answering('splits', () => Response.json([{ ...SPLITS[0], date: '2024-09-03' }]))(stage)
    },
    told: {
      name: 'splits',
      status: 'warn',
      value: '1 split',
      detail: 'The prices leap at a split as if they were not adjusted for it, or twice: 4:1 on 2024-09-03.',
      cure: /^Compare the prices with another source/,
    },
  },
  'a last session that FMP does not have yet': {
    set: (stage) => {
      stage.bars['AAPL'] = (BARS['AAPL'] ?? []).slice(0, -1)
    },
    told: {
      name: 'newest',
      status: 'warn',
      value: '2024-09-13',
      detail: 'The newest row of AAPL is of 2024-09-13, 1 session behind at 09:00 in New York on 2024-09-17.',
      cure: 'FMP may be late: let the nightly run begin later, or let the next one fill it.',
    },
  },
  'no way to FMP': {
    env: { FMP_BASE_URL: 'http://127.0.0.1:9' },
    told: {
      name: 'vendor',
      status: 'fail',
      detail: /^The request for AAPL full to 127\.0\.0\.1:9 failed: nothing accepts connections there \(\w+\)\.$/,
      cure: /^Check the network and FMP_BASE_URL/,
      rest: { ...WITHOUT_KEY, key: 'skip' },
    },
  },
  'a login page in place of FMP': {
    set: answering('', () => new Response('<html>Sign in</html>', { status: 403 })),
    told: {
      name: 'vendor',
      status: 'fail',
      detail: /A web page came\. It begins: “<html>Sign in<\/html>”/,
      cure: /^Something on the way has answered in place of FMP/,
      rest: { ...WITHOUT_KEY, key: 'skip' },
    },
  },
  'a paywall on the way to FMP': {
    set: answering('', () => new Response('<html>Pay first</html>', { status: 402 })),
    told: {
      name: 'vendor',
      status: 'fail',
      detail: /A web page came\. It begins: “<html>Pay first<\/html>”/,
      cure: 'Something on the way has answered in place of FMP: check the network, a proxy and FMP_BASE_URL.',
      rest: { ...WITHOUT_KEY, key: 'skip' },
    },
  },
  'a bucket in another region': {
    s3: { region: 'eu-west-1' },
    env: { AWS_REGION: 'us-east-1' },
    told: {
      name: 'store',
      status: 'fail',
      detail:
        /: the bucket "test-bucket" is asked for in the wrong region \(AuthorizationHeaderMalformed\): it expects eu-west-1\.$/,
      cure: 'Set AWS_REGION=eu-west-1.',
      rest: WITHOUT_STORE,
    },
  },
  'a bucket that is not there': {
    args: [...LIST, '--out', 's3://other-bucket'],
    told: {
      name: 'store',
      status: 'fail',
      detail: /: there is no bucket "other-bucket"\.$/,
      cure: /^Check S3_BUCKET \(or --out\)/,
      rest: WITHOUT_STORE,
    },
  },
  'credentials that the store does not know': {
    env: { AWS_SECRET_ACCESS_KEY: 'another-secret' },
    told: {
      name: 'store',
      status: 'fail',
      detail: /the credentials are refused: the secret key does not fit the access key/,
      cure: /^Check AWS_ACCESS_KEY_ID/,
      rest: WITHOUT_STORE,
    },
  },
  'a store that is out of order': {
    set: ({ s3 }) => {
      s3.onRequest = () => ({ action: 'reply', status: 503, code: 'SlowDown' })
    },
    told: {
      name: 'store',
      status: 'fail',
      detail: /: the store is busy or out of order \(503 SlowDown\)\.$/,
      cure: /^Run again later/,
      rest: WITHOUT_STORE,
    },
  },
  'no right to list': {
    set: ({ s3 }) => s3.denied.add('s3:ListBucket'),
    told: {
      name: 'list',
      status: 'fail',
      detail: /access denied to s3:ListBucket/,
      cure: /^Allow s3:ListBucket on arn:aws:s3:::test-bucket for the prefix raw\/prices\/\*\./,
      rest: { read: 'skip', replace: 'skip' },
    },
  },
  'no right to read': {
    set: ({ s3 }) => s3.denied.add('s3:GetObject'),
    told: {
      name: 'read',
      status: 'fail',
      detail: /access denied to s3:GetObject/,
      cure: /^Allow s3:GetObject on arn:aws:s3:::test-bucket\/logs\/ingest\/\*\..* has the least policy for a run\.$/,
      rest: { replace: 'skip' },
    },
  },
  'no right to write': {
    set: ({ s3 }) => s3.denied.add('s3:PutObject'),
    told: {
      name: 'write',
      status: 'fail',
      detail: /access denied to s3:PutObject/,
      cure: /^Allow s3:PutObject on arn:aws:s3:::test-bucket\/logs\/ingest\/\*\..* has the least policy for a run\.$/,
      rest: { read: 'skip', replace: 'skip' },
    },
  },
  'a store that ignores create-only writes': {
    set: ({ s3 }) => {
      s3.ignorePreconditions = true
    },
    told: {
      name: 'write',
      status: 'fail',
      detail: 's3://test-bucket/logs/ingest/doctor/probe: the store ignores create-only writes (If-None-Match).',
      cure: /^Two runs at once could overwrite each other\. Use another store/,
      rest: { replace: 'skip' },
    },
  },
  'a store that takes no condition of a replacement': {
    set: ({ s3 }) => {
      s3.onRequest = ({ headers }) => ('if-match' in headers ? { action: 'ignore-preconditions' } : undefined)
    },
    told: {
      name: 'replace',
      status: 'fail',
      value: 'not by tag',
      detail:
        'The store ignores the condition of a replacement (If-Match): s3://test-bucket/logs/ingest/doctor/probe was replaced by an old tag.',
      cure: /^Two runs at once could overwrite each other/,
    },
  },
  'a clock that is seven minutes off': {
    set: ({ s3 }) => {
      s3.skewMs = 7 * 60_000
    },
    told: {
      name: 'clock',
      status: 'fail',
      value: '7 min',
      detail: "This machine's clock is 7 min behind that of the store.",
      cure: /^Set the clock \(NTP\)/,
    },
  },
  'a clock that is two minutes off': {
    set: ({ s3 }) => {
      s3.skewMs = -2 * 60_000
    },
    told: {
      name: 'clock',
      status: 'warn',
      value: '2 min',
      detail: "This machine's clock is 2 min ahead of that of the store.",
      cure: /^Set the clock \(NTP\)/,
    },
  },
  'a clock that S3 refuses': {
    set: ({ s3 }) => {
      s3.skewMs = 20 * 60_000
    },
    told: {
      name: 'store',
      status: 'fail',
      detail: /: this machine's clock is off by 20 minutes \(RequestTimeTooSkewed\)\.$/,
      cure: 'Set the clock (NTP): S3 refuses requests signed more than 15 minutes off.',
      rest: { ...WITHOUT_STORE, clock: 'fail' },
    },
  },
  'credentials that end in the night': {
    args: ['--tickers', Array.from({ length: 500 }, (_, index) => (index === 0 ? 'AAPL' : `A${index}`)).join(',')],
    s3: { sessionToken: 'a-session-token' },
    env: { RATE_LIMIT_SECONDS: '15', ROLE_DURATION_SECONDS: '3600' },
    told: {
      name: 'credentials',
      status: 'fail',
      value: '1 h',
      detail:
        'The credentials end in 1 h, and a night of 1,000 calls takes 4 h 10 min: what is not stored by then is left for the next run.',
      cure: /^Get credentials that last longer/,
    },
  },
  'a last run that is old': {
    set: async ({ lake }) => {
      await putPrices(lake, rowsFor('AAPL', '2024-09-03', '2024-09-05'), 'day')
      await lake.put(runKey('2024-09-13', 1_726_230_600), metricsDocument({ exit_code: 0 }))
    },
    told: {
      name: 'last-run',
      status: 'fail',
      value: '2024-09-13T12:30:00+00:00',
      detail: 'The last run began at 2024-09-13T12:30:00+00:00, and 2 sessions have been finished since.',
      cure: /^Look at what starts the nightly run/,
    },
  },
  'no run for weeks': {
    set: async ({ lake }) => {
      await putPrices(lake, rowsFor('AAPL', '2024-06-03', '2024-06-05'), 'day')
      await lake.put(runKey('2024-06-06', 1_717_677_000), metricsDocument({ exit_code: 0 }))
    },
    told: {
      name: 'last-run',
      status: 'fail',
      detail: 'No run of the last 14 days has left its metrics, though prices are stored.',
      cure: /^Look at what starts the nightly run/,
    },
  },
  'a last run that failed': {
    set: async ({ lake }) => {
      const metrics = { exit_code: 1, errors: 1, run_errors: ['FMP is\n::error::away'] }
      await lake.put(runKey(DAY, 1_726_489_800), metricsDocument(metrics))
    },
    told: {
      name: 'last-run',
      status: 'warn',
      detail: 'The last run, of 2024-09-16T12:30:00+00:00, ended with exit code 1. It says: FMP is ::error::away',
      cure: 'Look at its summary and log.',
    },
  },
  'a listed symbol that is behind': {
    set: async ({ lake }) => {
      const results = [
        { symbol: 'AAPL', dataset: 'prices', through_date: '2024-09-03' },
        { symbol: 'MSFT', dataset: 'prices', through_date: '2024-08-30' },
        { symbol: 'GONE', dataset: 'prices', through_date: '2020-08-01' },
      ]
      await lake.put(runKey(DAY, 1_726_489_800), metricsDocument({ exit_code: 0, results }))
    },
    told: {
      name: 'behind',
      status: 'warn',
      value: '1 symbol',
      detail: '1 symbol of the list is 10 sessions behind or more: MSFT (2024-08-30).',
      cure: 'Check the spelling, and take symbols off the list that no longer trade.',
    },
  },
  'a ticker list with dots and doubles': {
    args: ['--tickers', 'AAPL,MSFT,aapl,BRK.B'],
    told: {
      name: 'tickers',
      status: 'warn',
      value: '3 symbols',
      detail: 'Listed more than once and taken once: AAPL. Written with a dot and asked for with a dash: BRK.B.',
      cure: 'Correct the list.',
    },
  },
  'a ticker list with a cell that is no symbol': {
    args: ['--tickers', 'AAPL,A/B'],
    told: {
      name: 'tickers',
      status: 'fail',
      detail: /^Not a symbol in --tickers: position 2: "A\/B"/,
      cure: /^A symbol is 1 to 20 letters/,
      rest: { credentials: 'skip' },
    },
  },
  'no ticker list': {
    args: ['--tickers-path', 'nowhere.csv'],
    told: {
      name: 'tickers',
      status: 'fail',
      detail: 'There is no ticker list at nowhere.csv.',
      cure: 'Name one with --tickers-path, or symbols with --tickers.',
      rest: { credentials: 'skip' },
    },
  },
}

/** The bar of a share before its split in four, as it was traded. */
function quadrupled(bar: Bar): Bar {
  return { ...bar, open: by4(bar.open), high: by4(bar.high), low: by4(bar.low), close: by4(bar.close) }
}

function by4(price: number | null): number | null {
  return price === null ? null : price * 4
}

const matching = (text: string | RegExp): string =>
  typeof text === 'string' ? text : (expect.stringMatching(text) as string)

describe.concurrent('ingest doctor names', () => {
  test.each(Object.keys(BROKEN))('%s', async (name) => {
    const { told, ...setup } = BROKEN[name] ?? { told: undefined }
    if (told === undefined) throw new Error(name)
    const run = await examine(setup)
    const document = documentOf(run)
    const found = document.checks.find((check) => check.name === told.name)
    expect(found).toEqual({
      name: told.name,
      status: told.status,
      value: 'value' in told ? (told.value ?? null) : (found?.value ?? null),
      detail: matching(told.detail),
      cure: matching(told.cure),
    })
    // It is the only cause that is told.
    const others = document.checks.filter((check) => check !== found && check.status !== 'ok')
    const rest = { ...told.rest }
    for (const check of others) {
      const expected = rest[check.name] ?? NEW_LAKE[check.name as keyof typeof NEW_LAKE]
      expect({ check, expected }).toEqual({ check, expected: check.status })
      delete rest[check.name]
    }
    expect(rest).toEqual({})
    // What refuses every call is asked once; the years of a plan take a second call.
    if (['key', 'limit'].includes(told.name)) expect(run.requests.length).toBe(1)
    const isFailed = told.status === 'fail'
    expect({ code: run.code, ok: document.ok }).toEqual({ code: isFailed ? 1 : 0, ok: !isFailed })
    expect(run.stderr).toBe('')
  })
})

const GOOD = `Lake: s3://test-bucket
✅ tickers: The ticker list has 2 symbols, none of them twice.
✅ vendor: FMP answers at VENDOR.
✅ key: The key is accepted by the stable API, and goes in a header.
✅ limit: No limit of calls or bandwidth is reached.
✅ symbol: FMP sends 33 rows of AAPL.
✅ depth: The prices of AAPL begin on 2020-08-28. The plan, or the symbol itself, has no older ones.
✅ newest: The last finished session, 2024-09-16, is there at 09:00 in New York on 2024-09-17.
✅ adjusted: The adjusted prices are there for all 33 dates, and fit the others.
✅ splits: The prices fit the splits that FMP lists: 4:1 on 2020-08-31. By them the share traded at 499.2 on 2020-08-28.
✅ store: s3://test-bucket answers in the region that is set.
✅ write: A file was created, and creating it again is refused. No run overwrites what another one has stored. No right to delete is needed.
✅ list: raw/prices/symbol=AAPL/ and logs/ingest/ can be listed.
✅ read: logs/ingest/date=2024-09-17/run-1726578000.json and raw/prices/symbol=AAPL/year=2024/month=09/AAPL-2024-09-16.parquet can be read.
✅ replace: A file is replaced if it is unchanged, and only then. No run overwrites what another one has stored.
✅ credentials: No end of the credentials is set; a night of 4 calls takes 0 s.
✅ clock: This machine's clock agrees with FMP and the store, within a minute.
✅ last-run: The last run, of 2024-09-17T13:00:00+00:00, ended with exit code 0.
✅ behind: No listed symbol of the last run is 10 sessions behind.
✅ Ready: none of 18 checks failed
`

const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString()

const ignoring: Setup['set'] = ({ s3 }) => {
  s3.ignorePreconditions = true
}

/** A bar of AAPL before its split in four, at the price that it has since; the close that follows is that of the first bar. */
function barsWithSplit() {
  const [first, ...others] = BARS['AAPL'] ?? []
  if (first === undefined) throw new Error('There are no bars.')
  const old = { date: iso('2020-08-28'), open: 124.81, high: 124.81, low: 124.81, close: 124.81, adjClose: 120.96 }
  return [{ ...old, volume: 187_630_000 }, { ...first, open: 125, low: 100, high: 400 }, ...others]
}

describe.concurrent('a good set-up', () => {
  test('is told check by check, in a process of its own, and with --quiet not at all', async () => {
    await using stage = await setS3Stage({ bars: { ...BARS, AAPL: barsWithSplit() }, onRequest: splitsOf })
    expect((await stage.run(LIST)).code).toBe(0)
    const run = await stage.spawn(['doctor', ...LIST]).done
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(run.stdout.replace(new URL(stage.fmp.url).host, 'VENDOR')).toBe(GOOD)
    expect(run.requests.map(({ path, symbol, from, to }) => ({ path, symbol, from, to }))).toEqual([
      { path: '/stable/historical-price-eod/full', symbol: 'AAPL', from: '1990-01-01', to: DAY },
      { path: '/stable/historical-price-eod/dividend-adjusted', symbol: 'AAPL', from: '1990-01-01', to: DAY },
      { path: '/stable/splits', symbol: 'AAPL', from: undefined, to: undefined },
    ])
    expect(await stage.run(['doctor', '--quiet', ...LIST])).toMatchObject({ code: 0, stdout: '', stderr: '' })
    const document = documentOf(await stage.run(['doctor', '--json', ...LIST]))
    expect(document).toMatchObject({ ok: true, run_id: '2024-09-17T13:00:00+00:00', target: 's3://test-bucket' })
    expect(document.checks.map(({ status, cure }) => [status, cure])).toEqual(document.checks.map(() => ['ok', null]))
  })

  test('may be a folder, a new one too; the one file that is written stays', async () => {
    await using stage = await setStage({ bars: BARS, onRequest: splitsOf })
    for (const told of ['A file was created', 'The file of an earlier check is there']) {
      const document = documentOf(await stage.run(['doctor', '--json', ...LIST]))
      expect(document).toMatchObject({ ok: true, target: stage.lake.out })
      expect(document.checks.find(({ name }) => name === 'write')?.detail).toStartWith(told)
      expect(document.checks.find(({ name }) => name === 'credentials')?.status).toBe('skip')
      expect(await stage.lake.keys()).toEqual(['logs/ingest/doctor/probe'])
    }
  })

  test('may be the legacy API, which is warned of for the key in the address', async () => {
    await using stage = await setStage({ bars: BARS })
    const list = { symbol: 'AAPL', historical: [{ date: '2024-09-03', numerator: 1, denominator: 1 }] }
    stage.onRequest = ({ path }) => (path.includes('stock_split') ? Response.json(list) : undefined)
    const run = await stage.run(['doctor', '--json', ...LIST], { env: { FMP_API: 'v3' } })
    const { ok, checks } = documentOf(run)
    expect({ ok, calls: run.requests.length }).toEqual({ ok: true, calls: 2 })
    expect(checks.filter(({ status }) => status === 'warn').map(({ name }) => name)).toEqual(['key'])
    expect(checks.find(({ name }) => name === 'adjusted')).toMatchObject({ status: 'ok', value: '32 dates' })
  })

  test('may be without adjusted prices, which are then not asked for', async () => {
    await using stage = await setStage({ bars: BARS, onRequest: splitsOf })
    const run = await stage.run(['doctor', '--json', '--no-adj-close', ...LIST])
    const { ok, checks } = documentOf(run)
    expect({ ok, calls: run.requests.length }).toEqual({ ok: true, calls: 2 })
    expect(checks.find(({ name }) => name === 'adjusted')?.status).toBe('skip')
  })

  test('may have more rows than FMP sends at once: the depth is then a lower limit', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL'], '2003-01-02', DAY), onRequest: splitsOf })
    const { checks } = documentOf(await stage.run(['doctor', '--json', '--tickers', 'AAPL']))
    expect(checks.find(({ name }) => name === 'depth')).toMatchObject({
      value: '19.9 years',
      detail: expect.stringContaining("That is FMP's most in one answer, 5,000 rows: there may be more.") as string,
    })
    expect(checks.find(({ name }) => name === 'adjusted')).toMatchObject({ status: 'ok', value: '5,000 dates' })
  })

  test('has credentials that outlast a night, by whatever setting tells their end', async () => {
    const s3 = { sessionToken: 'a-session-token' }
    const cases: readonly (readonly [Record<string, string>, Partial<CheckResult>])[] = [
      [{ AWS_CREDENTIAL_EXPIRATION: inHours(3) }, { status: 'ok', value: '3 h' }],
      [{ AWS_CREDENTIAL_EXPIRATION: inHours(-1) }, { status: 'fail', value: '0 s' }],
      [
        { AWS_CREDENTIAL_EXPIRATION: 'soon', ROLE_DURATION_SECONDS: '900' },
        { status: 'ok', value: '15 min' },
      ],
      [{ RATE_LIMIT_SECONDS: '300' }, { status: 'warn', value: 'unknown' }],
      [{}, { status: 'ok', value: 'unknown' }],
    ]
    for (const [env, expected] of cases) {
      const { checks } = documentOf(await examine({ s3, env: { RATE_LIMIT_SECONDS: '1', ...env } }))
      expect(checks.find(({ name }) => name === 'credentials')).toMatchObject(expected)
    }
  })
})

describe.concurrent('ingest doctor', () => {
  test('with everything to read and a store that takes tags in one form only sends twelve requests', async () => {
    for (const tagForm of ['plain', 'quoted'] as const) {
      await using stage = await setS3Stage({ bars: BARS, onRequest: splitsOf })
      stage.s3.tagForm = tagForm
      await stage.run(LIST)
      // More than one page of a listing, of years that nobody asks for.
      stage.s3.pageSize = 50
      for (const date of sessions('2019-01-02', '2019-06-28')) stage.s3.put(dayKey('AAPL', date), new Uint8Array(1))
      stage.s3.put('config/tickers.csv', new TextEncoder().encode('AAPL\nMSFT\n'))
      const asked = stage.s3.requests.length
      const list = ['--tickers-path', 's3://test-bucket/config/tickers.csv']
      const { ok, checks } = documentOf(await stage.run(['doctor', '--json', ...list]))
      expect({ ok, bad: checks.filter(({ status }) => status !== 'ok') }).toEqual({ ok: true, bad: [] })
      expect(stage.s3.requests.length - asked).toBe(tagForm === 'plain' ? 12 : 11)
      expect(stage.s3.requests.slice(asked).filter(({ method }) => !['GET', 'PUT'].includes(method))).toEqual([])
    }
  })

  test('with --allow-unsafe-store only warns of a store that ignores conditions', async () => {
    const { ok, checks } = documentOf(await examine({ set: ignoring, args: [...LIST, '--allow-unsafe-store'] }))
    const warned = checks.filter(({ status }) => status === 'warn')
    expect({ ok, warned: warned.map(({ name, value }) => [name, value]) }).toEqual({
      ok: true,
      warned: [['write', 'not create-only']],
    })
    expect(checks.find(({ name }) => name === 'replace')?.status).toBe('skip')
    expect(warned[0]?.detail).toContain('ignores create-only writes (If-None-Match)')
  })

  test('with TABLE says whether the table can be listed and when all stored files were last listed for it', async () => {
    await using stage = await setS3Stage({ bars: BARS, onRequest: splitsOf })
    const env = { TABLE: 'true' }
    const check = async (now: string) => {
      const { checks } = documentOf(await stage.run(['doctor', '--json', ...LIST], { env, now }))
      return checks.find(({ name }) => name === 'table')
    }
    expect(await check('2024-09-10T13:00:00Z')).toMatchObject({ status: 'ok', value: 'none' })
    expect((await stage.run(LIST, { env, now: '2024-09-10T13:00:00Z' })).code).toBe(0)
    expect(await check('2024-09-17T12:00:00Z')).toMatchObject({ status: 'ok', value: '2024-09-10T13:00:00+00:00' })
    expect(await check('2024-09-17T13:00:00Z')).toEqual({
      name: 'table',
      status: 'warn',
      value: '2024-09-10T13:00:00+00:00',
      detail: 'The table of prices was last compared with a listing of all stored files at 2024-09-10T13:00:00+00:00.',
      cure: 'Run `ingest table`, or leave it to the next run, which then takes longer.',
    })
    stage.s3.put('tables/prices/month-2024-09.parquet', new Uint8Array(9))
    expect(await check('2024-09-17T13:00:00Z')).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('month-2024-09.parquet is no file of a table') as string,
      cure: expect.stringContaining('ingest table --rebuild') as string,
    })
  })

  test('calls no faster than at the set rate', async () => {
    await using stage = await setStage({ bars: BARS, onRequest: splitsOf })
    const run = await stage.run(['doctor', ...LIST], { env: { RATE_LIMIT_SECONDS: '15' } })
    expect(run.requests.map(({ atMs }) => atMs)).toEqual([0, 15_000, 30_000])
    expect(run.stderr).toBe('⏳ 3 calls, one per 15 s: about 45 s\n')
  })

  test.each([
    [{ exit_code: 3 }, 'ended with exit code 3. It stopped at a limit.', 'Run again: it goes on where it stopped.'],
    [{ exit_code: 1, errors: 2 }, 'ended with exit code 1. It counts 2 errors.', 'Look at its summary and log.'],
    [{}, 'does not tell its exit code.', 'Look at its log.'],
    [{ exit_code: 'x' }, 'cannot be read: logs/ingest/', 'Look at that file.'],
  ])('warns of a last run whose metrics are %j', async (fields, detail, cure) => {
    await using stage = await setStage({ bars: BARS, onRequest: splitsOf })
    await stage.lake.put(runKey(DAY, 1_726_489_800), metricsDocument(fields))
    const { ok, checks } = documentOf(await stage.run(['doctor', '--json', ...LIST]))
    const found = checks.find(({ name }) => name === 'last-run')
    expect({ ok, ...found }).toMatchObject({ ok: true, status: 'warn', cure })
    expect(found?.detail).toContain(detail)
  })

  test('takes the list that a run would take', async () => {
    await using stage = await setStage({ bars: BARS, onRequest: splitsOf })
    await using folder = await disposableFolder()
    await Bun.write(join(folder.path, 'tickers.csv'), 'MSFT\n')
    const run = await stage.run(['doctor', '--json'], { cwd: folder.path })
    expect(documentOf(run).checks[0]).toMatchObject({ name: 'tickers', status: 'ok', value: '1 symbol' })
    expect(run.requests.map(({ symbol }) => symbol)).toEqual(['MSFT', 'MSFT', 'MSFT'])
  })

  test('names a folder that nobody may write to, and a stored file that is damaged', async () => {
    await using stage = await setStage({ bars: BARS, onRequest: splitsOf })
    await using folder = await disposableFolder()
    await Bun.write(join(folder.path, 'file'), 'no folder')
    const lost = await stage.run(['doctor', '--out', join(folder.path, 'file'), ...LIST])
    expect(lost.code).toBe(1)
    expect(lost.stdout).toMatch(/^❌ store: .*\n➖ write: Not checked, because store failed\.$/m)
    expect(lost.stdout).toEndWith('❌ Not ready: 1 of 18 checks failed\n')
    const [key = ''] = await putPrices(stage.lake, rowsFor('AAPL', DAY, DAY), 'day')
    await stage.lake.put(key, new TextEncoder().encode('PAR1'))
    const torn = documentOf(await stage.run(['doctor', '--json', ...LIST]))
    expect(torn.checks.find(({ name }) => name === 'read')).toMatchObject({ status: 'warn', value: key })
  })

  test.each([
    [['--bogus'], {}, 'unknown option --bogus'],
    [[], { FMP_API_KEY: '' }, 'FMP_API_KEY is not set'],
    [[], { FMP_API_KEY: 'key with blanks' }, 'FMP_API_KEY has blanks or characters that no key has.'],
    [[], { FMP_BASE_URL: 'https://financialmodelingprep.com' }, '--now is for rehearsals'],
  ])('%j with %j is a usage error, and nothing is asked or written', async (args, env, says) => {
    await using stage = await setS3Stage()
    const run = await stage.run(['doctor', ...args], { env })
    expect(run).toMatchObject({ code: 2, stdout: '', requests: [] })
    expect(run.stderr).toContain(says)
    expect(stage.s3.requests).toEqual([])
  })

  test('by a signal ends at once', async () => {
    await using stage = await setS3Stage()
    const running = stage.spawn(['doctor', ...LIST])
    stage.onRequest = () => {
      running.kill('SIGINT')
      return 'hang'
    }
    const run = await running.done
    expect(run).toMatchObject({ code: 130, stdout: '' })
    expect(run.stderr).toContain('Interrupted by SIGINT.')
  })
})

test('doctor loads neither the rate gate of a run, nor a store that it does not open', async () => {
  const loaded = await closureOf(join(ROOT, 'lib/commands/doctor/doctor.ts'))
  const names = [...loaded].map((path) => path.slice(ROOT.length + 1))
  expect(names).toContain('lib/fmp/request.ts')
  expect(
    names.filter((name) => /fmp\/(?:fmp|calls|rate-gate)|store\/(?:s3|folder)\/|pipeline\/uploads/.test(name)),
  ).toEqual([])
})

/** The files that are loaded with a file: types are not, nor what is imported when it is needed. */
async function closureOf(path: string, found = new Set<string>()): Promise<ReadonlySet<string>> {
  if (found.has(path)) return found
  found.add(path)
  const source = await Bun.file(path).text()
  const imports = new Bun.Transpiler({ loader: 'ts' }).scanImports(source)
  for (const { kind, path: target } of imports) {
    if (kind === 'import-statement' && target.startsWith('.')) await closureOf(join(dirname(path), target), found)
  }
  return found
}
