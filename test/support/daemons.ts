// Programs of real servers as children of this process: daemons that live as long as it does, and tools that end.

import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'

export type Daemon = { readonly name: string; readonly child: Bun.Subprocess }

/**
 * In the foreground as our child, `NAME.out` in the folder has what it says; where the system can, it dies with us even if
 * we are killed outright.
 */
export function spawnDaemon(
  folder: string,
  name: string,
  args: readonly string[],
  { program = name, env = {} }: { readonly program?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Daemon {
  const guard = Bun.which('setpriv') === null ? [] : ['setpriv', '--pdeathsig', 'KILL', '--']
  const child = Bun.spawn([...guard, program, ...args], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: Bun.file(join(folder, `${name}.out`)),
  })
  return { name, child }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}

/** A command's output; throws, with what it said, where it fails. */
export async function runTool(...command: readonly string[]): Promise<string> {
  const child = Bun.spawn([...command], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}: ${stderr.slice(-1_000)}`)
  return stdout
}
