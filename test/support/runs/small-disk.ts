// A disk that is full soon, or read-only: a file system in memory, where this user may mount one.

import { makeTempFolder } from '../lakes/temp-folder.ts'

export type SmallDisk = AsyncDisposable & { readonly path: string }

function command(...args: string[]): boolean {
  try {
    return Bun.spawnSync(args, { stdout: 'ignore', stderr: 'ignore' }).success
  } catch {
    return false
  }
}

/** Why no disk can be mounted here, or undefined where one can; the reason is printed, so that a skip is seen. */
export async function whyNoDisk(): Promise<string | undefined> {
  const { path, remove } = await makeTempFolder()
  const isMounted = command('mount', '-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', path)
  if (isMounted) command('umount', path)
  await remove()
  if (isMounted) return undefined
  const reason = 'SKIPPED: this user cannot mount a tmpfs, so full and read-only disks are not tested here.'
  console.log(reason)
  return reason
}

/** Of so many KiB; gone with its scope. */
export async function mountSmallDisk(kibibytes: number): Promise<SmallDisk & { makeReadOnly(): void }> {
  const { path, remove } = await makeTempFolder()
  if (!command('mount', '-t', 'tmpfs', '-o', `size=${kibibytes}k`, 'tmpfs', path)) throw new Error('mount failed')
  return {
    path,
    makeReadOnly: () => void command('mount', '-o', 'remount,ro', path),
    async [Symbol.asyncDispose]() {
      command('umount', path)
      await remove()
    },
  }
}
