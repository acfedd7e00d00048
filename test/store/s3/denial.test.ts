// Denied requests: the message names the right, on what, for whom, and the policy that denies it; the hint is its cure.
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { describeError, IngestError } from '../../../lib/core/errors.ts'
import { startFakeS3, type FakeS3 } from '../../support/servers/fake-s3.ts'
import { openTestStore, setAwsEnvironment } from '../../support/lakes/s3-store.ts'

let fake: FakeS3
let restore: () => void
beforeEach(async () => {
  fake = await startFakeS3({ bucket: 'lake' })
  restore = setAwsEnvironment(fake.env())
})
afterEach(async () => {
  restore()
  await fake.stop()
})

const ROLE = 'arn:aws:sts::123456789012:assumed-role/fmp-ingest/x'
const THE_ROLE = 'the role fmp-ingest (account 123456789012)'
const DAY = 'raw/prices/symbol=AAPL/year=2024/month=09/AAPL-2024-09-30.parquet'
const PRICES = 'arn:aws:s3:::lake/raw/prices/*'
const KMS_KEY = 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab'

/** The sentence of AWS for a role. */
function user(action: string, resource: string, reason: string, caller = ROLE): string {
  return `User: ${caller} is not authorized to perform: ${action} on resource: ${resource} ${reason}`
}

type Case = {
  readonly said: string
  readonly cause: string
  readonly cure: string
  readonly key?: string
  readonly does?: 'write' | 'read' | 'list'
}

const put = (reason: string) => user('s3:PutObject', `"arn:aws:s3:::lake/${DAY}"`, reason)

const CASES: Readonly<Record<string, Case>> = {
  'a role session that may not write the probe of a check': {
    said: user(
      's3:PutObject',
      '"arn:aws:s3:::lake/logs/ingest/doctor/probe"',
      'because no identity-based policy allows it',
    ),
    key: 'logs/ingest/doctor/probe',
    cause: `access denied to s3:PutObject on arn:aws:s3:::lake/logs/ingest/*: no identity-based policy`,
    cure: `Allow s3:PutObject on arn:aws:s3:::lake/logs/ingest/* in a policy of ${THE_ROLE}.`,
  },
  'a role session that lacks s3:PutObject': {
    said: put('because no identity-based policy allows the s3:PutObject action'),
    cause: `access denied to s3:PutObject on ${PRICES}: no identity-based policy allows it to ${THE_ROLE}`,
    cure: `Allow s3:PutObject on ${PRICES} in a policy of ${THE_ROLE}.`,
  },
  'a role session that lacks s3:ListBucket': {
    said: user(
      's3:ListBucket',
      '"arn:aws:s3:::lake"',
      'because no identity-based policy allows the s3:ListBucket action',
    ),
    does: 'list',
    key: 'raw/prices/symbol=AAPL/',
    cause: `access denied to s3:ListBucket on arn:aws:s3:::lake for the prefix raw/prices/*: no identity-based policy`,
    cure: `Allow s3:ListBucket on arn:aws:s3:::lake for the prefix raw/prices/* in a policy of ${THE_ROLE}.`,
  },
  'a role session that lacks s3:ListBucket and reads a file that is not there': {
    said: user(
      's3:ListBucket',
      '"arn:aws:s3:::lake"',
      'because no identity-based policy allows the s3:ListBucket action',
    ),
    does: 'read',
    cause: 'access denied to s3:ListBucket on arn:aws:s3:::lake for the prefix raw/prices/*',
    cure: 'Allow s3:ListBucket on arn:aws:s3:::lake for the prefix raw/prices/*',
  },
  'a role session that lacks s3:GetObject, of a statement': {
    said: user(
      's3:GetObject',
      '"arn:aws:s3:::lake/x"',
      'because no identity-based policy allows the s3:GetObject action',
    ),
    does: 'read',
    key: 'raw/fundamentals/type=income/symbol=AAPL/AAPL-2023-annual.parquet',
    cause: 'access denied to s3:GetObject on arn:aws:s3:::lake/raw/fundamentals/*: no identity-based policy',
    cure: `Allow s3:GetObject on arn:aws:s3:::lake/raw/fundamentals/* in a policy of ${THE_ROLE}.`,
  },
  'a role session that lacks the right to the metrics': {
    said: user('s3:PutObject', '"arn:aws:s3:::lake/x"', 'because no session policy allows the s3:PutObject action'),
    key: 'logs/ingest/date=2024-09-30/run-1.json',
    cause: 'access denied to s3:PutObject on arn:aws:s3:::lake/logs/ingest/*: no session policy allows it',
    cure: `Allow s3:PutObject on arn:aws:s3:::lake/logs/ingest/* in the session policy of ${THE_ROLE}.`,
  },
  'a role session that lacks kms:GenerateDataKey': {
    said: user(
      'kms:GenerateDataKey',
      `"${KMS_KEY}"`,
      'because no identity-based policy allows the kms:GenerateDataKey action',
    ),
    cause: `access denied to kms:GenerateDataKey on ${KMS_KEY}: no identity-based policy allows it to ${THE_ROLE}`,
    cure: `Allow kms:GenerateDataKey on ${KMS_KEY} in a policy of ${THE_ROLE}. The bucket is encrypted with that key`,
  },
  'a key of another region, with a reason of its own': {
    said: user(
      'kms:Decrypt',
      KMS_KEY,
      'because the resource does not exist in this Region, or a resource-based policy explicitly denies access',
    ),
    does: 'read',
    cause: `access denied to kms:Decrypt on ${KMS_KEY} for ${THE_ROLE} (the store says: because the resource does not exist in this Region`,
    cure: `Allow kms:Decrypt on ${KMS_KEY} for ${THE_ROLE}.`,
  },
  'an explicit deny in a resource-based policy': {
    said: put('with an explicit deny in a resource-based policy'),
    cause: `access denied to s3:PutObject on ${PRICES}: the policy of the bucket "lake" denies it to ${THE_ROLE}`,
    cure: `Except ${THE_ROLE} from that deny: it outweighs every policy that allows the action.`,
  },
  'an explicit deny in an identity-based policy that is named': {
    said: put('with an explicit deny in an identity-based policy: arn:aws:iam::123456789012:policy/Guard'),
    cause: `a policy of ${THE_ROLE} (arn:aws:iam::123456789012:policy/Guard) denies it`,
    cure: `Except ${THE_ROLE} from that deny`,
  },
  'an explicit deny in a service control policy': {
    said: put('with an explicit deny in a service control policy'),
    cause: 'the service control policy of the AWS organization denies it',
    cure: `Except ${THE_ROLE} from that deny`,
  },
  'an explicit deny in a resource control policy': {
    said: put('with an explicit deny in a resource control policy'),
    cause: 'the resource control policy of the AWS organization denies it',
    cure: `Except ${THE_ROLE} from that deny`,
  },
  'a VPC endpoint without the right': {
    said: put('because no VPC endpoint policy allows the s3:PutObject action'),
    cause: 'no VPC endpoint policy allows it',
    cure: `Allow s3:PutObject on ${PRICES} in the policy of the VPC endpoint.`,
  },
  'a user with a permissions boundary': {
    said: user(
      's3:PutObject',
      `"arn:aws:s3:::lake/${DAY}"`,
      'because no permissions boundary allows the s3:PutObject action',
      'arn:aws:iam::123456789012:user/ci/ingest',
    ),
    cause: 'no permissions boundary allows it to the user ingest (account 123456789012)',
    cure: `Allow s3:PutObject on ${PRICES} in the permissions boundary of the user ingest (account 123456789012).`,
  },
  'a role in China': {
    said: user(
      's3:PutObject',
      '"arn:aws-cn:s3:::lake/x"',
      'because no identity-based policy allows the s3:PutObject action',
      'arn:aws-cn:sts::123456789012:assumed-role/fmp-ingest/x',
    ),
    cause: 'access denied to s3:PutObject on arn:aws-cn:s3:::lake/raw/prices/*',
    cure: 'Allow s3:PutObject on arn:aws-cn:s3:::lake/raw/prices/*',
  },
  'a caller without credentials, and a ticker list': {
    said: user(
      's3:GetObject',
      '"arn:aws:s3:::lake/config/tickers.csv"',
      'because no resource-based policy allows the s3:GetObject action',
      'anonymous',
    ),
    does: 'read',
    key: 'config/tickers.csv',
    cause:
      'access denied to s3:GetObject on arn:aws:s3:::lake/config/tickers.csv: no resource-based policy allows it to anonymous',
    cure: 'Allow s3:GetObject on arn:aws:s3:::lake/config/tickers.csv in the policy of the bucket "lake".',
  },
  'a store that does not say why': {
    said: 'Access Denied',
    cause: 'access denied to s3:PutObject (the store says: Access Denied)',
    cure: `Allow s3:PutObject on ${PRICES}. Replacing a stored file takes s3:GetObject as well.`,
  },
  'a role that may not be taken on, by its trust policy': {
    said: 'Not authorized to perform sts:AssumeRoleWithWebIdentity',
    cause: 'access denied to sts:AssumeRoleWithWebIdentity for the caller',
    cure: 'The role could not be taken on: check its trust policy, AWS_ROLE_ARN',
  },
  'a role that may not be taken on by a user': {
    said: user(
      'sts:AssumeRole',
      'arn:aws:iam::123456789012:role/fmp-ingest',
      '',
      'arn:aws:iam::123456789012:user/ci',
    ).trim(),
    cause:
      'access denied to sts:AssumeRole on arn:aws:iam::123456789012:role/fmp-ingest for the user ci (account 123456789012)',
    cure: 'The role could not be taken on: check its trust policy',
  },
  'a role that may not be taken on, because the user lacks the right': {
    said: user(
      'sts:AssumeRole',
      'arn:aws:iam::123456789012:role/fmp-ingest',
      'because no identity-based policy allows the sts:AssumeRole action',
      'arn:aws:iam::123456789012:user/ci',
    ),
    cause: 'no identity-based policy allows it to the user ci (account 123456789012)',
    cure: 'Allow sts:AssumeRole on arn:aws:iam::123456789012:role/fmp-ingest in a policy of the user ci (account 123456789012).',
  },
}

test.each(Object.entries(CASES))(
  '%s: the right, its place and the cure',
  async (_name, { said, cause, cure, key = DAY, does = 'write' }) => {
    fake.onRequest = () => ({ action: 'reply', status: 403, code: 'AccessDenied', message: said })
    const store = await openTestStore({ bucket: 'lake' })
    const act = {
      write: async () => await store.create(key, new Uint8Array(1), {}),
      read: async () => await store.read(key, { suffixBytes: 8 }, 8),
      list: async () => await store.list(key),
    }
    const error: unknown = await act[does]().catch((thrown: unknown) => thrown)
    if (!(error instanceof IngestError)) throw error
    const text = describeError(error)
    expect({ kind: error.kind, scope: error.scope }).toEqual({ kind: 'store', scope: 'run' })
    expect(text).toStartWith(`s3://lake/${key}: access denied to `)
    expect(text).toContain(cause)
    expect(error.hint).toStartWith(cure)
    if (!said.includes('sts:')) expect(text).not.toContain('trust policy')
    if (key.includes('=')) expect(error.hint).not.toContain('symbol=')
  },
)
