// The files that the environment names for credentials, looked at once there turn out to be none: the SDK passes over
// what it cannot read, and says nothing of it.
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { IngestError } from '../../core/errors.ts'
import { errnoOf } from '../folder/errors.ts'
import { oneLine } from '../../core/text.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const VARIABLES = ['AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']

/** A sentence's end for each that cannot serve: `AWS_CONFIG_FILE names ./x, which is a folder`. */
export async function fileTroubles(environment: Environment): Promise<readonly string[]> {
  const troubles = VARIABLES.map(async (name) => {
    const path = environment[name] ?? ''
    const trouble = path === '' ? undefined : await troubleAt(path)
    return trouble === undefined ? [] : [`${name} names ${oneLine(path)}, which ${trouble}`]
  })
  return (await Promise.all(troubles)).flat()
}

/** The error of lacking or refused credentials, with what is wrong with the files that were to have them. */
export async function withFileTroubles(error: IngestError, environment: Environment): Promise<IngestError> {
  const troubles = await fileTroubles(environment)
  if (troubles.length === 0) return error
  const { message, kind, scope, cause } = error
  const hint = 'Name a file there that has what it should and that this user may read, or unset it.'
  return new IngestError([message, ...troubles].join('; '), { kind, scope, hint, cause })
}

/** Not by reading it: what a pipe held, the SDK has read already. */
async function troubleAt(path: string): Promise<string | undefined> {
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
