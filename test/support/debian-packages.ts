// The programs of real servers, from Debian's (or Ubuntu's) own packages.

/** What a proof needs of the system. */
export type Needed = {
  /** What cannot be proved without it. */
  readonly proof: string
  readonly packages: readonly string[]
  /** That the packages bring. */
  readonly programs: readonly string[]
  readonly megabytes: number
}

/** Installs what is absent, as root or through sudo without a password. Throws, saying what to do, where neither is possible. */
export async function installPackages({ proof, packages, programs, megabytes }: Needed): Promise<void> {
  const absent = () => programs.filter((name) => Bun.which(name) === null).join(', ')
  if (absent() === '') return
  const command = `apt-get install --no-install-recommends ${packages.join(' ')}`
  const byHand = `Without it there is no ${proof}; as root: ${command}`
  if (Bun.which('apt-get') === null) throw new Error(`No ${absent()} here, and no apt-get. ${byHand}`)
  const isRoot = process.getuid?.() === 0
  if (!isRoot && (await run(['sudo', '-n', 'true'])).code !== 0) {
    throw new Error(`No ${absent()} here, and this user may not install packages. ${byHand}`)
  }
  console.log(`Installing ${packages.join(', ')} (about ${megabytes} MB to download) …`)
  const apt = async (...args: string[]) =>
    await run([...(isRoot ? [] : ['sudo', '-n']), 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-y', ...args])
  const install = ['--no-install-recommends', 'install', ...packages]
  // Lists that are absent or old are the usual reason for a first failure.
  let installed = await apt(...install)
  if (installed.code !== 0) {
    await apt('update')
    installed = await apt(...install)
  }
  if (installed.code !== 0 || absent() !== '') {
    throw new Error(`apt-get could not install ${packages.join(', ')}. ${byHand}\n${installed.output.slice(-2_000)}`)
  }
}

/** A command's exit code (127 where there is no such program) and all that it said. */
async function run(command: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
  const [program = ''] = command
  if (Bun.which(program) === null) return { code: 127, output: `There is no ${program}.` }
  const child = Bun.spawn([...command], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  return { code, output: `${stdout}${stderr}` }
}
