// The commands that look at a lake. They read and say; what they write to a store is nothing (but for the probe of `doctor`).

import type { CommandLine } from '../../cli/cli.ts'
import type { LakeCommandName } from '../../cli/commands.ts'
import { readVariables, secretsOf, unsetEmpty } from '../../cli/resolve.ts'
import { resolveLake, type OwnSettings, type Values } from '../../cli/resolve-lake.ts'
import type { Settings } from '../../cli/setting.ts'
import { describeError, IngestError } from '../../core/errors.ts'
import { isPart } from '../../core/shard.ts'
import { createRedactor } from '../../core/text.ts'
import { shardTitle } from '../../report/shard.ts'
import { unlessStopped } from '../../pipeline/interrupt.ts'
import type { Effects } from '../effects.ts'
import { readPrivateFile } from '../private-file.ts'
import { startLook, type Look } from './look.ts'

/** A command: its own settings and what it does. */
export type LakeCommand<S extends Settings> = OwnSettings<S> & {
  /** The exit code where the command itself fails, as when the store cannot be asked. */
  readonly failureCode: 1 | 3
  /** Looks, prints, and gives the exit code. Throws an IngestError where it fails. */
  readonly run: (look: Look, own: Values<S>) => Promise<number>
}

type Start = {
  readonly effects: Effects
  /** Of this process: the variables of a file are added to it, for the AWS SDK and the runtime as well. */
  readonly environment: Record<string, string | undefined>
  readonly isCompiled: boolean
}

type RunLine = Extract<CommandLine, { kind: 'run' }>

/** Each is loaded when it is asked for. */
const COMMANDS: Readonly<Record<LakeCommandName, (line: RunLine, start: Start) => Promise<number>>> = {
  verify: async (...call) => await perform((await import('./verify.ts')).VERIFY_COMMAND, ...call),
  coverage: async (...call) => await perform((await import('./coverage.ts')).COVERAGE_COMMAND, ...call),
  doctor: async (...call) => await perform((await import('../doctor/doctor.ts')).DOCTOR_COMMAND, ...call),
  status: async (...call) => await perform((await import('./status.ts')).STATUS_COMMAND, ...call),
  table: async (...call) => await perform((await import('../table/table.ts')).TABLE_COMMAND, ...call),
  why: async (...call) => await perform((await import('./why.ts')).WHY_COMMAND, ...call),
}

/** The exit code of a command that was not interrupted. Says what ended it; throws only what is a defect. */
export async function lakeCommand(name: LakeCommandName, line: RunLine, start: Start): Promise<number> {
  return await COMMANDS[name](line, start)
}

async function perform<S extends Settings>(command: LakeCommand<S>, line: RunLine, start: Start): Promise<number> {
  const { effects, environment, isCompiled } = start
  try {
    await readVariables(line, environment, readPrivateFile)
    // The AWS SDK takes an empty variable for a set one.
    unsetEmpty(environment)
    const { config, own } = resolveLake(line, environment, command, { isCompiled })
    if (isPart(config.shard) && !config.isQuiet)
      effects.printError(`ℹ️  ${shardTitle(config.shard)}: a part of the lake. --shard none takes all of it.\n`)
    return await unlessStopped(command.run(startLook(config, effects), own), effects)
  } catch (error) {
    if (!(error instanceof IngestError)) throw error
    // The reader of the pipe has closed it. Shells give the same code: 128 and the number of SIGPIPE.
    if (error.kind === 'closed-output') return 141
    const redact = createRedactor(secretsOf(environment, line.flags))
    effects.printError(redact(`❌ ${describeError(error)}\n`))
    return error.kind === 'usage' ? 2 : (error.data?.exitCode ?? command.failureCode)
  }
}
