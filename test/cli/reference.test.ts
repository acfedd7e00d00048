// The reference page is the one that the tables make, and the tables name what the sources know.

import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { CONTRADICTIONS } from '../../lib/cli/checks.ts'
import { COMMANDS } from '../../lib/cli/commands.ts'
import { parseCommandLine } from '../../lib/cli/cli.ts'
import { resolveConfig } from '../../lib/cli/resolve.ts'
import type { Setting } from '../../lib/cli/setting.ts'
import { FLAGS } from '../../lib/cli/settings.ts'
import { VARIABLES } from '../../lib/cli/variables.ts'
import { errorOf } from '../support/values.ts'
import { PAGE, pageOf } from './reference.make.ts'

const page = await Bun.file(PAGE).text()
const ALL: readonly Setting[] = [
  ...Object.values(COMMANDS).flatMap(({ settings }) => Object.values(settings)),
  ...Object.values(VARIABLES),
]

test('the page is what the tables say: run `bun test/cli/reference.make.ts` after a change', () => {
  expect(page).toBe(pageOf())
})

test('every setting has a flag or a variable, and no two of a command the same', () => {
  for (const { settings } of Object.values(COMMANDS)) {
    const flags = Object.values(settings).map(({ flag }) => flag)
    expect(flags).not.toContain(undefined)
    expect(new Set(flags).size).toBe(flags.length)
  }
  const variables = Object.values({ ...FLAGS, ...VARIABLES }).flatMap((setting: Setting) => setting.variable ?? [])
  expect(new Set(variables).size).toBe(variables.length)
  expect(ALL.filter(({ flag, variable }) => flag === undefined && variable === undefined)).toEqual([])
  // Help or details: a row without a word explains nothing.
  expect(ALL.filter(({ help, details }) => help === undefined && details === undefined)).toEqual([])
})

test('every variable that the sources name in a message or read is on the page', async () => {
  const root = join(import.meta.dir, '../..')
  const files = [...new Bun.Glob('lib/**/*.ts').scanSync({ cwd: root })].filter((file) => !/databricks/.test(file))
  expect(files.length).toBeGreaterThan(30)
  const sources = await Promise.all(files.map(async (file) => await Bun.file(join(root, file)).text()))
  const found = new Set(sources.join('\n').match(/\b(?:AWS|FMP|GITHUB|NODE|RUNNER|S3)(?:_[A-Z0-9]+)+\b/g))
  for (const name of ['AWS_REGION', 'AWS_CONFIG_FILE', 'FMP_BASE_URL', 'S3_RAW_PREFIX'])
    expect([...found]).toContain(name)
  const unnamed = [...found].filter((name) => !new RegExp(`\\b${name}\\b`).test(page))
  expect(unnamed).toEqual([])
})

test('every pair that the page calls a contradiction is refused', () => {
  const sample: Record<string, string> = { '--from-date': '2024-01-02', '--to-date': '2024-01-02' }
  for (const pair of CONTRADICTIONS) {
    const argv = pair.flatMap((flag) => (flag === '--backfill' ? [flag] : [flag, sample[flag] ?? '5']))
    const line = parseCommandLine([...argv, '--out', 'lake', '--dry-run'])
    if (line.kind !== 'run') throw new Error(`${argv.join(' ')} is no run`)
    const { message } = errorOf(() => resolveConfig(line, {}, { isCompiled: false }))
    expect(message).toContain(`${pair[0]} and ${pair[1]} contradict each other`)
    expect(page).toContain(`- \`${pair[0]}\` and \`${pair[1]}\`\n`)
  }
})
