// The rules of the house that neither the linter nor the compiler knows.
import { describe, expect, test } from 'bun:test'
import { dirname, join, normalize } from 'node:path'
import { VARIABLES } from '../lib/cli/variables.ts'
import { figuresOf, importsIn, problemOf } from './support/house.ts'

const ROOT = join(import.meta.dir, '..')

const MAX_LIB_LINES = 250
const MAX_ENTRY_LINES = 99

/** Files that compute and do nothing else. Whatever they import at run time has to be as pure. */
const PURE_FILES = [
  'lib/core/dates.ts',
  'lib/core/calendar.ts',
  'lib/core/errors.ts',
  'lib/cli/tickers.ts',
  'lib/datasets/check.ts',
  'lib/datasets/prices/plan.ts',
  'lib/datasets/prices/schema.ts',
  'lib/datasets/statements/schema.ts',
  'lib/fmp/call-budget.ts',
  'lib/report/summary.ts',
]

const LIB_FILES = filesUnder('lib')

/** Files of `lib/` without a test of their path: the test that covers them, and why it is that one. */
const COVERED_ELSEWHERE: Readonly<Record<string, readonly [test: string, why: string]>> = {
  'cli/checks.ts': ['cli/resolve.test.ts', 'checks what resolve.ts has read'],
  'cli/commands.ts': ['cli/cli.test.ts', 'a table of commands'],
  'cli/lake-settings.ts': ['cli/resolve-lake.test.ts', 'a table that resolve-lake.ts reads'],
  'cli/layout.ts': ['cli/help.test.ts', 'lays out the text of that page'],
  'cli/places.ts': ['cli/resolve.test.ts', 'two values that resolve.ts reads'],
  'cli/reader.ts': ['cli/resolve.test.ts', 'reads what resolve.ts asks for'],
  'cli/schemas.ts': ['cli/resolve.test.ts', 'forms of values, tried through the settings that have them'],
  'cli/setting.ts': ['cli/resolve.test.ts', 'the form of the tables, and what a switch is'],
  'cli/settings.ts': ['cli/resolve.test.ts', 'a table that resolve.ts reads'],
  'cli/synonyms.ts': ['cli/suggestions.test.ts', 'the tables that are then guessed by'],
  'cli/variables.ts': ['cli/resolve.test.ts', 'a table that resolve.ts reads'],
  'cli/words.ts': ['cli/suggestions.test.ts', 'the words that are then guessed at'],
  'cli/ticker-csv.ts': ['cli/tickers.test.ts', 'the first step of reading a list'],
  'cli/ticker-spelling.ts': ['cli/tickers.test.ts', 'the second step of reading a list'],
  'core/findings.ts': ['commands/inspect/verify.test.ts', 'a table of kinds, each of which is planted there'],
  'datasets/cures.ts': ['commands/inspect/verify.test.ts', 'the commands that heal what was planted'],
  'datasets/table/verify.ts': ['commands/inspect/verify.test.ts', 'faults of a table, each of which is planted there'],
  'datasets/prices/price-files.ts': ['commands/inspect/verify.test.ts', 'reads the files of a planted lake'],
  'datasets/prices/sample-year.ts': ['commands/inspect/verify.lakes.test.ts', 'a sample of whole lakes'],
  'datasets/prices/verify-files.ts': ['commands/inspect/verify.test.ts', 'faults that footers show'],
  'datasets/prices/verify-rows.ts': ['commands/inspect/verify.test.ts', 'faults that rows show'],
  'datasets/prices/verify-symbol.ts': ['datasets/verify-file.test.ts', 'whole symbols with a damaged byte'],
  'datasets/prices/verify-bases.ts': ['commands/inspect/verify.lakes.test.ts', 'mends that were undone'],
  'commands/inspect/verify-sample.ts': ['commands/inspect/verify.lakes.test.ts', 'a sample of whole lakes'],
  'commands/inspect/verify-beside.ts': ['commands/inspect/verify.test.ts', 'what that command finds of a planted lake'],
  'commands/inspect/verify-table.ts': ['commands/inspect/verify.test.ts', 'the tables of a planted lake'],
  'commands/inspect/verify-walk.ts': ['commands/inspect/verify.test.ts', 'the walk of that command'],
  'datasets/table/raw-units.ts': [
    'datasets/table/update.test.ts',
    'which raw files give which rows, through the updates',
  ],
  'datasets/table/night-tasks.ts': ['datasets/table/night.test.ts', 'the first half of a night'],
  'datasets/table/update-plan.ts': ['datasets/table/update.test.ts', 'the first half of an update'],
  'commands/tables.ts': ['datasets/table/night.test.ts', 'puts together the nights that are played there'],
  'report/symbol-history.ts': [
    'commands/inspect/verify.lakes.test.ts',
    'what runs tell of mends, comparisons and ends',
  ],
  'report/verify.ts': ['commands/inspect/verify.test.ts', 'the document and the text of that command'],
  'commands/databricks/bundle.ts': ['commands/databricks/databricks.test.ts', 'the files that the command writes'],
  'commands/demo/demo.ts': ['e2e/demo.test.ts', 'a command, run as a process'],
  'commands/demo/statements.ts': ['commands/demo/server.test.ts', 'rows that the server answers with'],
  'commands/doctor/context.ts': ['commands/doctor/doctor.test.ts', 'what the checks look at'],
  'commands/doctor/run-checks.ts': ['commands/doctor/doctor.test.ts', 'set-ups that these checks tell of'],
  'commands/doctor/store-checks.ts': ['commands/doctor/doctor.test.ts', 'likewise'],
  'commands/doctor/store-look.ts': ['commands/doctor/doctor.test.ts', 'the requests of these checks'],
  'commands/doctor/vendor-checks.ts': ['commands/doctor/doctor.test.ts', 'likewise'],
  'commands/doctor/vendor-look.ts': ['commands/doctor/doctor.test.ts', 'the calls of these checks'],
  'commands/ingest/finish.ts': ['commands/ingest/ingest.test.ts', 'the end of that run'],
  'commands/sql/dialects.ts': ['commands/sql/sql.test.ts', 'the lines of each reader'],
  'commands/sql/place.ts': ['commands/sql/sql.test.ts', 'the places that those lines name'],
  'commands/vendor.ts': ['commands/ingest/ingest.test.ts', 'how that run asks FMP'],
  'commands/streams.ts': ['faults/process.test.ts', 'shows only where the output of a process breaks'],
  'core/config.ts': ['cli/resolve.test.ts', 'types, and the names of the datasets'],
  'core/dataset.ts': ['datasets/check.test.ts', 'types, and what they have in common'],
  'datasets/cell.ts': ['commands/inspect/why.test.ts', 'objects and their hashes, in a folder and in a bucket'],
  'datasets/datasets.ts': ['commands/ingest/ingest.test.ts', 'a list of datasets and its lookup'],
  'datasets/fields.ts': ['datasets/statements/schema.test.ts', 'fields, tried through the rows that have them'],
  'datasets/file-action.ts': ['datasets/prices/write.test.ts', 'two lines, decided for the writer'],
  'datasets/prices/compare.ts': ['faults/moving-past.test.ts', 'whole nights over a vendor whose past moves'],
  'datasets/prices/ask-cell.ts': ['commands/inspect/why.test.ts', 'what FMP has now'],
  'datasets/prices/cell.ts': ['commands/inspect/why.year.test.ts', 'every cell of a year'],
  'datasets/prices/compared-windows.ts': ['faults/moving-past.test.ts', 'likewise'],
  'datasets/prices/decide.ts': ['datasets/prices/task.test.ts', 'the second half of a task'],
  'datasets/prices/look.ts': ['faults/moving-past.test.ts', 'likewise'],
  'datasets/prices/market-gate.ts': ['faults/market.test.ts', 'whole nights over a vendor that is wrong about all'],
  'datasets/prices/market-text.ts': ['faults/market.test.ts', 'the words of those nights'],
  'datasets/prices/next-run.ts': ['commands/inspect/why.year.test.ts', 'the next run of every cell'],
  'datasets/prices/no-rows.ts': ['datasets/prices/task.test.ts', 'the outcome of a task without rows'],
  'datasets/prices/past-doubts.ts': ['datasets/prices/past.test.ts', 'a part of the verdict'],
  'datasets/prices/past-steps.ts': ['datasets/prices/past.test.ts', 'likewise'],
  'datasets/prices/past-text.ts': ['datasets/prices/past.test.ts', 'the words of a verdict'],
  'datasets/prices/planned-rows.ts': ['datasets/prices/task.test.ts', 'the files of a task'],
  'datasets/prices/reaction.ts': ['faults/moving-past.test.ts', 'what a night makes of a verdict'],
  'datasets/prices/session-fates.ts': ['datasets/prices/outcome.test.ts', 'the fates that the outcome counts'],
  'datasets/prices/store-symbol.ts': ['datasets/prices/task.test.ts', 'the last step of a task'],
  'datasets/prices/symbol-state.ts': ['commands/inspect/status.test.ts', 'what that command says of a symbol'],
  'datasets/prices/windows.ts': ['e2e/past-report.test.ts', 'what the vendor is asked, and what it refuses'],
  'datasets/prices/validate.ts': ['datasets/check.test.ts', 'the rules and their dataset in one table'],
  'datasets/prices/year-status.ts': ['datasets/prices/plan.test.ts', 'the verdicts that the plan takes'],
  'datasets/statements/balance.ts': ['datasets/statements/schema.test.ts', 'a list of columns'],
  'datasets/statements/cashflow.ts': ['datasets/statements/schema.test.ts', 'a list of columns'],
  'datasets/statements/cell.ts': ['commands/inspect/why.test.ts', 'the life of a document'],
  'datasets/statements/income.ts': ['datasets/statements/schema.test.ts', 'a list of columns'],
  'datasets/statements/side-fields.ts': [
    'datasets/statements/schema.test.ts',
    'fields, tried through the rows that have them',
  ],
  'datasets/statements/task.ts': ['e2e/statements.test.ts', 'a whole run over a folder and a bucket'],
  'datasets/statements/write.ts': ['e2e/statements.test.ts', 'a whole run over a folder and a bucket'],
  'datasets/stored-file.ts': ['datasets/prices/survey.test.ts', 'how the survey reads files'],
  'fmp/pauses.ts': ['fmp/rate-gate.test.ts', 'the pauses of that gate'],
  'fmp/ledger/leasing.ts': ['fmp/ledger/shared-limit.test.ts', 'what the limit of one process leases, and when'],
  'parquet/reader.ts': ['parquet/parquet.test.ts', 'rows are read back there through the door'],
  'parquet/writer.ts': ['parquet/parquet.test.ts', 'what it writes is read back there'],
  'parquet/worker.ts': ['parquet/encoder.test.ts', 'the other end of its messages'],
  'pipeline/task-runner.ts': ['pipeline/pipeline.test.ts', 'one task of those that the pipeline runs'],
  'report/cell-events.ts': ['report/cell-life.test.ts', 'the events of each run of a life'],
  'report/why.ts': ['commands/inspect/why.year.test.ts', 'a schema that every cell is held against'],
  'report/why-state.ts': ['commands/inspect/why.year.test.ts', 'the state of every cell'],
  'report/progress-text.ts': ['report/live-line.test.ts', 'the texts that the live line shows'],
  'store/folder/errors.ts': ['store/folder/folder.test.ts', 'errors of a real file system'],
  'store/folder/listing.ts': ['store/contract.test.ts', 'one suite for both stores'],
  'store/gc-trigger.ts': ['store/contract.test.ts', 'a wrapper that the suite opens stores with'],
  'store/s3/listing.ts': ['store/contract.test.ts', 'one suite for both stores'],
  'store/s3/bucket.ts': ['store/s3/s3.test.ts', 'what all requests of a bucket share'],
  'store/s3/client.ts': ['store/s3/s3.test.ts', 'shows only with the requests that s3.ts makes'],
  'store/s3/create-only.ts': ['store/s3/s3.test.ts', 'likewise'],
  'store/s3/deadline.ts': ['store/s3/wire.test.ts', 'likewise, of wire.ts'],
  'store/s3/errors.ts': ['store/s3/s3.test.ts', 'likewise'],
  'store/s3/fetch-handler.ts': ['store/s3/s3.test.ts', 'listings and whole reads go through it'],
  'store/s3/if-match.ts': ['store/s3/s3.test.ts', 'the tag of a refresh'],
  'store/s3/reads.ts': ['store/contract.test.ts', 'one suite for both stores'],
  'store/s3/sdk-error.ts': ['store/s3/s3.test.ts', 'likewise'],
  'store/s3/slow-wait.ts': ['faults/stores.test.ts', 'a whole run over a store that is out of order'],
  'store/store.ts': ['store/contract.test.ts', 'the contract, and the tag of a stored file'],
  'commands/ingest/command.ts': [
    'e2e/elsewhere.test.ts',
    'the file of variables, the settings and the pings as a process has them',
  ],
  'commands/failure.ts': ['e2e/usage.test.ts', 'what a process says at its end, and its exit code'],
  'commands/inspect/look.ts': ['commands/inspect/status.test.ts', 'what that command starts from'],
  'commands/inspect/ask-fmp.ts': ['commands/inspect/why.test.ts', 'what that command asks FMP'],
  'commands/inspect/cell-runs.ts': ['commands/inspect/why.test.ts', 'the runs that it reads'],
  'commands/inspect/why-document.ts': ['commands/inspect/why.test.ts', 'the command, of a statement'],
  'commands/inspect/why-price.ts': ['commands/inspect/why.year.test.ts', 'the command, of every cell of a year'],
  'commands/private-file.ts': ['e2e/elsewhere.test.ts', 'rights to files, and pipes'],
  'report/coverage.ts': ['commands/inspect/coverage.test.ts', 'the document of that command'],
  'report/run-group-text.ts': ['report/run-group.test.ts', 'the text of the same document'],
  'report/run-status.ts': ['report/status.test.ts', 'the lines of runs in that text'],
  'report/counts.ts': ['report/contract.test.ts', 'a part of that document’s schema'],
  'report/coverage-tables.ts': ['report/coverage-page.test.ts', 'the tables of that page'],
  'report/markdown.ts': ['report/github.test.ts', 'what a reader sees of a step summary'],
}

function filesUnder(folder: string): string[] {
  return [...new Bun.Glob('**/*.ts').scanSync({ cwd: join(ROOT, folder) })]
    .filter((name) => !name.endsWith('.d.ts'))
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .toSorted()
}

/** A file's text; a missing file fails the test by name. */
function read(path: string): Promise<string> {
  return Bun.file(join(ROOT, path)).text()
}

function lineCount(text: string): number {
  return text.trimEnd().split('\n').length
}

/** Whether a text names a word, not as a part of a longer one. */
function names(text: string, word: string): boolean {
  const escaped = word.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
  return new RegExp(`(?<![\\w-])${escaped}(?![\\w-])`).test(text)
}

type Manifest = {
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
  trustedDependencies: string[]
}

describe('package.json', () => {
  test('pins exact versions and trusts no install script', async () => {
    const { dependencies, devDependencies, trustedDependencies }: Manifest = JSON.parse(await read('package.json'))
    const all = Object.entries({ ...dependencies, ...devDependencies })
    expect(all.length).toBeGreaterThan(0)
    expect(all.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([])
    expect(trustedDependencies).toEqual([])
  })
})

/** The packages that a file imports, early or late. */
function packagesIn(source: string): readonly string[] {
  return new Bun.Transpiler({ loader: 'ts' })
    .scanImports(source.replace(/^#!.*/, ''))
    .filter(({ path }) => !/^(?:\.|node:|bun$|bun:)/.test(path))
    .map(({ path }) => /^(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? path)
}

async function packagesOf(paths: readonly string[]): Promise<readonly string[]> {
  const sources = await Promise.all(paths.map(read))
  return [...new Set(sources.flatMap(packagesIn))].toSorted()
}

describe('what is imported', () => {
  // A package without a place in the lock file would be fetched in whatever version is the newest, from whoever owns its name.
  test('by the program is a dependency of package.json, in the version of the lock file', async () => {
    const { dependencies }: Manifest = JSON.parse(await read('package.json'))
    const used = await packagesOf(['ingest.ts', ...LIB_FILES])
    expect(used).toEqual(Object.keys(dependencies).toSorted())
    const lock = await read('bun.lock')
    expect(used.filter((name) => !lock.includes(`"${name}": ["${name}@${dependencies[name]}", `))).toEqual([])
  })

  test('by tests and scripts is a dependency too', async () => {
    const { dependencies, devDependencies }: Manifest = JSON.parse(await read('package.json'))
    const used = await packagesOf(['build.ts', '.github/check-workflows.ts', ...filesUnder('test')])
    expect(used).toContain('@duckdb/node-api')
    expect(used.filter((name) => !(name in dependencies) && !(name in devDependencies))).toEqual([])
  })

  test('this test would see a new one, also where it is loaded late', () => {
    expect(packagesIn("import a from 'left-pad/x'\nconst b = await import('@scope/name/y')\nuse(a, b)")).toEqual([
      'left-pad',
      '@scope/name',
    ])
  })
})

describe('the code', () => {
  test('stands in rooms that the contributing guide explains', async () => {
    const guide = await read('.github/CONTRIBUTING.md')
    const rooms = [...new Set(LIB_FILES.map((path) => path.split('/').slice(0, 2).join('/')))]
    expect(rooms).toContain('lib/core')
    expect(rooms.filter((room) => !guide.includes(`\`${room}/\``))).toEqual([])
  })

  test.each(LIB_FILES)(`%s has at most ${MAX_LIB_LINES} lines`, async (path) => {
    expect(lineCount(await read(path))).toBeLessThanOrEqual(MAX_LIB_LINES)
  })

  test('ingest.ts has less than 100', async () => {
    expect(lineCount(await read('ingest.ts'))).toBeLessThanOrEqual(MAX_ENTRY_LINES)
  })
})

describe('the reference page, lib/cli/README.md,', () => {
  test.each([
    [['--help'], '--lookback'],
    [['demo', '--help'], '--out'],
    [['databricks', '--help'], '--catalog'],
  ])('names every flag of %p', async (args, expected) => {
    const ran = Bun.spawnSync([process.execPath, '--no-env-file', 'ingest.ts', ...args], { cwd: ROOT })
    const flags = new Set(ran.stdout.toString().match(/(?<![\w-])--[a-z][a-z-]*/g))
    expect(ran.exitCode).toBe(0)
    expect([...flags]).toContain(expected)
    const page = await read('lib/cli/README.md')
    expect([...flags].filter((flag) => !names(page, flag))).toEqual([])
  })

  test('names every environment variable', async () => {
    const page = await read('lib/cli/README.md')
    const variables = Object.values(VARIABLES).map(({ variable }) => variable)
    expect(variables).toContain('FMP_API_KEY')
    expect(variables.filter((name) => !names(page, name))).toEqual([])
  })
})

describe('the tests', () => {
  const tests = new Set(new Bun.Glob('**/*.test.ts').scanSync({ cwd: join(ROOT, 'test') }))

  test('have the path of the code, or the table says where else it is covered', async () => {
    const code = await Promise.all(LIB_FILES.map(async (path) => ((await hasCode(path)) ? [path.slice(4)] : [])))
    const alone = code.flat().filter((path) => !tests.has(path.replace(/\.ts$/, '.test.ts')))
    // In both directions: what is covered under its own path stands in no table.
    expect(alone).toEqual(Object.keys(COVERED_ELSEWHERE).toSorted())
    expect(Object.values(COVERED_ELSEWHERE).filter(([covering]) => !tests.has(covering))).toEqual([])
  })
})

/** Whether anything is left of a file when its types are gone. */
async function hasCode(path: string): Promise<boolean> {
  const code = new Bun.Transpiler({ loader: 'ts' }).transformSync(await read(path))
  return code.replaceAll(/^\s*(?:import .*|export \{\s*\};?)$/gm, '').trim() !== ''
}

describe('the pure core', () => {
  test.each(PURE_FILES)('%s does no I/O, nor does what it imports', async (path) => {
    expect(await impuritiesOf(path, new Set())).toEqual([])
  })

  test('this test would see it', () => {
    const types =
      "import type { Store } from '../lib/store/store.ts'\nexport const now = (store: Store): number => store.size\n"
    expect(impurities('lib/x.ts', types)).toEqual([])
    expect(
      impurities('lib/x.ts', "// process.exit(), fetch(url), Bun.file('x')\nexport const a = { fetch: 1 }"),
    ).toEqual([])
    const impure = [
      "import { readFile } from 'node:fs'\nexport const a = readFile",
      "import { createS3 } from '../lib/store/s3/s3.ts'\nexport const a = createS3",
      "import { getJson } from '../lib/fmp/calls.ts'\nexport const a = getJson",
      "import * as bun from 'bun'\nexport const a = bun",
      "export const a = () => Bun.file('x')",
      'export const a = () => process.env',
      'export const { env } = process',
      'export const a = () => fetch(url)',
      'export const a = () => globalThis.fetch(url)',
      'export const a = () => Date.now()',
      'export const a = () => new Date()',
      'export const a = () => Math.random()',
    ]
    expect(impure.filter((source) => impurities('lib/x.ts', source).length === 0)).toEqual([])
  })
})

const IMPURE_IMPORT = /^(?:node:|bun$|bun:)|^lib\/store\/|^lib\/fmp\/calls\.ts$/
const IMPURE_USE =
  /(?<![.\w$'"`-])(?:Bun\b|process\b(?!['"`:-])|fetch\(|Date\.now\b|new Date\b(?!\()|Math\.random\b)|\bglobalThis\b/

/** What a file does at run time that a pure one does not: imports and globals. */
function impurities(path: string, source: string): string[] {
  const imports = runtimeImports(path, source).filter((name) => IMPURE_IMPORT.test(name))
  // Transpiled, so that comments and types do not count; texts are left out too.
  const code = new Bun.Transpiler({ loader: 'ts' }).transformSync(source)
  const use = IMPURE_USE.exec(withoutTexts(code))
  return [...imports, ...(use === null ? [] : [use[0]])].map((what) => `${path}: ${what}`)
}

/** Imports left when types are gone, relative ones as paths from the root. */
function runtimeImports(path: string, source: string): string[] {
  const imports = new Bun.Transpiler({ loader: 'ts' }).scanImports(source)
  return imports.map((found) => (found.path.startsWith('.') ? normalize(join(dirname(path), found.path)) : found.path))
}

/** Code with its string literals emptied. Template literals stay: code stands in them. */
function withoutTexts(code: string): string {
  return code.replaceAll(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g, '""')
}

async function impuritiesOf(path: string, seen: Set<string>): Promise<string[]> {
  if (seen.has(path)) return []
  seen.add(path)
  const source = await read(path)
  const found = impurities(path, source)
  for (const name of runtimeImports(path, source)) {
    if (name.startsWith('lib/')) found.push(...(await impuritiesOf(name, seen)))
  }
  return found
}

describe('the rooms', () => {
  test('import rooms below them, by their doors', async () => {
    const imports = await importsIn(ROOT, ['ingest.ts', ...LIB_FILES])
    process.stderr.write(`house: ${figuresOf(imports)}\n`)
    expect(imports.length).toBeGreaterThan(200)
    expect(imports.flatMap((one) => problemOf(one) ?? [])).toEqual([])
  })

  test.each([
    ['core/dates.ts', 'fmp/fmp.ts', 'upward'],
    ['pipeline/pipeline.ts', 'datasets/datasets.ts', 'upward'],
    ['fmp/fmp.ts', 'store/store.ts', 'sideways'],
    ['report/summary.ts', 'datasets/datasets.ts', 'sideways'],
    ['datasets/check.ts', 'fmp/calls.ts', 'past the door of fmp/'],
    ['datasets/prices/write.ts', 'store/s3/s3.ts', 'past the door of store/'],
    ['commands/ingest/ingest.ts', 'fmp/rate-gate.ts', 'past the door of fmp/'],
    ['datasets/prices/plan.ts', 'datasets/statements/plan.ts', 'from one folder of a room into another'],
    ['store/s3/s3.ts', 'store/folder/errors.ts', 'from one folder of a room into another'],
    ['commands/effects.ts', 'ingest.ts', 'upward'],
  ])('a planted import of %s: %s is refused', (from, to, what) => {
    expect(problemOf({ from, to })).toBe(`${from} -> ${to}: ${what}`)
  })

  test.each([
    ['datasets/prices/plan.ts', 'core/dates.ts'],
    ['datasets/prices/write.ts', 'store/store.ts'],
    ['datasets/datasets.ts', 'datasets/prices/job.ts'],
    ['datasets/prices/task.ts', 'datasets/check.ts'],
    ['commands/effects.ts', 'store/s3/s3.ts'],
    ['commands/demo/demo.ts', 'commands/ingest/ingest.ts'],
    ['ingest.ts', 'commands/effects.ts'],
  ])('%s may import %s', (from, to) => {
    expect(problemOf({ from, to })).toBeUndefined()
  })
})
