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
    const what = `access denied to ${operation.permission} (${said === '' ? code : `the store says: ${said}`})`
    return { what, hint: allow({ action: operation.permission, on: resourceOf(operation) }) }
  }
  const { action, reason } = denial
  const caller = callerOf(denial.caller)
  const on = action.startsWith('s3:') ? resourceOf(operation, denial) : oneLine(denial.resource, 300)
  const policy = policyOf(denial, operation)
  const right = on === '' ? action : `${action} on ${on}`
  const what = `access denied: ${caller} may not ${action.startsWith('sts:') ? 'take on the role by' : 'do'} ${right}`
  if (policy === undefined) {
    const why = reason.trim() === '' ? '' : ` (the store says:${oneLine(reason, 300)})`
    return { what: `${what}${why}`, hint: allow({ action, on, caller }) }
  }
  if (policy.isDeny) {
    const hint = `Except ${caller} from that deny, which outweighs every policy that allows it.`
    return { what: `${what}: ${policy.name} denies it`, hint: `${hint}${others(action)}` }
  }
  return { what: `${what}: ${policy.name} does not allow it`, hint: allow({ action, on, place: policy.name }) }
}

function parseDenial(said: string): Denial | undefined {
  const { caller = '', action, resource = '', reason = '' } = SENTENCE.exec(said)?.groups ?? {}
  return action === undefined ? undefined : { caller, action, resource, reason }
}

type Policy = { readonly name: string; readonly isDeny: boolean }

/** The policy that a sentence names, undefined if it names none. */
function policyOf({ action, caller, reason }: Denial, { bucket }: Operation): Policy | undefined {
  const [, denying, lacking] =
    /with an explicit deny in (?:an? |the )?([\w -]*(?:policy|boundary))|because no ([\w -]*(?:policy|boundary)) allows/i.exec(
      reason,
    ) ?? []
  const kind = (denying ?? lacking)?.toLowerCase()
  if (kind === undefined) return undefined
  const owner = callerOf(caller)
  const ofResource = { s3: `the policy of the bucket "${bucket}"`, kms: 'the policy of the key' }[
    action.split(':')[0] ?? ''
  ]
  const names: Readonly<Record<string, string>> = {
    'identity-based policy': `the identity-based policy of ${owner}`,
    'resource-based policy': ofResource ?? "the role's trust policy",
    'role trust policy': "the role's trust policy",
    'permissions boundary': `the permissions boundary of ${owner}`,
    'session policy': `the session policy of ${owner}`,
    'service control policy': 'a service control policy of the AWS organization',
    'resource control policy': 'a resource control policy of the AWS organization',
    'vpc endpoint policy': 'the policy of the VPC endpoint',
  }
  return { name: names[kind] ?? `the ${kind}`, isDeny: denying !== undefined }
}

type Right = { readonly action: string; readonly on: string; readonly caller?: string; readonly place?: string }

function allow({ action, on, caller, place }: Right): string {
  if (action.startsWith('sts:')) {
    return "Check the role's trust policy, AWS_ROLE_ARN, and the identity that the token or the profile stands for."
  }
  const who = caller === undefined ? '' : ` for ${caller}`
  const where = place === undefined ? who : ` in ${place}`
  return `Allow ${action}${on === '' ? '' : ` on ${on}`}${where}.${others(action)}`
}

/** What else it may take. */
function others(action: string): string {
  if (action === 's3:GetObject') return ' Without s3:ListBucket, files that do not exist look denied too.'
  if (action === 's3:PutObject') return ' Replacing a stored file takes s3:GetObject as well.'
  return action.startsWith('kms:')
    ? ' The bucket is encrypted: writing takes kms:GenerateDataKey, reading kms:Decrypt.'
    : ''
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

/** The first part of a key that is one symbol's, one dataset's or one day's. */
const OWN_PART = /(?:^|\/)(?:type|symbol|date)=/

/** The resource as a policy names it: all files of the kind, because one symbol's key would help with that symbol only. */
function resourceOf({ permission, bucket, location }: Operation, denial?: Denial): string {
  const partition = /^arn:([\w-]+):/.exec(denial?.resource || denial?.caller || '')?.[1] ?? 'aws'
  const root = `arn:${partition}:s3:::${bucket}`
  const key = location.slice(`s3://${bucket}/`.length)
  const own = OWN_PART.exec(key)
  const files = own === null ? key : `${key.slice(0, own.index)}${own[0].startsWith('/') ? '/' : ''}*`
  const isOfBucket = (denial?.action ?? permission) === 's3:ListBucket'
  return isOfBucket ? `${root} for the prefix ${files} (a condition on s3:prefix must cover it)` : `${root}/${files}`
}
