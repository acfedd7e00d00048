// What the conformance tests set up on the server: users, buckets, policies, and a lake as its owner sees it.
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  paginateListObjectsV2,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import type { Lake } from '../support/lakes/lake.ts'
import { radosgwAdmin, type ServerAddress } from './radosgw.ts'

/** The server that `bun run test:s3` has started. */
export const SERVER = serverFromEnvironment()

export type User = {
  readonly name: string
  /** For the program or the SDK. Also keeps the SDK away from the machine's own profile and metadata. */
  readonly env: Readonly<Record<string, string>>
  readonly secret: string
  readonly client: S3Client
}

export type Bucket = { readonly name: string; readonly owner: User; readonly lake: Lake }

function serverFromEnvironment(): ServerAddress {
  const { CONFORMANCE_S3_URL: url, CONFORMANCE_S3_CONF: confPath } = process.env
  if (url === undefined || confPath === undefined) {
    throw new Error('These tests need a server of their own: run them with `bun run test:s3`.')
  }
  return { url, confPath }
}

let created = 0

/** A name nobody has taken. */
function fresh(kind: string): string {
  created += 1
  return `${kind}-${process.pid}-${created}`
}

export async function admin(...args: readonly string[]): Promise<string> {
  return await radosgwAdmin(SERVER, ...args)
}

/** A new user with nothing to its name. */
export async function createUser(): Promise<User> {
  const name = fresh('user')
  const [accessKeyId, secret] = [`AKIA${name.toUpperCase()}`, `secret+/${crypto.randomUUID()}`]
  await admin('user', 'create', '--uid', name, '--display-name', name, '--access-key', accessKeyId, '--secret', secret)
  const env = {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secret,
    AWS_ENDPOINT_URL_S3: SERVER.url,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
  }
  const client = new S3Client({
    endpoint: SERVER.url,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey: secret },
  })
  return { name, env, secret, client }
}

let commonOwner: Promise<User> | undefined

/** A new bucket, of an owner of its own where the test does something to the owner. */
export async function createBucket(owner?: User): Promise<Bucket> {
  commonOwner ??= createUser()
  const holder = owner ?? (await commonOwner)
  const name = fresh('bucket')
  await holder.client.send(new CreateBucketCommand({ Bucket: name }))
  return { name, owner: holder, lake: bucketLake(name, holder) }
}

/** A statement of a policy, without whom it is for. */
export type Statement = Readonly<Record<string, unknown>> & {
  readonly Action: string | readonly string[]
  readonly Resource: string | readonly string[]
}

/** Lets `user` do just what the statements say, as the bucket's policy. */
export async function allow({ name, owner }: Bucket, user: User, statements: readonly Statement[]): Promise<void> {
  const principal = (who: User) => ({ AWS: [`arn:aws:iam:::user/${who.name}`] })
  const bucket = `arn:aws:s3:::${name}`
  // What another user has written belongs to that user, also here: the owner has to be let in.
  const all = { Effect: 'Allow', Action: 's3:*', Resource: [bucket, `${bucket}/*`], Principal: principal(owner) }
  const theirs = statements.map((statement) => ({ ...statement, Principal: principal(user) }))
  const policy = { Version: '2012-10-17', Statement: [all, ...theirs] }
  await owner.client.send(new PutBucketPolicyCommand({ Bucket: name, Policy: JSON.stringify(policy) }))
}

/** The statements of the policy that lib/store/README.md tells users to set, for this bucket. */
export async function policyOfReadme(bucket: string): Promise<readonly Statement[]> {
  const readme = await Bun.file(new URL('../../lib/store/README.md', import.meta.url)).text()
  const blocks = [...readme.matchAll(/^```json\n(.*?)^```$/gms)].map(([, json = '']) => json)
  const policies = blocks.filter((json) => json.includes('"Statement"'))
  if (policies.length !== 1) throw new Error(`lib/store/README.md shows ${policies.length} policies, not one.`)
  const text = policies.join('')
  if (!text.includes('arn:aws:s3:::my-bucket'))
    throw new Error('The policy in lib/store/README.md is not for "my-bucket".')
  const { Statement } = JSON.parse(text.replaceAll('my-bucket', bucket)) as { Statement: readonly Statement[] }
  return Statement
}

/** A bucket, and a user who may do in it just what lib/store/README.md says. */
export async function createBucketUnderPolicy(): Promise<{ readonly bucket: Bucket; readonly user: User }> {
  const bucket = await createBucket()
  const user = await createUser()
  await allow(bucket, user, await policyOfReadme(bucket.name))
  return { bucket, user }
}

function bucketLake(name: string, { client }: User): Lake {
  const Bucket = name
  return {
    out: `s3://${name}`,
    async keys() {
      const keys: string[] = []
      for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket })) {
        keys.push(...Contents.flatMap(({ Key }) => Key ?? []))
      }
      return keys.toSorted()
    },
    async bytes(key) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: key }))
      return (await Body?.transformToByteArray()) ?? new Uint8Array(0)
    },
    put: async (key, bytes) => void (await client.send(new PutObjectCommand({ Bucket, Key: key, Body: bytes }))),
    remove: async (key) => void (await client.send(new DeleteObjectCommand({ Bucket, Key: key }))),
  }
}
