// Where requests go: endpoint, region and addressing style, as the SDK resolves them from variables and the AWS files.
import { S3Client } from '@aws-sdk/client-s3'
import { usageError } from '../../core/errors.ts'
import { oneLine } from '../../core/text.ts'
import { credentialProblems, servicesProblem, type Environment } from './aws-files.ts'

/** `path`: https://host/bucket/key. `virtual`: https://bucket.host/key. */
export type AddressingStyle = 'path' | 'virtual'

export type SetupOptions = {
  /** AWS_DEFAULT_REGION: the region if neither AWS_REGION nor the profile names one. */
  readonly region?: string | undefined
  /** S3_ADDRESSING_STYLE. If not given: path style at an endpoint that is set, else what the SDK takes. */
  readonly addressingStyle?: AddressingStyle | undefined
  /** The environment that the SDK reads. Here it is for messages about the settings that it names. */
  readonly environment: Environment
}

export type Setup = {
  readonly region: string
  /** The endpoint as it is set, which need not be a URL; undefined: AWS's own. */
  readonly endpoint: string | undefined
  /** The setting that names the endpoint, for messages. */
  readonly endpointSetting: string
  readonly isPathStyle: boolean
}

/** Throws a usage error if no region can be found. Sends nothing. */
export async function resolveSetup({ region, addressingStyle, environment }: SetupOptions): Promise<Setup> {
  const probe = new S3Client({})
  try {
    // Internal, and the only way to the answer: variables, `services` section, profile, and the setting to ignore them all.
    const { serviceConfiguredEndpoint } = probe.config as unknown as SdkEndpoint
    const endpoint = await serviceConfiguredEndpoint()
    const problem = endpoint === undefined ? await servicesProblem(environment) : undefined
    if (problem !== undefined) throw usageError(`${problem.what}.`, problem.hint)
    return {
      region: (await regionOf(probe)) ?? (region || (await otherRegion(endpoint, environment))),
      endpoint,
      endpointSetting: endpointSetting(endpoint, environment),
      isPathStyle: addressingStyle === undefined ? endpoint !== undefined : addressingStyle === 'path',
    }
  } finally {
    probe.destroy()
  }
}

type SdkEndpoint = { readonly serviceConfiguredEndpoint: () => Promise<string | undefined> }

/** The warning of an endpoint from the AWS files that is unsafe. Of one from a variable the command line warns. */
export function warningOf({ endpoint = '', endpointSetting: setting }: Setup): string | undefined {
  const isElsewhere = URL.canParse(endpoint) && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(endpoint).hostname)
  if (!setting.startsWith(FILE_SETTING) || !endpoint.startsWith('http://') || !isElsewhere) return undefined
  return `${setting} is plain HTTP on another machine: data and signatures can be read and changed on the way. Use https://.`
}

const FILE_SETTING = 'endpoint_url of the AWS profile'

function endpointSetting(endpoint: string | undefined, environment: Environment): string {
  const variables = ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL']
  const variable = variables.find((name) => (environment[name] ?? '') !== '')
  if (endpoint === undefined || variable !== undefined) return variable ?? 'AWS_ENDPOINT_URL_S3'
  return `${FILE_SETTING} "${oneLine(environment['AWS_PROFILE'] || 'default', 100)}"`
}

async function otherRegion(endpoint: string | undefined, environment: Environment): Promise<string> {
  if (endpoint !== undefined) return 'us-east-1'
  const problems = (await credentialProblems(environment)).map(({ what }) => what)
  throw usageError(
    `${['No AWS region is set', ...problems].join('; ')}.`,
    "Set AWS_REGION to the bucket's region, for instance AWS_REGION=eu-central-1.",
  )
}

/** The region of AWS_REGION or the profile; undefined if neither names one. */
async function regionOf(client: S3Client): Promise<string | undefined> {
  try {
    return await client.config.region()
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    // Here an empty variable counts as unset, but the SDK takes it for a value.
    if (message === 'Region is missing' || message.includes('region=""')) return undefined
    if (message.startsWith('Region not accepted')) throw usageError('AWS_REGION (or the profile) names no region.')
    throw error
  }
}
