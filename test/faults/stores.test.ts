// What the real program says of a store that refuses, lacks a feature, or stays out of order; and how it reaches a store by
// an AWS profile or a proxy.
import { describe, expect, test } from 'bun:test'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { barsFor } from '../support/bars.ts'
import type { Fault } from '../support/servers/fake-s3.ts'
import { disposableFolder, isDataKey } from '../support/lakes/lake.ts'
import { setS3Stage, type S3Stage } from '../support/runs/stage.ts'

const DAY = '2024-09-16'
const THREE = ['A', 'B', 'C']
const LIST = ['--tickers', THREE.join(',')]

async function setBucket(symbols = THREE): Promise<S3Stage> {
  return await setS3Stage({ bars: barsFor(symbols, DAY, DAY) })
}

function says(status: number, code: string, message: string): Fault {
  return { action: 'reply', status, code, message }
}

/** The lines of stderr that begin with this sign. */
function lines(stderr: string, sign: string): string[] {
  return stderr.split('\n').filter((line) => line.startsWith(sign))
}

describe.concurrent('a store that is out of order for ever', () => {
  test.each([
    [503, 'SlowDown'],
    [500, 'InternalError'],
    [409, 'ConditionalRequestConflict'],
  ])('(%i) costs one wait, not one for each of thirteen files, and the wait is said once', async (status, code) => {
    const symbols = Array.from({ length: 13 }, (_, index) => `S${index}`)
    await using stage = await setBucket(symbols)
    stage.s3.onRequest = ({ operation }) => (operation === 'put' ? says(status, code, 'Please try again') : undefined)
    const env = { MAX_WORKERS: '13' }
    const run = await stage.run(['--tickers', symbols.join(',')], { env, isShared: true })
    expect(run.code).toBe(1)
    const puts = stage.s3.requests.filter(({ operation }) => operation === 'put').map(({ key }) => key)
    const dataKeys = new Set(puts.filter(isDataKey))
    expect(dataKeys.size).toBe(1)
    // Fourteen tries of one file, and fourteen of the metrics.
    expect(puts).toHaveLength(28)
    const [wait = '', ...others] = lines(run.stderr, '⚠️').filter((line) => line.includes('Waiting'))
    expect(others).toEqual([])
    expect(wait).toContain(
      `s3://test-bucket/${[...dataKeys].join('')}: the store is busy or out of order (${status} ${code})`,
    )
    expect(wait).toContain('for more than 5 s')
  })

  test('that does not answer at all is said as well', async () => {
    await using stage = await setBucket()
    let isFirst = true
    stage.s3.onRequest = () => {
      const fault = isFirst ? ({ action: 'hang' } as const) : undefined
      isFirst = false
      return fault
    }
    const run = await stage.spawn(LIST, { warp: 10 }).done
    expect(run.code).toBe(0)
    // On a busy machine a later request may seem slow too.
    const [first] = lines(run.stderr, '⚠️')
    expect(first).toMatch(/Waiting for the store for more than 5 s: .*: no answer yet\. The run goes on/)
  })

  test('but a run without a long wait says nothing of one', async () => {
    await using stage = await setBucket()
    const run = await stage.spawn(LIST).done
    expect({ code: run.code, wait: run.stderr.includes('Waiting') }).toEqual({ code: 0, wait: false })
  })
})

describe.concurrent('a refusal gets its own cure:', () => {
  const ROLE = 'User: arn:aws:sts::123456789012:assumed-role/fmp-ingest/x is not authorized to perform'
  const NO_POLICY = 'because no identity-based policy allows the'
  const REFUSALS: readonly (readonly [name: string, operation: 'put' | 'list', refusal: Fault, text: RegExp])[] = [
    [
      'a role session without s3:PutObject',
      'put',
      says(
        403,
        'AccessDenied',
        `${ROLE}: s3:PutObject on resource: "arn:aws:s3:::test-bucket/raw/x" ${NO_POLICY} s3:PutObject action`,
      ),
      /access denied to s3:PutObject on arn:aws:s3:::test-bucket\/raw\/prices\/\*: no identity-based policy allows it to the role fmp-ingest .*\. Allow s3:PutObject on arn:aws:s3:::test-bucket\/raw\/prices\/\* in a policy of the role fmp-ingest/,
    ],
    [
      'a role session without s3:ListBucket',
      'list',
      says(
        403,
        'AccessDenied',
        `${ROLE}: s3:ListBucket on resource: "arn:aws:s3:::test-bucket" ${NO_POLICY} s3:ListBucket action`,
      ),
      /access denied to s3:ListBucket on arn:aws:s3:::test-bucket for the prefix raw\/prices\/\*/,
    ],
    [
      'a role session without kms:GenerateDataKey',
      'put',
      says(
        403,
        'AccessDenied',
        `${ROLE}: kms:GenerateDataKey on resource: "arn:aws:kms:eu-west-1:123456789012:key/1234" ${NO_POLICY} kms:GenerateDataKey action`,
      ),
      /Allow kms:GenerateDataKey on arn:aws:kms:eu-west-1:123456789012:key\/1234 in a policy of the role fmp-ingest/,
    ],
    [
      'an explicit deny in a resource-based policy',
      'put',
      says(
        403,
        'AccessDenied',
        `${ROLE}: s3:PutObject on resource: "arn:aws:s3:::test-bucket/raw/x" with an explicit deny in a resource-based policy`,
      ),
      /the policy of the bucket "test-bucket" denies it to the role fmp-ingest .*Except the role fmp-ingest/,
    ],
    [
      'a store without checksum headers',
      'put',
      says(400, 'InvalidArgument', "Unsupported header 'x-amz-checksum-crc32' received for this API call."),
      /does not know the checksum header.*AWS_REQUEST_CHECKSUM_CALCULATION=WHEN_REQUIRED/,
    ],
    [
      'a store for virtual hosts',
      'list',
      says(403, 'SecondLevelDomainForbidden', 'Please use virtual hosted style to access.'),
      /virtual-hosted style.*S3_ADDRESSING_STYLE=virtual/,
    ],
  ]
  test.each(REFUSALS)('%s', async (_name, operation, refusal, text) => {
    await using stage = await setBucket()
    stage.s3.onRequest = (asked) => (asked.operation === operation ? refusal : undefined)
    const run = await stage.run(LIST, { isShared: true })
    expect(run.code).toBe(1)
    expect(run.stderr).toMatch(text)
    expect(run.stderr).not.toContain('trust policy')
  })

  test('a store without checksum headers is used with AWS_REQUEST_CHECKSUM_CALCULATION=WHEN_REQUIRED', async () => {
    await using stage = await setBucket()
    stage.s3.onRequest = ({ headers }) => {
      const header = Object.keys(headers).find((name) => /x-amz-(sdk-)?checksum-(crc|alg)/.test(name))
      return header === undefined ? undefined : says(400, 'InvalidArgument', `Unsupported header '${header}'`)
    }
    const run = await stage.spawn(LIST, { env: { AWS_REQUEST_CHECKSUM_CALCULATION: 'WHEN_REQUIRED' } }).done
    expect({ code: run.code, files: run.changed.length }).toEqual({ code: 0, files: 3 })
  })
})

/** Takes out what the stage sets by variables. */
const NO_VARIABLES = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_REGION: '', AWS_ENDPOINT_URL_S3: '' }

/** The lines of a profile with the keys of the fake. */
function keysOf({ s3 }: S3Stage): string {
  const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = s3.env()
  return `aws_access_key_id = ${AWS_ACCESS_KEY_ID}\naws_secret_access_key = ${AWS_SECRET_ACCESS_KEY}\n`
}

describe.concurrent('an AWS profile', () => {
  test.each<[string, (url: string, keys: string) => string]>([
    ['with endpoint_url', (url, keys) => `[profile minio]\nregion = us-east-1\nendpoint_url = ${url}\n${keys}`],
    [
      'with a services section',
      (url, keys) => `[profile minio]\nservices = local\n${keys}[services local]\ns3 =\n  endpoint_url = ${url}\n`,
    ],
  ])('%s is all that a run needs', async (_name, configOf) => {
    await using temp = await disposableFolder()
    await using stage = await setBucket()
    const url = stage.s3.url.replace('127.0.0.1', 'localhost')
    await Bun.write(join(temp.path, 'config'), configOf(url, keysOf(stage)))
    const env = { ...NO_VARIABLES, AWS_PROFILE: 'minio', AWS_CONFIG_FILE: join(temp.path, 'config') }
    const run = await stage.spawn(LIST, { env }).done
    expect({ code: run.code, files: run.changed.length }).toEqual({ code: 0, files: 3 })
    expect(run.stderr).not.toContain('⚠️')
  })

  test.each<[string, Record<string, string>, RegExp]>([
    ['that is not there', { AWS_PROFILE: 'nosuch' }, /AWS_PROFILE names the profile "nosuch".*have only minio/],
    [
      'whose credential_process is missing',
      { AWS_PROFILE: 'minio' },
      /starts \/opt\/nowhere\/keys, which is not there/,
    ],
    [
      'in place of which half a key pair is set',
      { AWS_ACCESS_KEY_ID: 'AKID' },
      /AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not/,
    ],
  ])('%s is told before the first call', async (_name, variables, text) => {
    await using temp = await disposableFolder()
    await using stage = await setBucket()
    await Bun.write(join(temp.path, 'config'), '[profile minio]\ncredential_process = /opt/nowhere/keys\n')
    const env = { ...NO_VARIABLES, AWS_REGION: 'us-east-1', AWS_CONFIG_FILE: join(temp.path, 'config'), ...variables }
    const run = await stage.spawn(LIST, { env }).done
    expect({ code: run.code, calls: run.requests.length }).toEqual({ code: 1, calls: 0 })
    expect(lines(run.stderr, '❌')).toEqual([expect.stringMatching(text)])
  })
})

/** A proxy that passes everything on to `url`, whatever host it is asked for. */
async function startProxy(url: string): Promise<{ server: Server; address: string; asked: string[] }> {
  const asked: string[] = []
  const { port } = new URL(url)
  const server = createServer((incoming, response) => {
    asked.push(incoming.url ?? '')
    const path = (incoming.url ?? '').replace(/^https?:\/\/[^/]+/, '')
    const { method, headers } = incoming
    const passed = request({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    incoming.pipe(passed)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

describe.concurrent('a proxy', () => {
  test.each(['HTTP_PROXY', 'http_proxy'])('in %s is asked for the store as it is for FMP', async (name) => {
    await using stage = await setBucket()
    const proxy = await startProxy(stage.s3.url)
    const env = { AWS_ENDPOINT_URL_S3: 'http://store.invalid:9000', [name]: proxy.address }
    const run = await stage.spawn(LIST, { env }).done
    proxy.server.close()
    expect({ code: run.code, files: run.changed.length }).toEqual({ code: 0, files: 3 })
    expect(proxy.asked).toHaveLength(stage.s3.requests.length)
    expect(new Set(stage.s3.requests.map(({ operation }) => operation))).toEqual(new Set(['list', 'put']))
    for (const url of proxy.asked) expect(url).toStartWith('http://store.invalid:9000/test-bucket')
  })

  test('is not asked for a store that NO_PROXY names', async () => {
    await using stage = await setBucket()
    const proxy = await startProxy(stage.s3.url)
    const url = stage.s3.url.replace('127.0.0.1', '0.0.0.0')
    const run = await stage.spawn(LIST, {
      env: { AWS_ENDPOINT_URL_S3: url, HTTP_PROXY: proxy.address, NO_PROXY: '0.0.0.0' },
    }).done
    proxy.server.close()
    expect({ code: run.code, asked: proxy.asked }).toEqual({ code: 0, asked: [] })
  })
})
