// A denied request: which right is missing, on what, and which policy denies it, read from the sentence that AWS sends.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
import { oneLine } from '../../core/text.ts'
import type { Failure } from './sdk-error.ts'
import type { Explanation, Operation } from './errors.ts'

/** The parts of the sentence. `caller` and `reason` are empty where it has none. */
type Denial = {
  readonly caller: string
  /** `s3:PutObject` */
  readonly action: string
  readonly resource: string
  /** `because no identity-based policy allows the s3:PutObject action` */
  readonly reason: string
}

const SENTENCE =
  /^(?:User: (?<caller>\S+) is )?not authorized to perform:? (?<action>[\w-]+:\w+)(?: on resource: "?(?<resource>[^"\s]+)"?)?(?<reason>.*)$/i

/** Explains a response with status 401 or 403. */
export function explainDenial({ code, said }: Failure, operation: Operation): Explanation {
  const denial = parseDenial(said)
  if (denial === undefined) {
    const { permission } = operation
    const what = `access denied to ${permission} (${said === '' ? code : `the store says: ${said}`})`
    return { what, hint: `Allow ${permission} on ${resourceOf(operation)}.${OTHER_REASONS[permission]}` }
  }
  const { action, reason } = denial
  const caller = callerOf(denial.caller)
  const on = action.startsWith('s3:') ? resourceOf(operation, denial) : oneLine(denial.resource, 300)
  const right = on === '' ? action : `${action} on ${on}`
  const policy = policyOf(denial, operation)
  const more = action.startsWith('kms:') ? KMS_NOTE : ''
  if (policy === undefined) {
    const why = reason.trim() === '' ? '' : ` (the store says: ${oneLine(reason, 300)})`
    const hint = action.startsWith('sts:') ? ROLE_HINT : `Allow ${right} for ${caller}.${more}`
    return { what: `access denied to ${right} for ${caller}${why}`, hint }
  }
  if (policy.isDeny) {
    const hint = `Except ${caller} from that deny: it outweighs every policy that allows the action.`
    const whom = policy.one.includes(caller) ? '' : ` to ${caller}`
    return { what: `access denied to ${right}: ${policy.one} denies it${whom}`, hint }
  }
  return {
    what: `access denied to ${right}: no ${policy.kind} allows it to ${caller}`,
    hint: `Allow ${right} in ${policy.one}.${more}`,
  }
}

/** Further reasons for which S3 denies access, where it does not say the reason. */
const OTHER_REASONS: Record<Operation['permission'], string> = {
  's3:ListBucket': ' A condition on s3:prefix must cover the prefix.',
  's3:GetObject': ' Without s3:ListBucket, files that do not exist look denied too.',
  's3:PutObject': ' Replacing a stored file takes s3:GetObject as well.',
}

const KMS_NOTE = ' The bucket is encrypted with that key: writing takes kms:GenerateDataKey, reading kms:Decrypt.'

const ROLE_HINT =
  'The role could not be taken on: check its trust policy, AWS_ROLE_ARN, and the identity that the token or the profile stands for.'

function parseDenial(said: string): Denial | undefined {
  const { caller = '', action, resource = '', reason = '' } = SENTENCE.exec(said)?.groups ?? {}
  return action === undefined ? undefined : { caller, action, resource, reason }
}

/** A kind of policy and the one that is meant. */
type Policy = { readonly kind: string; readonly one: string; readonly isDeny: boolean }

const POLICY =
  /with an explicit deny in (?:an? |the )?([\w -]*(?:policy|boundary))(?:: (arn:\S+))?|because no ([\w -]*(?:policy|boundary)) allows/i

/** The policy that a sentence names, undefined if it names none. */
function policyOf({ action, caller, reason }: Denial, { bucket }: Operation): Policy | undefined {
  const [, denying, arn, lacking] = POLICY.exec(reason) ?? []
  const kind = denying ?? lacking
  if (kind === undefined) return undefined
  const owner = callerOf(caller)
  const [service = ''] = action.split(':')
  const ofResource: Readonly<Record<string, string>> = {
    s3: `the policy of the bucket "${bucket}"`,
    kms: 'the policy of the key',
    sts: 'the trust policy of the role',
  }
  const known: Readonly<Record<string, string>> = {
    'identity-based policy': `a policy of ${owner}`,
    'resource-based policy': ofResource[service] ?? 'the policy of the resource',
    'role trust policy': 'the trust policy of the role',
    'permissions boundary': `the permissions boundary of ${owner}`,
    'session policy': `the session policy of ${owner}`,
    'service control policy': 'the service control policy of the AWS organization',
    'resource control policy': 'the resource control policy of the AWS organization',
    'vpc endpoint policy': 'the policy of the VPC endpoint',
  }
  const one = known[kind.toLowerCase()] ?? `the ${kind}`
  return { kind, one: arn === undefined ? one : `${one} (${oneLine(arn, 200)})`, isDeny: denying !== undefined }
}

/** `the role fmp-ingest (account 123456789012)` for the ARN of a caller. */
function callerOf(arn: string): string {
  const [, account, kind = '', name = ''] = /^arn:[\w-]+:(?:sts|iam)::(\d*):([\w-]+)(?:\/(.+))?$/.exec(arn) ?? []
  if (account === undefined) return arn === '' ? 'the caller' : oneLine(arn, 200)
  const known: Readonly<Record<string, string>> = {
    'assumed-role': `the role ${name.split('/')[0]}`,
    role: `the role ${name.split('/').at(-1)}`,
    user: `the user ${name.split('/').at(-1)}`,
    'federated-user': `the federated user ${name}`,
    root: 'the root user',
  }
  const who = oneLine(known[kind] ?? arn, 200)
  return account === '' ? who : `${who} (account ${account})`
}

/** The first part of a key that is one symbol's, one dataset's or one day's, or the probe's of `ingest doctor`. */
const OWN_PART = /(?:^|\/)(?:type|symbol|date)=|(?<=^logs\/ingest)\/doctor\//

/** The resource as a policy names it: all files of the kind, because one symbol's key would help with that symbol only. */
function resourceOf({ permission, bucket, location }: Operation, denial?: Denial): string {
  const partition = /^arn:([\w-]+):/.exec(denial?.resource || denial?.caller || '')?.[1] ?? 'aws'
  const root = `arn:${partition}:s3:::${bucket}`
  const key = location.slice(`s3://${bucket}/`.length)
  const own = OWN_PART.exec(key)
  const files = own === null ? key : `${key.slice(0, own.index)}${own[0].startsWith('/') ? '/' : ''}*`
  const isOfBucket = (denial?.action ?? permission) === 's3:ListBucket'
  return isOfBucket ? `${root} for the prefix ${files}` : `${root}/${files}`
}
