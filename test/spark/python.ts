// A Python environment of its own in `folder`, made the first time.

import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** The interpreter of an environment that has these packages. Throws where Python or its registry cannot be had. */
export async function python(folder: string, packages: readonly string[]): Promise<string> {
  const interpreter = join(folder, 'bin/python')
  const stamp = Bun.file(join(folder, 'packages.txt'))
  if ((await stamp.exists()) && (await stamp.text()) === packages.join('\n')) return interpreter
  await mkdir(dirname(folder), { recursive: true })
  const steps = [
    ['python3', '-m', 'venv', '--clear', folder],
    [interpreter, '-m', 'pip', 'install', '--quiet', ...packages],
  ]
  for (const step of steps) {
    const child = Bun.spawn(step, { stdio: ['ignore', 'inherit', 'inherit'] })
    if ((await child.exited) !== 0) throw new Error(`${step.join(' ')} failed: Python 3 with venv and pip is needed.`)
  }
  await stamp.write(packages.join('\n'))
  return interpreter
}
