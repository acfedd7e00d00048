// Workflows as data, and their steps run as the runner runs them: by `bash -e`, with the values in the environment.

import { join } from 'node:path'
import { ROOT, TIME_LIMIT_MS } from './runs/process.ts'

export type Step = {
  readonly name?: string
  readonly uses?: string
  readonly with?: Readonly<Record<string, unknown>>
  readonly env?: Readonly<Record<string, string>>
  readonly run?: string
  readonly if?: string
  readonly 'continue-on-error'?: boolean
}

export type Input = { readonly type: string; readonly description: string; readonly default?: string | boolean }

export type Workflow = {
  readonly name: string
  readonly on: {
    readonly schedule?: readonly { readonly cron: string }[]
    readonly workflow_dispatch?: { readonly inputs: Readonly<Record<string, Input>> }
    readonly workflow_call?: {
      readonly inputs: Readonly<Record<string, Input>>
      readonly secrets: Readonly<Record<string, { readonly required: boolean }>>
    }
  }
  readonly permissions?: Readonly<Record<string, string>>
  readonly concurrency?: { readonly group: string; readonly 'cancel-in-progress': boolean }
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly permissions?: Readonly<Record<string, string>>
        readonly 'timeout-minutes'?: number | string
        readonly needs?: string | readonly string[]
        readonly if?: string
        /** Of a called workflow, in place of steps. */
        readonly uses?: string
        readonly with?: Readonly<Record<string, unknown>>
        readonly secrets?: Readonly<Record<string, string>>
        readonly strategy?: {
          readonly 'fail-fast'?: boolean
          readonly 'max-parallel'?: string
          readonly matrix: {
            readonly os?: readonly string[]
            readonly shard?: readonly number[]
            readonly include?: readonly Readonly<Record<string, string>>[]
          }
        }
        readonly steps?: readonly Step[]
      }
    >
  >
}

const FOLDER = join(ROOT, '.github/workflows')

export const WORKFLOWS: readonly string[] = [...new Bun.Glob('*.yml').scanSync(FOLDER)].toSorted()

export async function workflowText(file: string): Promise<string> {
  return await Bun.file(join(FOLDER, file)).text()
}

export async function readWorkflow(file: string): Promise<Workflow> {
  return Bun.YAML.parse(await workflowText(file)) as Workflow
}

export function stepsOf(workflow: Workflow): readonly Step[] {
  return Object.values(workflow.jobs).flatMap(({ steps = [] }) => steps)
}

export function stepNamed(workflow: Workflow, name: string): Step {
  const step = stepsOf(workflow).find((one) => one.name === name)
  if (step === undefined) throw new Error(`There is no step "${name}"`)
  return step
}

/** The values of `vars.X`, `secrets.X` and `inputs.x`; what is not there is empty, as GitHub has it. */
export type Values = Readonly<Record<string, string>>

/** A step's environment under these values. Knows `a.b`, `a.b || c.d`, `a.b || 'default'` and `a.b != ''`. */
export function environmentOf({ env = {} }: Step, values: Values): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, text]) => [name, evaluate(text, values)]))
}

function evaluate(text: string, values: Values): string {
  const [, name = '', test, other = '', fallback = ''] =
    /^\$\{\{ ([a-z]+(?:\.[\w-]+)+)(?: (!= ''|\|\| (?:([a-z]+\.\w+)|'([^']*)')))? \}\}$/.exec(text) ?? []
  if (name === '') throw new Error(`${text} is no expression that this knows`)
  const value = values[name] ?? ''
  if (test === "!= ''") return String(value !== '')
  return value === '' ? (values[other] ?? fallback) : value
}

/** Starts a step's script in `cwd` as the runner does. */
export function startScript(script: string, { cwd, env }: { cwd: string; env: Readonly<Record<string, string>> }) {
  const child = Bun.spawn(['bash', '-e', '-c', script], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: TIME_LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  const finish = async () => {
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
    return { code: child.exitCode, signal: child.signalCode, stdout, stderr }
  }
  return { kill: (signal: NodeJS.Signals) => child.kill(signal), done: finish() }
}
