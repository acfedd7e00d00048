#!/usr/bin/env bun
// Compiles the program into one file: `bun run build` into dist/ingest for this machine, `bun run build --release` one for
// every platform of a release. `--outdir DIR` puts them elsewhere.

import { $ } from 'bun'
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

/** The platforms of a release. x64 is any such CPU since 2013 (AVX2), musl is Alpine's libc. */
const TARGETS = [
  'linux-x64',
  'linux-x64-musl',
  'linux-arm64',
  'linux-arm64-musl',
  'darwin-x64',
  'darwin-arm64',
  'windows-x64',
] as const

const ROOT = import.meta.dir

const { values: options } = parseArgs({
  options: {
    release: { type: 'boolean', default: false },
    outdir: { type: 'string', default: join(ROOT, 'dist') },
  },
})
const commit = await currentCommit()
if (options.release) {
  for (const target of TARGETS) await build(`ingest-${target}`, `bun-${target}`)
} else {
  await build('ingest')
}

/** What the sources are, for `--version`: the commit, and whether files differ from it. */
async function currentCommit(): Promise<string> {
  const head = await $`git rev-parse --short=12 HEAD`.cwd(ROOT).nothrow().quiet()
  if (head.exitCode !== 0) return 'no commit known'
  const changes = await $`git status --porcelain --untracked-files=no`.cwd(ROOT).nothrow().quiet()
  return `${head.text().trim()}${changes.text().trim() === '' ? '' : ', changed'}`
}

async function build(name: string, target?: Bun.Build.CompileTarget): Promise<void> {
  const workFolder = await mkdtemp(join(tmpdir(), 'build-'))
  await Bun.build({
    entrypoints: [join(ROOT, 'ingest.ts'), join(ROOT, 'lib/parquet/worker.ts')],
    compile: {
      outfile: join(workFolder, name),
      ...(target === undefined ? {} : { target }),
      // What lies in the folder where the program is started is not its business: a bunfig.toml could run code.
      autoloadBunfig: false,
      autoloadDotenv: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
    },
    define: { BUILD_COMMIT: JSON.stringify(commit) },
    minify: true,
    // Compiled ahead: the program starts in a third of the time.
    bytecode: true,
    format: 'esm',
    // What is imported late is loaded late.
    splitting: true,
    sourcemap: 'linked',
  })
  // Beside the binary lie source maps, which it holds as well.
  const binary = (await readdir(workFolder)).find((file) => file === name || file === `${name}.exe`)
  if (binary === undefined) throw new Error(`No binary was made for ${name}`)
  await cp(join(workFolder, binary), join(options.outdir, binary))
  process.stderr.write(`${join(options.outdir, binary)}\n`)
  await rm(workFolder, { recursive: true })
}
