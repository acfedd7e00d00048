// Settings for credentials that lack something: the message names what is set and what lacks, and the hint completes it.
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { IngestError } from '../../../lib/core/errors.ts'
import { openTestStore, setAwsEnvironment } from '../../support/lakes/s3-store.ts'
import { makeTempFolder } from '../../support/lakes/temp-folder.ts'

let folder: Awaited<ReturnType<typeof makeTempFolder>>
let restore: () => void = () => undefined
beforeEach(async () => {
  folder = await makeTempFolder()
})
afterEach(async () => {
  restore()
  await folder.remove()
})

type Case = {
  readonly env?: Readonly<Record<string, string>>
  readonly config?: string
  readonly credentials?: string
  readonly says: RegExp
  readonly cure: RegExp
}

const KEYS = 'aws_access_key_id = AKIDAKIDAKID\naws_secret_access_key = secret\n'

const CASES: Readonly<Record<string, Case>> = {
  'AWS_PROFILE=nosuch': {
    env: { AWS_PROFILE: 'nosuch' },
    config: `[default]\n${KEYS}[profile work]\n${KEYS}`,
    credentials: `[old]\n${KEYS}`,
    says: /AWS_PROFILE names the profile "nosuch", and \/.*config and \/.*credentials have only default, old, work/,
    cure: /^Add the profile to the AWS config file, or name another one\./,
  },
  'AWS_PROFILE and no files': {
    env: { AWS_PROFILE: 'nosuch' },
    says: /AWS_PROFILE names the profile "nosuch", and .* have no such section/,
    cure: /^Add the profile/,
  },
  'AWS_PROFILE with a word too many': {
    env: { AWS_PROFILE: 'profile work' },
    config: `[profile work]\n${KEYS}`,
    says: /names the profile "profile work", and .* have only work/,
    cure: /name another one/,
  },
  'AWS_PROFILE beside keys': {
    env: { AWS_PROFILE: 'nosuch', AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'secret' },
    says: /"nosuch".*; AWS_ACCESS_KEY_ID is set and not used, because AWS_PROFILE is set$/,
    cure: /^Add the profile/,
  },
  'a key id without its secret': {
    env: { AWS_ACCESS_KEY_ID: 'AKIDAKIDAKID' },
    says: /; AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not$/,
    cure: /^Set AWS_SECRET_ACCESS_KEY too, or unset AWS_ACCESS_KEY_ID\.$/,
  },
  'a secret without its key id': {
    env: { AWS_SECRET_ACCESS_KEY: 'hidden-secret' },
    says: /; AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not$/,
    cure: /^Set AWS_ACCESS_KEY_ID too/,
  },
  'a session token alone': {
    env: { AWS_SESSION_TOKEN: 'hidden-secret' },
    says: /; AWS_SESSION_TOKEN is set and AWS_ACCESS_KEY_ID is not$/,
    cure: /^Set AWS_ACCESS_KEY_ID too, or unset AWS_SESSION_TOKEN\.$/,
  },
  'a role without its token': {
    env: { AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/x' },
    says: /; AWS_ROLE_ARN is set and AWS_WEB_IDENTITY_TOKEN_FILE is not$/,
    cure: /^Set AWS_WEB_IDENTITY_TOKEN_FILE too/,
  },
  'a missing credential_process': {
    env: { AWS_PROFILE: 'work' },
    config: '[profile work]\ncredential_process = /opt/nowhere/give-keys --for work\n',
    says: /credential_process of the AWS profile "work" starts \/opt\/nowhere\/give-keys, which is not there or may not be run$/,
    cure: /^Install that program, or correct its path/,
  },
  'a missing credential_process whose path is quoted': {
    env: { AWS_PROFILE: 'work' },
    config: '[profile work]\ncredential_process = "/opt/no where/give-keys" --for work\n',
    says: /starts \/opt\/no where\/give-keys, which is not there/,
    cure: /^Install that program/,
  },
  'a profile with a key id and no secret': {
    env: { AWS_PROFILE: 'work' },
    config: '[profile work]\naws_access_key_id = AKID\n',
    says: /the AWS profile "work" has aws_access_key_id and no aws_secret_access_key$/,
    cure: /^Add aws_secret_access_key to that profile/,
  },
  'the default profile in the credentials file, with a key id and no secret': {
    credentials: '[default]\naws_access_key_id = AKID\n',
    says: /the AWS profile "default" has aws_access_key_id and no aws_secret_access_key$/,
    cure: /^Add aws_secret_access_key to that profile/,
  },
  'a profile with a role and no source': {
    env: { AWS_PROFILE: 'work' },
    config: '[profile work]\nrole_arn = arn:aws:iam::123456789012:role/x\n',
    says: /has role_arn and no source_profile or credential_source or web_identity_token_file$/,
    cure: /^Add source_profile to that profile/,
  },
  'a profile whose source is not there': {
    env: { AWS_PROFILE: 'work' },
    config: `[profile work]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = bas\n[profile base]\n${KEYS}`,
    says: /source_profile of the AWS profile "work" names the profile "bas", and .* have only base, work$/,
    cure: /^Add the profile/,
  },
  'a profile whose sso-session is not there': {
    env: { AWS_PROFILE: 'work' },
    config: '[profile work]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = x\n',
    says: /sso_session of the AWS profile "work" names the sso-session section "corp", and .* have no such section$/,
    cure: /^Add the sso-session section/,
  },
  'a profile whose token file is not there': {
    env: { AWS_PROFILE: 'work' },
    config:
      '[profile work]\nrole_arn = arn:aws:iam::123456789012:role/x\nweb_identity_token_file = /opt/nowhere/token\n',
    says: /web_identity_token_file of the AWS profile "work" names \/opt\/nowhere\/token, which does not exist$/,
    cure: /^Name a file there/,
  },
  'a profile with a region alone': {
    env: { AWS_PROFILE: 'work' },
    config: '[profile work]\nregion = eu-west-1\n',
    says: /the AWS profile "work" has nothing that gives credentials$/,
    cure: /^Add aws_access_key_id and aws_secret_access_key to it/,
  },
  nothing: {
    says: /no AWS credentials found \([^)]*\)$/,
    cure: /^Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE/,
  },
}

test.each(Object.entries(CASES))(
  '%s: what is set and what lacks',
  async (_name, { env = {}, config, credentials, says, cure }) => {
    for (const [name, text] of Object.entries({ config, credentials })) {
      if (text !== undefined) await Bun.write(`${folder.path}/${name}`, text)
    }
    restore = setAwsEnvironment({
      AWS_REGION: 'eu-west-1',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: config === undefined ? '/dev/null' : `${folder.path}/config`,
      AWS_SHARED_CREDENTIALS_FILE: credentials === undefined ? '/dev/null' : `${folder.path}/credentials`,
      ...env,
    })
    const store = await openTestStore({ fetch: () => Promise.reject(new Error('Nothing may be sent')) })
    const errors = [store.list('raw/'), store.replace('raw/a', new Uint8Array(1), {})].map((running) =>
      running.catch((thrown: unknown) => thrown),
    )
    for (const error of await Promise.all(errors)) {
      if (!(error instanceof IngestError)) throw error
      expect({ kind: error.kind, scope: error.scope }).toEqual({ kind: 'store', scope: 'run' })
      expect(error.message).toContain('no AWS credentials found')
      expect(error.message).toMatch(says)
      expect(error.hint).toMatch(cure)
      expect(error.message).not.toContain('hidden-secret')
    }
  },
)
