// The settings of `ingest sql`.

import type { SqlSettings } from '../core/config.ts'
import { missingLake, prefixProblems } from './checks.ts'
import { SQL } from './lake-settings.ts'
import { createReader, usageErrorOf, type Environment } from './reader.ts'
import { secretsOf, storeSettings, type RunLine } from './resolve.ts'
import { whereTrue } from '../core/text.ts'

/** What lines are to be printed for. Throws a usage error that names every problem. */
export function resolveSql(line: Pick<RunLine, 'flags' | 'problems'>, environment: Environment): SqlSettings {
  const problems = [...line.problems]
  const reader = createReader(line.flags, environment, problems)
  const { read } = reader
  const { target, prefix, tablePrefix, defaultRegion, addressingStyle } = storeSettings(reader)
  const settings: SqlSettings = {
    reader: read(SQL.reader),
    readsRaw: read(SQL.isRaw),
    target,
    prefix,
    tablePrefix,
    defaultRegion,
    addressingStyle,
    secrets: secretsOf(environment, line.flags),
  }
  problems.push(
    ...missingLake(reader),
    ...prefixProblems(settings),
    ...whereTrue([
      [settings.readsRaw && read(SQL.isTable), '--raw and --table contradict each other: give one.'],
      [
        settings.reader === 'athena' && target.kind === 'folder',
        'Athena reads buckets only: name one with --out s3://bucket, or take another reader.',
      ],
    ]),
  )
  if (problems.length > 0) throw usageErrorOf(problems)
  return settings
}
