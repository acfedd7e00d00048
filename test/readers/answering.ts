// A process that answers each line of its input with a line of JSON.

import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'

export type Answering = {
  /** Throws where the process ends instead. Its answers are taken for what they are said to be. */
  ask<Answer>(line: string): Promise<Answer>
  end(): Promise<void>
}

/** More than a first query of Spark takes on a busy machine. */
const LIMIT_MS = 180_000

/** What the process writes to its standard error goes to the file `log`. */
export function startAnswering(
  command: readonly [string, ...string[]],
  { env, log }: { readonly env: Readonly<Record<string, string>>; readonly log: string },
): Answering {
  const [program, ...args] = command
  const child = spawn(program, args, { env: { ...process.env, ...env } })
  child.stderr.pipe(createWriteStream(log))
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async ask(line) {
      const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
      child.stdin.write(`${line}\n`)
      const { value, done } = await lines.next()
      clearTimeout(timer)
      if (done === true) throw new Error(`${command.join(' ')} gave no answer to ${line}: see ${log}.`)
      return JSON.parse(value)
    },
    async end() {
      child.stdin.end()
      await exited
    },
  }
}
