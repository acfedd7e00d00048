// What the program says of an error that ended it outside of a command's own report.

import { parseCommandLine } from '../cli/cli.ts'
import { actionsSummary, secretsOf } from '../cli/resolve.ts'
import { describeError, IngestError } from '../core/errors.ts'
import { createRedactor } from '../core/text.ts'
import { defectText, printError } from './streams.ts'

/** Says on stderr, and to GitHub Actions, what ended the program, and gives the exit code. */
export async function reportFailure(
  error: unknown,
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  // The reader of the pipe has closed it. Shells give the same code: 128 and the number of SIGPIPE.
  if (error instanceof IngestError && error.kind === 'closed-output') return 141
  const line = parseCommandLine(argv)
  const redact = createRedactor(secretsOf(environment, line.kind === 'run' ? line.flags : undefined))
  const isExpected = error instanceof IngestError
  const text = isExpected ? describeError(error) : 'This is a defect of the program, please report it.'
  printError(redact(isExpected ? `❌ ${text}\n` : defectText(error)))
  const job = actionsSummary(environment)
  if (job !== undefined) {
    const { failureReport, sendToActions } = await import('../report/github.ts')
    const { appendText } = await import('./effects.ts')
    // The failure is said above, so a summary that could not be written is not reported.
    await sendToActions(job, failureReport(redact(text), isExpected && error.kind === 'interrupted'), {
      printError,
      appendText,
    })
  }
  return isExpected && error.kind === 'usage' ? 2 : 1
}
