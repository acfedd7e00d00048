// The command without a name: variables of a file, the settings, and the run between its two pings.

import type { CommandLine } from '../../cli/cli.ts'
import { pingSettings, readVariables, resolveConfig, secretsOf, unsetEmpty } from '../../cli/resolve.ts'
import { createRedactor } from '../../core/text.ts'
import type { Effects } from '../effects.ts'
import { readPrivateFile } from '../private-file.ts'
import { runIngest } from './ingest.ts'
import { withPings } from './ping.ts'

type Start = {
  readonly effects: Effects
  /** Of this process: the variables of a file are added to it, for the AWS SDK and the runtime as well. */
  readonly environment: Record<string, string | undefined>
  readonly isCompiled: boolean
}

/** The exit code of a run that was not interrupted. Throws as `resolveConfig` and `runIngest` do. */
export async function ingestCommand(
  line: Extract<CommandLine, { kind: 'run' }>,
  { effects, environment, isCompiled }: Start,
): Promise<number> {
  const settings = {
    target: () => pingSettings(line, environment),
    redact: (text: string) => createRedactor(secretsOf(environment, line.flags))(text),
  }
  return await withPings(settings, effects, async ({ begin, onSummary }) => {
    await readVariables(line, environment, readPrivateFile)
    // The AWS SDK takes an empty variable for a set one.
    unsetEmpty(environment)
    const config = resolveConfig(line, environment, { isCompiled })
    begin()
    return await runIngest(config, { ...effects, onSummary })
  })
}
