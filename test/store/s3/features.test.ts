// Stores that lack a feature of S3: the message names the feature and the setting that helps, and with the setting it works.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { describeError, type IngestError } from '../../../lib/core/errors.ts'
import type { Store } from '../../../lib/store/store.ts'
import { startFakeS3, type FakeRequest, type FakeS3, type Fault } from '../../support/servers/fake-s3.ts'
import { openTestStore, setAwsEnvironment } from '../../support/lakes/s3-store.ts'
import { makeTempFolder } from '../../support/lakes/temp-folder.ts'
import { failureOf as failureOfRunning } from '../../support/values.ts'

let fake: FakeS3
let restore: () => void
beforeEach(async () => {
  fake = await startFakeS3()
  restore = setAwsEnvironment(fake.env())
})
afterEach(async () => {
  restore()
  await fake.stop()
})

const KEY = 'raw/prices/symbol=A/year=2024/A-2024.parquet'
const BYTES = new Uint8Array(1_000)

const ACTS = {
  write: async (store: Store) => await store.create(KEY, BYTES, {}),
  refresh: async (store: Store) => await store.replace(KEY, BYTES, {}, 'tag'),
  'read of a list': async (store: Store) => await store.read('config/tickers.csv', undefined, 1_000),
  'read of a footer': async (store: Store) => await store.read(KEY, { suffixBytes: 100 }, 100),
  listing: async (store: Store) => await store.list('raw/prices/'),
}

async function failureOf(act: keyof typeof ACTS): Promise<IngestError> {
  return await failureOfRunning(ACTS[act](await openTestStore()))
}

type Case = readonly [store: string, act: keyof typeof ACTS, refusal: Fault, feature: RegExp, cure: RegExp]

function says(status: number, code: string, message: string, extra = ''): Fault {
  return { action: 'reply', status, code, message, extra }
}

const NOT_IMPLEMENTED = 'A header you provided implies functionality that is not implemented'
const CHECKSUM = /does not know the checksum header of a write \(x-amz-checksum-crc32\)/
const CHECKSUM_OFF = /^Set AWS_REQUEST_CHECKSUM_CALCULATION=WHEN_REQUIRED/
const ADDRESS = /is to be asked by https:\/\/bucket\.host \(virtual-hosted style\)/
const UNSAFE = /--allow-unsafe-store/

const CASES: readonly Case[] = [
  [
    'Backblaze B2',
    'write',
    says(400, 'InvalidArgument', "Unsupported header 'x-amz-checksum-crc32' received for this API call."),
    CHECKSUM,
    CHECKSUM_OFF,
  ],
  [
    'Cloudflare R2 of 2025',
    'write',
    says(501, 'NotImplemented', "Header 'x-amz-sdk-checksum-algorithm' with value 'CRC32' not implemented"),
    CHECKSUM,
    CHECKSUM_OFF,
  ],
  [
    'a store that names the header in a field',
    'write',
    says(501, 'NotImplemented', NOT_IMPLEMENTED, '<Header>x-amz-checksum-crc32</Header>'),
    CHECKSUM,
    CHECKSUM_OFF,
  ],
  [
    'a store that does not know checksums of reads',
    'read of a list',
    says(400, 'InvalidArgument', "Unsupported header 'x-amz-checksum-mode' received for this API call."),
    /checksum header of a read \(x-amz-checksum-mode\)/,
    /^Set AWS_RESPONSE_CHECKSUM_VALIDATION=WHEN_REQUIRED/,
  ],
  [
    'a bucket with object lock where the checksum is turned off',
    'write',
    says(
      400,
      'InvalidRequest',
      'Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters',
    ),
    /takes no file without a checksum header/,
    /^Unset AWS_REQUEST_CHECKSUM_CALCULATION/,
  ],
  [
    'Swift and Alibaba OSS',
    'write',
    says(501, 'NotImplemented', NOT_IMPLEMENTED),
    /has no create-only writes \(If-None-Match\)/,
    UNSAFE,
  ],
  [
    'AWS of 2018 and its copies',
    'write',
    says(501, 'NotImplemented', NOT_IMPLEMENTED, '<Header>If-None-Match</Header>'),
    /has no create-only writes \(If-None-Match\)/,
    UNSAFE,
  ],
  [
    'a store that refuses the condition by 400',
    'write',
    says(400, 'InvalidArgument', 'Conditional PUT (If-None-Match) is not supported'),
    /has no create-only writes \(If-None-Match\)/,
    UNSAFE,
  ],
  [
    'Alibaba OSS',
    'listing',
    says(403, 'SecondLevelDomainForbidden', 'Please use virtual hosted style to access.'),
    ADDRESS,
    /^Set S3_ADDRESSING_STYLE=virtual\./,
  ],
  [
    'Tencent COS',
    'listing',
    says(
      403,
      'PathStyleDomainForbidden',
      'The bucket you are attempting to access must be addressed using COS virtual-styled domain.',
    ),
    ADDRESS,
    /^Set S3_ADDRESSING_STYLE=virtual\./,
  ],
  [
    'Huawei OBS',
    'listing',
    says(405, 'VirtualHostDomainRequired', 'Virtual host domain is required when accessing a specific bucket.'),
    ADDRESS,
    /^Set S3_ADDRESSING_STYLE=virtual\./,
  ],
  [
    'a store for path style only',
    'listing',
    says(400, 'InvalidRequest', 'Use path-style requests for this endpoint.'),
    /is to be asked by https:\/\/host\/bucket \(path style\)/,
    /^Set S3_ADDRESSING_STYLE=path\./,
  ],
  [
    'a store that refuses parts of files',
    'read of a footer',
    says(501, 'NotImplemented', 'Range requests are not implemented', '<Header>Range</Header>'),
    /does not send parts of files \(Range\)/,
    /header Range/,
  ],
  [
    'Swift’s and other old listings',
    'listing',
    says(501, 'NotImplemented', 'The requested listing is not implemented'),
    /cannot list files by ListObjectsV2 \(list-type=2\)/,
    /newer version of the store/,
  ],
  [
    'R2’s emulator',
    'listing',
    says(400, 'InvalidArgument', "Unsupported header 'x-amz-security-token'"),
    /does not know session tokens/,
    /^Unset AWS_SESSION_TOKEN/,
  ],
  [
    'a store without metadata',
    'write',
    says(501, 'NotImplemented', NOT_IMPLEMENTED, '<Header>x-amz-meta-run-id</Header>'),
    /takes no metadata with a file/,
    /use another store/,
  ],
  [
    'a store of old signatures',
    'listing',
    says(400, 'InvalidArgument', 'Unsupported Authorization Type AWS4-HMAC-SHA256'),
    /does not know signatures of version 4/,
    /Turn them on/,
  ],
]

test.each(CASES)(
  '%s: the %s is told by the feature that the store lacks',
  async (...[, act, refusal, feature, cure]) => {
    fake.onRequest = () => refusal
    const error = await failureOf(act)
    expect(error).toMatchObject({ kind: 'store', scope: 'run' })
    expect(error.message).toMatch(feature)
    expect(error.hint).toMatch(cure)
    expect(describeError(error)).toContain('lib/store/README.md')
    expect(fake.requests).toHaveLength(1)
  },
)

test('a store that has If-None-Match and no If-Match is told so', async () => {
  fake.put(KEY, BYTES)
  fake.onRequest = ({ headers }) => ('if-match' in headers ? says(501, 'NotImplemented', NOT_IMPLEMENTED) : undefined)
  expect((await failureOf('refresh')).message).toContain('has no conditional writes (If-Match)')
})

test('a refusal that is about no feature keeps its own words', async () => {
  fake.onRequest = () => says(400, 'EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size')
  const { message } = await failureOf('write')
  expect(message).toContain('s3:PutObject was refused (400 EntityTooLarge Your proposed upload exceeds')
})

test('a store that sends the whole of a large file for a part is told by ranges', async () => {
  fake.put(KEY, BYTES)
  fake.ignoreRanges = true
  const { message, hint } = await failureOf('read of a footer')
  expect(message).toContain('does not send parts of files (Range): it sent 1000 bytes or more')
  expect(hint).toContain('pass the header Range')
})

test('a store that lists by ListObjects only is told by its listing', async () => {
  const entry =
    '<Contents><Key>raw/a</Key><LastModified>2024-01-01T00:00:00Z</LastModified><ETag>"a"</ETag><Size>1</Size></Contents>'
  const body = `<?xml version="1.0"?><ListBucketResult><IsTruncated>true</IsTruncated><NextMarker>raw/a</NextMarker>${entry}</ListBucketResult>`
  const store = await openTestStore({ fetch: async () => new Response(body) })
  const error: unknown = await ACTS.listing(store).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ message: expect.stringContaining('cannot list files by ListObjectsV2'), scope: 'run' })
})

test('a store without ranges from the end is asked for the whole file', async () => {
  fake.put(KEY, BYTES.subarray(0, 90))
  fake.onRequest = ({ headers }) => ('range' in headers ? says(416, 'InvalidRange', 'Invalid range') : undefined)
  const store = await openTestStore()
  expect(await ACTS['read of a footer'](store)).toEqual(new Uint8Array(90))
  fake.put(KEY, BYTES)
  expect((await failureOf('read of a footer')).message).toContain('does not send parts of files (Range)')
})

test('a store that answers 304 to a condition that does not hold (MinIO of early 2024) is understood', async () => {
  fake.onRequest = ({ operation, key }) =>
    operation === 'put' && fake.objects.has(key) ? says(304, 'NotModified', '') : undefined
  const store = await openTestStore()
  expect(await ACTS.write(store)).toBe('created')
  fake.put('raw/b', BYTES)
  expect(await store.create('raw/b', BYTES, {})).toBe('exists')
})

/** A store that does not know checksum headers. */
function withoutChecksums({ headers }: FakeRequest): Fault | undefined {
  const header = Object.keys(headers).find((name) => name.includes('checksum'))
  return header === undefined
    ? undefined
    : says(400, 'InvalidArgument', `Unsupported header '${header}' received for this API call.`)
}

/** Writes, reads and lists at such a store. */
async function useAll(): Promise<void> {
  fake.onRequest = withoutChecksums
  fake.put('config/tickers.csv', BYTES)
  const store = await openTestStore()
  expect(await ACTS.write(store)).toBe('created')
  expect(await ACTS['read of a list'](store)).toEqual(BYTES)
  expect(await ACTS['read of a footer'](store)).toEqual(BYTES.subarray(0, 100))
  expect(await ACTS.listing(store)).toHaveLength(1)
}

describe('the setting', () => {
  test('AWS_REQUEST_CHECKSUM_CALCULATION=WHEN_REQUIRED is honoured by every request', async () => {
    restore()
    const off = { AWS_REQUEST_CHECKSUM_CALCULATION: 'WHEN_REQUIRED', AWS_RESPONSE_CHECKSUM_VALIDATION: 'WHEN_REQUIRED' }
    restore = setAwsEnvironment({ ...fake.env(), ...off })
    await useAll()
  })

  test('request_checksum_calculation of the profile is honoured too', async () => {
    restore()
    const folder = await makeTempFolder()
    const lines = [
      '[default]',
      'request_checksum_calculation = when_required',
      'response_checksum_validation = when_required',
    ]
    await Bun.write(`${folder.path}/config`, lines.join('\n'))
    restore = setAwsEnvironment({ ...fake.env(), AWS_CONFIG_FILE: `${folder.path}/config` })
    await useAll()
    await folder.remove()
  })
})
