// A store that lacks a feature of S3 which this program uses: which one, and the setting that helps.
import { isTransient, type Failure } from './sdk-error.ts'
import type { Explanation, Operation } from './errors.ts'

type Feature = 'checksum' | 'condition' | 'address' | 'range' | 'listing' | 'token' | 'metadata' | 'signature' | 'other'

/** What a request needs, and how stores say that they do not have it. */
type Rule = {
  readonly feature: Feature
  readonly says: RegExp
  /** The operation that uses the feature; every one if not given. */
  readonly permission?: Operation['permission']
  readonly what: string
  readonly hint: string
}

/** The first rule that fits counts. Texts of B2, R2, MinIO, Ceph, Swift, GCS, Alibaba, Tencent, Huawei and Volcengine. */
const RULES: readonly Rule[] = [
  {
    feature: 'checksum',
    says: /(?:content-md5|x-amz-checksum).*(?:required|missing)|(?:required|missing).*(?:content-md5|x-amz-checksum)/i,
    what: 'the bucket takes no file without a checksum header',
    hint: 'Unset AWS_REQUEST_CHECKSUM_CALCULATION (request_checksum_calculation in the profile), which turns the checksum off. A bucket that takes Content-MD5 only cannot be used: turn its object lock off.',
  },
  {
    feature: 'checksum',
    says: /x-amz-checksum-mode/i,
    what: 'the store does not know the checksum header of a read (x-amz-checksum-mode)',
    hint: 'Set AWS_RESPONSE_CHECKSUM_VALIDATION=WHEN_REQUIRED, which sends none.',
  },
  {
    feature: 'checksum',
    says: /x-amz-(?:sdk-)?(?:checksum|trailer)|\bcrc-?32|checksum algorithm|aws-chunked/i,
    what: 'the store does not know the checksum header of a write (x-amz-checksum-crc32)',
    hint: 'Set AWS_REQUEST_CHECKSUM_CALCULATION=WHEN_REQUIRED, which sends none; the signature still covers the bytes.',
  },
  {
    feature: 'condition',
    says: /if-(?:none-)?match|conditional (?:put|write|request)|precondition/i,
    permission: 's3:PutObject',
    what: 'the store has no conditional writes (If-None-Match, If-Match)',
    hint: 'Use another store, or accept with --allow-unsafe-store that two runs at once could overwrite each other.',
  },
  {
    feature: 'address',
    says: /SecondLevelDomainForbidden|PathStyleDomainForbidden|VirtualHostDomainRequired|InvalidPathAccess|virtual[ -]?host|virtual-styled|third level domain/i,
    what: 'the store is to be asked by https://bucket.host (virtual-hosted style)',
    hint: 'Set S3_ADDRESSING_STYLE=virtual.',
  },
  {
    feature: 'address',
    says: /path[ -]style/i,
    what: 'the store is to be asked by https://host/bucket (path style)',
    hint: 'Set S3_ADDRESSING_STYLE=path.',
  },
  {
    feature: 'token',
    says: /security-token|session token/i,
    what: 'the store does not know session tokens (x-amz-security-token)',
    hint: 'Unset AWS_SESSION_TOKEN and use an access key of the store itself.',
  },
  {
    feature: 'metadata',
    says: /x-amz-meta|user.?metadata/i,
    permission: 's3:PutObject',
    what: 'the store takes no metadata with a file (x-amz-meta-…)',
    hint: 'By its metadata a run recognises its own files: use another store.',
  },
  {
    feature: 'range',
    says: /\branges?\b/i,
    permission: 's3:GetObject',
    what: 'the store does not send parts of files (Range)',
    hint: 'Let the proxy before the store pass the header Range, or use another store.',
  },
  {
    feature: 'signature',
    says: /aws4-hmac|signature version|sigv4|authorization (?:mechanism|type|scheme)/i,
    what: 'the store does not know signatures of version 4 (AWS4-HMAC-SHA256)',
    hint: 'Turn them on in the store, or use another one.',
  },
  {
    feature: 'listing',
    says: /^/,
    permission: 's3:ListBucket',
    what: 'the store cannot list files by ListObjectsV2 (list-type=2)',
    hint: 'Use a newer version of the store, or another one.',
  },
]

/** By these statuses stores refuse what they do not know; an addressing style by 403 too. The codes differ. */
const REFUSING = new Set([400, 405, 501])
const NOT_IMPLEMENTED = 501

/** The feature that a refusal is about, undefined if it is about none. */
export function missingFeature(failure: Failure, permission: Operation['permission']): Feature | undefined {
  return ruleOf(failure, permission)?.feature ?? (failure.status === NOT_IMPLEMENTED ? 'other' : undefined)
}

/** Explains a refusal for lack of a feature, undefined if it is for something else. */
export function explainFeature(failure: Failure, { permission }: Operation): Explanation | undefined {
  const said = `the store says: ${[failure.status, failure.code, failure.said].filter(Boolean).join(' ')}`
  const rule = ruleOf(failure, permission)
  if (rule !== undefined) return { what: `${rule.what}; ${said}`, hint: `${rule.hint} ${PAGE}` }
  if (failure.status !== NOT_IMPLEMENTED) return undefined
  return { what: `the store does not support this request; ${said}`, hint: `Use another store. ${PAGE}` }
}

const PAGE = 'lib/store/README.md lists stores and what each needs.'

function ruleOf(failure: Failure, permission: Operation['permission']): Rule | undefined {
  const { code, status, said, fields } = failure
  if (status === undefined || isTransient(failure)) return undefined
  const details = ['Header', 'ArgumentName', 'Argument', 'Parameter'].map((name) => fields[name])
  const text = [code, said, ...details].filter((part) => typeof part === 'string').join(' ')
  return RULES.filter((rule) => rule.permission === undefined || rule.permission === permission).find(
    ({ feature, says }) => {
      // A plain 400 of a listing is not about ListObjectsV2.
      if (feature === 'listing') return status === NOT_IMPLEMENTED || status === 405
      return (REFUSING.has(status) || (feature === 'address' && status === 403)) && says.test(text)
    },
  )
}
