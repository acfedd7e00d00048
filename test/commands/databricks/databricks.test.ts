// The bundle as text: everything it refers to is there, everything it defines is used, and none of it is of the old dialect.

import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { bundleFiles, rawRootOf } from '../../../lib/commands/databricks/bundle.ts'
import { STATEMENTS } from '../../../lib/datasets/datasets.ts'

const FOLDER = join(import.meta.dir, '../../../lib/commands/databricks')
const FILES = bundleFiles({ bucket: 'my-bucket', prefix: 'raw', catalog: 'main' })
const paths = (ending: string) => [...FILES.keys()].filter((path) => path.endsWith(ending))

type Yaml = { readonly [key: string]: unknown }

function yaml(path: string, files = FILES): Yaml {
  return Bun.YAML.parse(files.get(path) ?? '') as Yaml
}

/** Every value of a document with the keys that lead to it, list indices left out: `a.b.c`. */
function leaves(value: unknown, place = ''): [place: string, value: unknown][] {
  if (Array.isArray(value)) return value.flatMap((item) => leaves(item, place))
  if (typeof value !== 'object' || value === null) return [[place, value]]
  return Object.entries(value).flatMap(([key, item]) => leaves(item, place === '' ? key : `${place}.${key}`))
}

/** What a bundle may say, names of the user's own as `*`. Taken from the schema of the CLI's configuration. */
const KNOWN = [
  'bundle.name',
  'include',
  'variables.*.description',
  'variables.*.default',
  'targets.*.mode',
  'targets.*.default',
  'targets.*.variables.*',
  'targets.*.workspace.root_path',
]
const KNOWN_RESOURCES = [
  ...['name', 'catalog', 'schema', 'serverless', 'continuous', 'libraries.file.path', 'configuration.raw_root'].map(
    (key) => `resources.pipelines.*.${key}`,
  ),
  ...[
    'name',
    'max_concurrent_runs',
    'trigger.pause_status',
    'trigger.file_arrival.url',
    'trigger.file_arrival.min_time_between_triggers_seconds',
    'trigger.file_arrival.wait_after_last_change_seconds',
    'schedule.pause_status',
    'schedule.quartz_cron_expression',
    'schedule.timezone_id',
    'tasks.task_key',
    'tasks.environment_key',
    'tasks.pipeline_task.pipeline_id',
    'tasks.spark_python_task.python_file',
    'tasks.spark_python_task.parameters',
    'environments.environment_key',
    'environments.spec.environment_version',
  ].map((key) => `resources.jobs.*.${key}`),
]

const isKnown = (place: string, known: readonly string[]) =>
  known.some((pattern) =>
    new RegExp(`^${pattern.replaceAll('.', String.raw`\.`).replaceAll('*', String.raw`\w+`)}$`).test(place),
  )

describe('the bundle', () => {
  test('has every file that lies in its folder, and no other', () => {
    const lying = [...new Bun.Glob('**/*.{sql,yml,py,md}').scanSync({ cwd: FOLDER })].map((path) =>
      path.replaceAll('\\', '/'),
    )
    expect([...FILES.keys()].toSorted()).toEqual(lying.toSorted())
  })

  test('says nothing that the CLI would not know', () => {
    const unknown = leaves(yaml('databricks.yml')).filter(([place]) => !isKnown(place, KNOWN))
    expect(unknown).toEqual([])
    for (const path of paths('.yml').filter((name) => name.startsWith('resources/'))) {
      expect(leaves(yaml(path)).filter(([place]) => !isKnown(place, KNOWN_RESOURCES))).toEqual([])
    }
  })

  test('includes its resources, and its resources name files that are there', () => {
    expect(yaml('databricks.yml')['include']).toEqual(['resources/*.yml'])
    const named = paths('.yml').flatMap((path) =>
      leaves(yaml(path)).filter(([place]) => /libraries\.file\.path$|python_file$/.test(place)),
    )
    expect(named).toHaveLength(4)
    expect(named.filter(([, path]) => !FILES.has(String(path).replace('../', '')))).toEqual([])
    const folders = leaves(yaml('resources/warehouse.yml')).flatMap(([, value]) => {
      const [, folder] = /^\$\{workspace\.file_path\}\/(.*)$/.exec(String(value)) ?? []
      return folder === undefined ? [] : [folder]
    })
    expect(folders).toEqual(['sql/warehouse', 'sql/warehouse-statements'])
    for (const folder of folders) {
      expect(paths('.sql').some((path) => path.slice(0, path.lastIndexOf('/')) === folder)).toBe(true)
    }
  })

  test('defines the variables that it uses, and uses those that it defines', () => {
    const text = paths('.yml')
      .map((path) => FILES.get(path))
      .join('\n')
    const used = new Set([...text.matchAll(/\$\{var\.(\w+)\}/g)].map(([, name = '']) => name))
    expect([...used].toSorted()).toEqual(Object.keys(yaml('databricks.yml')['variables'] as Yaml).toSorted())
    const pipelines = leaves(yaml('resources/pipelines.yml')).filter(([place]) => place.includes('.configuration.'))
    for (const path of paths('.sql').filter((name) => name.startsWith('sql/pipeline/'))) {
      const variables = new Set([...(FILES.get(path) ?? '').matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name))
      expect([...variables]).toEqual(['raw_root'])
    }
    expect(pipelines.map(([place]) => place.split('.').at(-1))).toEqual(['raw_root', 'raw_root'])
  })

  test('refers to resources that are there, and to workspace values that the CLI has', () => {
    const text = paths('.yml')
      .map((path) => FILES.get(path))
      .join('\n')
    const keys = paths('.yml').flatMap((path) => leaves(yaml(path)).map(([place]) => place))
    const references = [...text.matchAll(/\$\{(?!var\.)([\w.]+)\}/g)].map(([, name = '']) => name)
    const resources = references.filter((name) => name.startsWith('resources.'))
    expect(resources).toHaveLength(3)
    for (const name of resources) expect(keys).toContain(name.replace(/\.id$/, '.name'))
    expect(new Set(references.filter((name) => !name.startsWith('resources.')))).toEqual(
      new Set([
        'bundle.name',
        'bundle.target',
        'workspace.current_user.short_name',
        'workspace.current_user.userName',
        'workspace.file_path',
      ]),
    )
  })

  test('for a bucket that is named leaves nothing open: no placeholder, no host, a value for every variable', () => {
    const open = /__[A-Z_]+__|\{\{|\}\}|MISSING|MY-BUCKET|https:\/\/HOST|\bhost:/
    expect(paths('').filter((path) => open.test(FILES.get(path) ?? ''))).toEqual([])
    const variables = Object.entries(yaml('databricks.yml')['variables'] as Record<string, Yaml>)
    expect(variables.filter(([, variable]) => variable['default'] === undefined)).toEqual([])
    expect(Object.fromEntries(variables)).toMatchObject({
      raw_root: { default: 's3://my-bucket/raw' },
      catalog: { default: 'main' },
      on_arrival: { default: 'UNPAUSED' },
      on_schedule: { default: 'PAUSED' },
    })
  })

  // The mode `development` pauses only those triggers that say nothing of it, and these do.
  test('lets nothing start by itself in dev', () => {
    const { variables, targets } = yaml('databricks.yml') as { variables: Record<string, Yaml>; targets: { dev: Yaml } }
    const paused = ['jobs', 'warehouse'].flatMap((name) =>
      leaves(yaml(`resources/${name}.yml`)).filter(([place]) => place.endsWith('.pause_status')),
    )
    expect(paused).toHaveLength(4)
    for (const [, reference] of paused) {
      const name = /^\$\{var\.(\w+)\}$/.exec(String(reference))?.[1] ?? ''
      const own = (targets.dev['variables'] as Yaml)[name]
      expect(own ?? variables[name]?.['default']).toBe('PAUSED')
    }
  })

  test('without a bucket marks the one variable that lacks a value', () => {
    const files = bundleFiles({ bucket: undefined, prefix: 'raw', catalog: '2024' })
    const variables = Object.entries(yaml('databricks.yml', files)['variables'] as Record<string, Yaml>)
    expect(variables.filter(([, { default: value }]) => value === undefined).map(([name]) => name)).toEqual([
      'raw_root',
    ])
    expect(files.get('databricks.yml')).toMatch(/raw_root:\n.*description.*\n {4}# MISSING: /)
    expect(Object.fromEntries(variables)).toMatchObject({ catalog: { default: '2024' } })
    expect([...files].filter(([, text]) => /__[A-Z_]+__|undefined/.test(text)).map(([path]) => path)).toEqual([])
  })

  test.each([
    ['raw', 's3://b/raw'],
    ['a/b=c', 's3://b/a/b=c'],
    ['', 's3://b'],
  ])('names the place of the prefix %p', (prefix, place) => {
    expect(rawRootOf({ bucket: 'b', prefix })).toBe(place)
    expect(rawRootOf({ bucket: undefined, prefix })).toBeUndefined()
  })
})

describe('the SQL', () => {
  test.each(paths('.sql'))('of %s is of today’s dialect', (path) => {
    const text = FILES.get(path) ?? ''
    expect(text).not.toMatch(
      /\bLIVE\b|cloud_files\s*\(|schemaLocation|PARTITIONED\s+BY|input_file_name|hive_metastore/i,
    )
    expect(text).not.toMatch(/s3:\/\/|my-bucket/)
  })

  // What DuckDB cannot run, and what no run on a small lake would miss.
  test.each([
    ['prices', 1],
    ['statements', STATEMENTS.length],
  ])('of the pipeline of %s has every clause that keeps the tables right', (name, kinds) => {
    const text = FILES.get(`sql/pipeline/${name}.sql`) ?? ''
    const clauses: readonly [clause: string, times: number][] = [
      ["FROM STREAM read_files(\n  '${raw_root}/", 1],
      ["partitionColumns => ''", 1],
      ['allowOverwrites => true', 1],
      ["rescuedDataColumn => '_rescued_data'", 1],
      ['_metadata.file_path AS source_file', 1],
      ['_metadata.file_modification_time AS source_mtime', 1],
      ['ON VIOLATION DROP ROW', 2],
      // Bronze and Silver.
      ["TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')", 2],
      ['CLUSTER BY (symbol, date)', 3],
      [`KEYS (symbol, date${name === 'prices' ? '' : ', period'})`, 1],
      ['SEQUENCE BY STRUCT(ingest_ts, source_mtime)', 1],
      ['STORED AS SCD TYPE 1', 1],
    ]
    const wrong = clauses.filter(([clause, times]) => text.split(clause).length - 1 !== times * kinds)
    expect(wrong).toEqual([])
  })

  test.each(['sql/warehouse/10_tables.sql', 'sql/warehouse-statements/50_statement_tables.sql'])(
    'of %s make every table with a change data feed',
    (path) => {
      const tables = (FILES.get(path) ?? '').split(';').filter((statement) => statement.includes('CREATE TABLE'))
      expect(tables.length).toBeGreaterThanOrEqual(2)
      expect(tables.filter((table) => !table.includes("'delta.enableChangeDataFeed' = 'true'"))).toEqual([])
    },
  )

  // Whoever runs the files may split them at semicolons and know nothing of comments and quotes.
  test.each(paths('.sql'))('of %s can be split at its semicolons', (path) => {
    const comments = (FILES.get(path) ?? '').match(/--.*/g) ?? []
    expect(comments.length).toBeGreaterThan(0)
    expect(comments.filter((comment) => /[;'"`]/.test(comment))).toEqual([])
    expect(FILES.get(path)?.match(/\/\*|\*\/|'[^'\n]*;[^'\n]*'/)).toBeNull()
    expect(FILES.get(path)?.endsWith(';\n')).toBe(true)
  })

  test.each(paths('.sql').filter((path) => path.startsWith('sql/warehouse')))(
    'of %s has no other variables than the catalog and the root',
    (path) => {
      const variables = [...(FILES.get(path) ?? '').matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => name)
      expect(variables).not.toEqual([])
      expect(variables.filter((name) => !['catalog', 'raw_root'].includes(name))).toEqual([])
    },
  )
})
