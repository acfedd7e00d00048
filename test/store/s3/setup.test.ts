// Where the SDK's settings send requests: endpoints of variables and of the AWS files, their region, style and messages.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { describeError } from '../../../lib/core/errors.ts'
import { startFakeS3, type FakeS3 } from '../../support/servers/fake-s3.ts'
import { openTestStore, setAwsEnvironment } from '../../support/lakes/s3-store.ts'
import { makeTempFolder } from '../../support/lakes/temp-folder.ts'
import { failureOf } from '../../support/values.ts'

const CASES = `${import.meta.dir}/../../fixtures/cases`

let fake: FakeS3
let folder: Awaited<ReturnType<typeof makeTempFolder>>
let restore: () => void = () => undefined
beforeEach(async () => {
  fake = await startFakeS3()
  folder = await makeTempFolder()
})
afterEach(async () => {
  restore()
  await fake.stop()
  await folder.remove()
})

const NOWHERE = { AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_EC2_METADATA_DISABLED: 'true' }

/** Puts the SDK under a config file and variables. In the file, PORT is the port of the fake. */
async function useConfig(config: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
  const path = `${folder.path}/config`
  const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = fake.env()
  // Where AWS_PROFILE is set, the SDK does not take keys from variables.
  const keys = `aws_access_key_id = ${AWS_ACCESS_KEY_ID}\naws_secret_access_key = ${AWS_SECRET_ACCESS_KEY}`
  const text = config.replaceAll(/^\[(?:profile .*|default)\]$/gm, `$&\n${keys}`)
  await Bun.write(path, text.replaceAll('PORT', new URL(fake.url).port))
  restore()
  restore = setAwsEnvironment({ AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...NOWHERE, ...env, AWS_CONFIG_FILE: path })
}

const MINIO = { AWS_PROFILE: 'minio' }

describe('an endpoint of the AWS files', () => {
  // By name: for an address the SDK takes path style anyway.
  const PROFILES: readonly (readonly [name: string, config: string, env: Record<string, string>])[] = [
    ['of a profile', '[profile minio]\nregion = us-east-1\nendpoint_url = http://localhost:PORT', MINIO],
    ['of a profile without a region', '[profile minio]\nendpoint_url = http://localhost:PORT\n', MINIO],
    ['of the default profile', '[default]\nendpoint_url=http://localhost:PORT', {}],
    [
      'of a services section',
      '[profile minio]\nservices = local\n\n[services local]\ns3 =\n  endpoint_url = http://localhost:PORT\n',
      MINIO,
    ],
    [
      'of a services section, before that of the profile',
      '[profile minio]\nendpoint_url = http://localhost:1\nservices = local\n[services local]\ns3 =\n  endpoint_url = http://localhost:PORT\n',
      MINIO,
    ],
    [
      'that a variable overrides',
      '[default]\nendpoint_url = http://localhost:1\n',
      { AWS_ENDPOINT_URL_S3: 'http://localhost:PORT' },
    ],
    [
      'that AWS_ENDPOINT_URL overrides',
      '[default]\nendpoint_url = http://localhost:1\n',
      { AWS_ENDPOINT_URL: 'http://localhost:PORT' },
    ],
    [
      'that is ignored for a variable of S3',
      '[default]\nendpoint_url = http://localhost:1\n',
      { AWS_ENDPOINT_URL: 'http://localhost:1', AWS_ENDPOINT_URL_S3: 'http://localhost:PORT' },
    ],
  ]

  test.each(PROFILES)('%s is asked by path, in us-east-1 unless told', async (_name, config, env) => {
    const { port } = new URL(fake.url)
    const set = Object.entries(env).map(([name, value]) => [name, value.replace('PORT', port)])
    await useConfig(config, Object.fromEntries(set) as Record<string, string>)
    const store = await openTestStore()
    expect(await store.create('raw/a', new Uint8Array(1), {})).toBe('created')
    expect(await store.list('raw/')).toHaveLength(1)
    expect(await store.read('raw/a', undefined, 10)).toEqual(new Uint8Array(1))
    expect(new Set(fake.requests.map(({ headers }) => headers['host']))).toEqual(new Set([`localhost:${port}`]))
    expect(store.webPage?.('s3://test-bucket/raw/a')).toBeUndefined()
  })

  test('of the case aws-config-endpoint-url.ini reaches the store there, with its keys', async () => {
    const config = await Bun.file(`${CASES}/aws-config-endpoint-url.ini`).text()
    await useConfig(config.replace(':15151', ':PORT'), { ...MINIO, AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' })
    const error = await failureOf((await openTestStore()).list('raw/'))
    expect(fake.requests).toHaveLength(1)
    expect(fake.requests[0]).toMatchObject({ operation: 'list', query: { prefix: 'raw/' } })
    expect(fake.requests[0]?.headers['authorization']).toMatch(/AKIAIOSFODNN7EXAMPLE\/\d+\/us-east-1\/s3/)
    expect(describeError(error)).toContain('endpoint_url of the AWS profile "minio" is the store they are for')
  })

  test.each([
    ['where nobody listens', 'http://localhost:1', /no answer from the store .*14 tries/],
    ['that is no URL', 'nonsense', /endpoint_url of the AWS profile "minio" is no URL/],
    ['without a scheme', 'minio:9000', /no endpoint can be made of the settings/],
  ])('%s is blamed by its name, and no variable that is not set', async (_name, endpoint, message) => {
    await useConfig(`[profile minio]\nendpoint_url = ${endpoint}\n`, MINIO)
    const text = describeError(await failureOf((await openTestStore()).list('raw/')))
    expect(text).toMatch(message)
    expect(text).toContain('endpoint_url of the AWS profile "minio"')
    expect(text).not.toContain('AWS_ENDPOINT_URL')
  })

  test('in plain HTTP on another machine is warned of', async () => {
    await useConfig('[default]\nendpoint_url = http://minio.invalid:9000\n')
    const warnings: string[] = []
    await openTestStore({ onWarning: (text) => warnings.push(text) })
    expect(warnings).toEqual([
      expect.stringMatching(/^endpoint_url of the AWS profile "default" is plain HTTP.*https:\/\//),
    ])
  })

  test('that is to be ignored is ignored', async () => {
    const config = '[default]\nregion = eu-west-1\nendpoint_url = http://localhost:PORT\n'
    await useConfig(config, { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' })
    const urls: string[] = []
    const store = await openTestStore({
      fetch: async (url) => {
        urls.push(url)
        return new Response(null, { headers: { etag: '"x"' } })
      },
    })
    await store.replace('raw/a', new Uint8Array(1), {})
    expect(urls).toEqual(['https://test-bucket.s3.eu-west-1.amazonaws.com/raw/a'])
    expect(store.webPage?.('s3://test-bucket/raw/a')).toBe(
      'https://console.aws.amazon.com/s3/object/test-bucket?prefix=raw%2Fa',
    )
  })

  test('of a services section that is not there is a usage error that names the section', async () => {
    await useConfig('[profile minio]\nregion = us-east-1\nservices = locol\n[services local]\n', MINIO)
    const error = await failureOf(openTestStore())
    expect(error.kind).toBe('usage')
    expect(error.message).toContain('services of the AWS profile "minio" names the services section "locol"')
    expect(error.message).toContain('only local')
  })
})

describe('S3_ADDRESSING_STYLE', () => {
  test.each([
    ['virtual', 'https://store.example', 'https://test-bucket.store.example/raw/a'],
    ['path', 'https://store.example', 'https://store.example/test-bucket/raw/a'],
    [undefined, 'https://store.example', 'https://store.example/test-bucket/raw/a'],
    ['path', undefined, 'https://s3.eu-west-1.amazonaws.com/test-bucket/raw/a'],
    [undefined, undefined, 'https://test-bucket.s3.eu-west-1.amazonaws.com/raw/a'],
  ] as const)(
    '%s with the endpoint %s gives %s, for writes and listings',
    async (addressingStyle, endpoint, expected) => {
      await useConfig('', {
        AWS_REGION: 'eu-west-1',
        ...(endpoint === undefined ? {} : { AWS_ENDPOINT_URL_S3: endpoint }),
      })
      const urls: string[] = []
      const store = await openTestStore({
        addressingStyle,
        fetch: async (url) => {
          urls.push(url)
          return new Response('<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>', {
            headers: { etag: '"x"' },
          })
        },
      })
      await store.replace('raw/a', new Uint8Array(1), {})
      await store.list('raw/')
      expect(urls[0]).toBe(expected)
      expect(urls[1]?.replace(/\/?\?.*/, '')).toBe(expected.replace('/raw/a', ''))
    },
  )
})
