// `KILL_AT=7 KILL_WHEN=before bun --preload ./test/support/runs/kill-at.ts ingest.ts …` runs the real program and ends it with
// SIGKILL at its seventh file-system step: before it, after it, or, where the step writes, with half of the bytes
// written. Steps are what a folder store does to a disk: mkdir, open, write, sync, link, rename, rm. With STEPS_FILE
// they are listed in that file, one a line, and `KILL_AT=0` lets the program live. The functions are exchanged on the
// module's own object, which reaches named imports as long as nothing has imported the module before.

import { appendFileSync } from 'node:fs'
import type * as fileSystemModule from 'node:fs/promises'
import process from 'node:process'

type When = 'before' | 'half' | 'after'
type FileSystem = typeof fileSystemModule
type Handle = Awaited<ReturnType<FileSystem['open']>>

const killAt = Number(process.env['KILL_AT'])
const killWhen = (process.env['KILL_WHEN'] ?? 'before') as When
const stepsFile = process.env['STEPS_FILE']
if (!Number.isSafeInteger(killAt) || killAt < 0) throw new Error(`KILL_AT=${process.env['KILL_AT']} is no step.`)

let steps = 0

/** Nothing of this process happens after this. */
async function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL')
  return await new Promise<never>(() => undefined)
}

/** Does one step, unless the process dies before it, in it (as `half` does) or after it. */
async function step<T>(name: string, act: () => Promise<T>, half?: () => Promise<unknown>): Promise<T> {
  steps += 1
  const isFatal = steps === killAt
  if (stepsFile !== undefined) appendFileSync(stepsFile, `${name}\n`)
  if (isFatal && killWhen === 'half') await half?.()
  if (isFatal && killWhen !== 'after') return await die()
  const result = await act()
  return isFatal ? await die() : result
}

const fileSystem = process.getBuiltinModule('node:fs/promises')
const real = { ...fileSystem }

function watchHandle(handle: Handle): Handle {
  const { writeFile, sync } = handle
  handle.writeFile = async (data, options) => {
    const halve = async () => {
      const bytes = data as Uint8Array
      await writeFile.call(handle, bytes.subarray(0, bytes.length / 2))
    }
    await step('write', async () => await writeFile.call(handle, data, options), halve)
  }
  handle.sync = async () => await step('sync', async () => await sync.call(handle))
  return handle
}

const watched: Partial<FileSystem> = {
  open: async (...args) => await step('open', async () => watchHandle(await real.open(...args))),
  link: async (...args) => await step('link', async () => await real.link(...args)),
  rename: async (...args) => await step('rename', async () => await real.rename(...args)),
  rm: async (...args) => await step('rm', async () => await real.rm(...args)),
  mkdir: (async (...args: Parameters<FileSystem['mkdir']>) =>
    await step('mkdir', async () => await real.mkdir(...args))) as FileSystem['mkdir'],
}
Object.assign(fileSystem, watched)
