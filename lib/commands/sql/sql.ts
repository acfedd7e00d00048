// `ingest sql`: the lines that read a lake, ready to run. Nothing is asked and nothing is written.

import { posix, resolve, sep } from 'node:path'
import { resolveSql } from '../../cli/resolve-sql.ts'
import { readVariables, unsetEmpty, type RunLine } from '../../cli/resolve.ts'
import { targetLocation, type SqlSettings } from '../../core/config.ts'
import { createRedactor, oneLine, shellWord } from '../../core/text.ts'
import { readPrivateFile } from '../private-file.ts'
import { DIALECTS } from './dialects.ts'
import { bucketPlace, folderPlace, type Place } from './place.ts'
import { filled, type Part } from './template.ts'

/** Of this process: the variables of a file are added to it, for the AWS SDK as well. */
type Environment = Record<string, string | undefined>

/** The lines as text, for the lake and the reader of a command line. Throws a usage error that names every problem. */
export async function sqlText(line: RunLine, environment: Environment): Promise<string> {
  await readVariables(line, environment, readPrivateFile)
  // The AWS SDK takes an empty variable for a set one.
  unsetEmpty(environment)
  const settings = resolveSql(line, environment)
  const place = await placeOf(settings, environment)
  return createRedactor(settings.secrets)(linesFor(settings, place))
}

async function placeOf(settings: SqlSettings, environment: Environment): Promise<Place> {
  const { target, defaultRegion: region, addressingStyle } = settings
  if (target.kind === 'folder') return folderPlace(resolve(target.folder).replaceAll(sep, posix.sep), settings)
  // Imported when needed: the S3 client alone takes longer to load than all the rest.
  const { resolveSetup } = await import('../../store/s3/setup.ts')
  return bucketPlace(target.bucket, await resolveSetup({ region, addressingStyle, environment }), settings)
}

/** The lines of a reader over a place. */
export function linesFor({ reader, readsRaw, target }: SqlSettings, { bucket, folders }: Place): string {
  const location = targetLocation(target)
  const command = ['ingest', 'sql', reader, ...(readsRaw ? ['--raw'] : []), '--out', location]
  const dialect = DIALECTS[reader]
  const values = dialect.values({ bucket, folders })
  const named = (name: string): name is keyof Place['folders'] => Object.hasOwn(folders, name)
  const parts: readonly Part[] = [readsRaw ? 'raw' : 'table', bucket === undefined ? 'folder' : 's3']
  return filled(dialect.text, new Set(parts), (name, suffix) => {
    if (name === 'lake') return oneLine(location)
    if (name === 'command') return oneLine(command.map(shellWord).join(' '))
    return named(name) ? dialect.place(folders[name], suffix, bucket) : values[name]
  })
}
