// What is wrong with the settings for credentials: variables that go together, files, and the profile. For messages only:
// the SDK reads the settings itself, skips what it cannot use, and does not say so.
import { constants } from 'node:fs'
import { access, readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { errnoOf } from '../../core/errors.ts'
import { oneLine } from '../../core/text.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** What is set and what lacks, as a phrase, and the cure, as a sentence. */
export type Problem = { readonly what: string; readonly hint: string }

/** The problems of the settings for credentials, the likeliest cause first. */
export async function credentialProblems(environment: Environment): Promise<readonly Problem[]> {
  const ofFiles = await fileProblems(environment)
  // Where a file cannot be read, its profiles are missing for that reason.
  const ofProfile = ofFiles.length > 0 ? [] : await profileProblems(await readAwsFiles(environment), environment)
  return [...halfPairs(environment), ...ofFiles, ...ofProfile, ...unusedKeys(environment)]
}

/** Variables of which one is nothing without the others. */
const PAIRS = [
  ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
  ['AWS_SECRET_ACCESS_KEY', 'AWS_ACCESS_KEY_ID'],
  ['AWS_SESSION_TOKEN', 'AWS_ACCESS_KEY_ID'],
  ['AWS_ROLE_ARN', 'AWS_WEB_IDENTITY_TOKEN_FILE'],
  ['AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_ROLE_ARN'],
] as const

function halfPairs(environment: Environment): readonly Problem[] {
  const isSet = (name: string) => (environment[name] ?? '') !== ''
  return PAIRS.filter(([one, other]) => isSet(one) && !isSet(other)).map(([one, other]) => ({
    what: `${one} is set and ${other} is not`,
    hint: `Set ${other} too, or unset ${one}.`,
  }))
}

/** The SDK does not take keys from variables where a profile is named. */
function unusedKeys({ AWS_PROFILE = '', AWS_ACCESS_KEY_ID = '' }: Environment): readonly Problem[] {
  if (AWS_PROFILE === '' || AWS_ACCESS_KEY_ID === '') return []
  const hint = 'Unset AWS_PROFILE to use AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.'
  return [{ what: 'AWS_ACCESS_KEY_ID is set and not used, because AWS_PROFILE is set', hint }]
}

/** The variables that name files with credentials. */
const FILE_VARIABLES = ['AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']

const FILE_HINT = 'Name a file there that has what it should and that this user may read, or unset it.'

async function fileProblems(environment: Environment): Promise<readonly Problem[]> {
  const problems = FILE_VARIABLES.map(async (name) => await fileProblem(name, environment[name] ?? ''))
  return (await Promise.all(problems)).flat()
}

/** `name` is the setting that names the file. */
async function fileProblem(name: string, path: string): Promise<readonly Problem[]> {
  const problem = path === '' ? undefined : await problemAt(path)
  return problem === undefined ? [] : [{ what: `${name} names ${oneLine(path)}, which ${problem}`, hint: FILE_HINT }]
}

/** Does not read the file: the SDK has already read what a pipe held. */
async function problemAt(path: string): Promise<string | undefined> {
  try {
    const info = await stat(path)
    if (info.isDirectory()) return 'is a folder'
    if (info.isFile() && info.size === 0) return 'is empty'
    await access(path, constants.R_OK)
    return undefined
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    return code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`
  }
}

type Section = Readonly<Record<string, string>>

/** The sections of both files by kind and name: `profile minio`, `sso-session work`, `services local`. */
type AwsFiles = { readonly sections: ReadonlyMap<string, Section>; readonly paths: readonly string[] }

async function readAwsFiles(environment: Environment): Promise<AwsFiles> {
  const home = environment['HOME'] || environment['USERPROFILE'] || homedir()
  const config = environment['AWS_CONFIG_FILE'] || join(home, '.aws', 'config')
  const credentials = environment['AWS_SHARED_CREDENTIALS_FILE'] || join(home, '.aws', 'credentials')
  const sections = new Map<string, Section>()
  for (const [path, isConfig] of [
    [config, true],
    [credentials, false],
  ] as const) {
    for (const [title, section] of parseSections(await readRegularFile(path))) {
      // In the credentials file, and for the default profile, the word `profile` is left out.
      const name = isConfig && /^(profile|sso-session|services)\s/.test(title) ? title : `profile ${title}`
      sections.set(name.replace(/\s+/, ' '), { ...sections.get(name), ...section })
    }
  }
  return { sections, paths: [config, credentials] }
}

/** The text of a file; empty for a pipe, which can be read only once, and for a file that cannot be read. */
async function readRegularFile(path: string): Promise<string> {
  try {
    return (await stat(path)).isFile() ? await readFile(path, 'utf8') : ''
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return ''
  }
}

function parseSections(text: string): ReadonlyMap<string, Section> {
  const sections = new Map<string, Record<string, string>>()
  let current: Record<string, string> | undefined
  for (const line of text.split(/\r?\n/)) {
    const [, title] = /^\s*\[([^\]]+)\]/.exec(line) ?? []
    if (title !== undefined) sections.set(title.trim(), (current = {}))
    const [, name, value] = /^\s*([^#;=[][^=]*)=(.*)$/.exec(line) ?? []
    if (name !== undefined && value !== undefined && current !== undefined) current[name.trim()] = value.trim()
  }
  return sections
}

/** A `services` section that the profile names and that is not there: the SDK then asks AWS itself for the bucket. */
export async function servicesProblem(environment: Environment): Promise<Problem | undefined> {
  const files = await readAwsFiles(environment)
  return brokenReference(environment['AWS_PROFILE'] || 'default', ['services', 'services'], files)[0]
}

/** The problem of a line of a profile that names a section that is not there. */
function brokenReference(
  profile: string,
  [key, kind]: readonly [key: string, kind: string],
  files: AwsFiles,
): readonly Problem[] {
  const target = files.sections.get(`profile ${profile}`)?.[key]
  if (target === undefined || files.sections.has(`${kind} ${target}`)) return []
  return [noSuchSection(`${key} of ${ownerOf(profile)}`, `${kind} ${target}`, files)]
}

function ownerOf(profile: string): string {
  return `the AWS profile "${oneLine(profile, 100)}"`
}

/** The problems of the profile that the SDK reads, if credentials are to come from there. */
async function profileProblems({ sections, paths }: AwsFiles, environment: Environment): Promise<readonly Problem[]> {
  const isNamed = (environment['AWS_PROFILE'] ?? '') !== ''
  const name = environment['AWS_PROFILE'] || 'default'
  const profile = sections.get(`profile ${name}`)
  if (profile === undefined)
    return isNamed ? [noSuchSection('AWS_PROFILE', `profile ${name}`, { sections, paths })] : []
  const owner = ownerOf(name)
  const missing = NEEDS.filter(([one, others]) => one in profile && !others.some((other) => other in profile))
  const named = REFERENCES.flatMap(([key, kind]) => brokenReference(name, [key, kind], { sections, paths }))
  const tokenFile = `web_identity_token_file of ${owner}`
  return [
    ...missing.map(([one, others]) => ({
      what: `${owner} has ${one} and no ${others.join(' or ')}`,
      hint: `Add ${others[0]} to that profile, or name another one with AWS_PROFILE.`,
    })),
    ...named,
    ...(await fileProblem(tokenFile, profile['web_identity_token_file'] ?? '')),
    ...processProblems(owner, profile['credential_process'], environment),
    ...(isNamed && !Object.keys(profile).some((key) => SOURCES.test(key)) ? [noSource(owner)] : []),
  ]
}

/** A line of a profile, and the lines of which it needs one. */
const NEEDS: readonly (readonly [line: string, others: readonly string[]])[] = [
  ['aws_access_key_id', ['aws_secret_access_key']],
  ['aws_secret_access_key', ['aws_access_key_id']],
  ['role_arn', ['source_profile', 'credential_source', 'web_identity_token_file']],
  ['source_profile', ['role_arn']],
  ['web_identity_token_file', ['role_arn']],
  ['sso_session', ['sso_account_id']],
  ['sso_account_id', ['sso_role_name']],
]

/** The lines of a profile that name another section, for credentials. */
const REFERENCES = [
  ['source_profile', 'profile'],
  ['sso_session', 'sso-session'],
] as const

/** The lines from which credentials can come. */
const SOURCES =
  /^(aws_access_key_id|aws_secret_access_key|role_arn|source_profile|web_identity_token_file|credential_process|sso_session|sso_account_id|login_session)$/

function noSource(owner: string): Problem {
  const hint = 'Add aws_access_key_id and aws_secret_access_key to it, or name another one with AWS_PROFILE.'
  return { what: `${owner} has nothing that gives credentials`, hint }
}

function noSuchSection(setting: string, title: string, { sections, paths }: AwsFiles): Problem {
  const [kind = '', ...name] = title.split(' ')
  const others = [...sections.keys()].filter((other) => other.startsWith(`${kind} `))
  const known = others.map((other) => other.slice(kind.length + 1)).toSorted()
  const listed = known.length === 0 ? 'no such section' : `only ${known.join(', ')}`
  const word = kind === 'profile' ? 'profile' : `${kind} section`
  return {
    what: oneLine(`${setting} names the ${word} "${name.join(' ')}", and ${paths.join(' and ')} have ${listed}`, 500),
    hint: `Add the ${word} to the AWS config file, or name another one.`,
  }
}

/** Whether the program of `credential_process` is there; what it says is the SDK's to tell. */
function processProblems(owner: string, command: string | undefined, { PATH }: Environment): readonly Problem[] {
  if (command === undefined) return []
  const [, quoted, plain] = /^\s*(?:"([^"]*)"|(\S+))/.exec(command) ?? []
  const program = quoted ?? plain ?? ''
  if (Bun.which(program, PATH === undefined ? {} : { PATH }) !== null) return []
  return [
    {
      what: `credential_process of ${owner} starts ${oneLine(program, 200)}, which is not there or may not be run`,
      hint: 'Install that program, or correct its path in the AWS config file.',
    },
  ]
}
