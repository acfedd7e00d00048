// The processes of this machine, as Linux lists them.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export type Process = {
  readonly pid: number
  /** The program's file. */
  readonly file: string
  /** As it was when the process began. */
  readonly env: Readonly<Record<string, string>>
}

/** The processes that have this variable with this value. */
export function processesWith(name: string, value: string): readonly Process[] {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))
  return pids.flatMap((pid) => {
    try {
      const env = variablesOf(readFileSync(`/proc/${pid}/environ`, 'utf8'))
      return env[name] === value ? [{ pid: Number(pid), file: readlinkSync(`/proc/${pid}/exe`), env }] : []
    } catch {
      // It has ended since, or is none of ours to look at.
      return []
    }
  })
}

function variablesOf(text: string): Readonly<Record<string, string>> {
  const lines = text.split('\0').filter((line) => line.includes('='))
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
}
