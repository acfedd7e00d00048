// The files of the Databricks bundle. Their templates are part of the program; the settings and the company statements
// are filled in.

import type { BundleSettings } from '../../core/config.ts'
import { STATEMENTS, statementColumns } from '../../datasets/datasets.ts'
import bundle from './databricks.yml' with { type: 'text' }
import readme from './README.md' with { type: 'text' }
import jobs from './resources/jobs.yml' with { type: 'text' }
import pipelines from './resources/pipelines.yml' with { type: 'text' }
import warehouse from './resources/warehouse.yml' with { type: 'text' }
import pipelinePrices from './sql/pipeline/prices.sql' with { type: 'text' }
import pipelineStatements from './sql/pipeline/statements.sql' with { type: 'text' }
import pricesAsOfQuery from './sql/queries/prices_as_of.sql' with { type: 'text' }
import tables from './sql/warehouse/10_tables.sql' with { type: 'text' }
import loadPrices from './sql/warehouse/20_load_prices.sql' with { type: 'text' }
import mergePrices from './sql/warehouse/30_merge_prices.sql' with { type: 'text' }
import priceRebases from './sql/warehouse/35_price_rebases.sql' with { type: 'text' }
import priceFeatures from './sql/warehouse/40_price_features.sql' with { type: 'text' }
import pricesAsOf from './sql/warehouse/45_prices_as_of.sql' with { type: 'text' }
import run from './sql/warehouse/run.py' with { type: 'text' }
import statementTables from './sql/warehouse-statements/50_statement_tables.sql' with { type: 'text' }
import loadStatements from './sql/warehouse-statements/60_load_statements.sql' with { type: 'text' }
import mergeStatements from './sql/warehouse-statements/70_merge_statements.sql' with { type: 'text' }
import statementsAsOf from './sql/warehouse-statements/80_statements_as_of.sql' with { type: 'text' }
import { statementSql } from './statement-sql.ts'

/** The settings that are filled in. */
type BundleValues = Pick<BundleSettings, 'bucket' | 'prefix' | 'catalog'>

/** The templates by path in the bundle. The paths beside this file are the same. */
const TEMPLATES: Readonly<Record<string, string>> = {
  'databricks.yml': bundle,
  'README.md': readme,
  'resources/jobs.yml': jobs,
  'resources/pipelines.yml': pipelines,
  'resources/warehouse.yml': warehouse,
  'sql/pipeline/prices.sql': pipelinePrices,
  'sql/pipeline/statements.sql': pipelineStatements,
  'sql/queries/prices_as_of.sql': pricesAsOfQuery,
  'sql/warehouse/10_tables.sql': tables,
  'sql/warehouse/20_load_prices.sql': loadPrices,
  'sql/warehouse/30_merge_prices.sql': mergePrices,
  'sql/warehouse/35_price_rebases.sql': priceRebases,
  'sql/warehouse/40_price_features.sql': priceFeatures,
  'sql/warehouse/45_prices_as_of.sql': pricesAsOf,
  'sql/warehouse/run.py': run,
  'sql/warehouse-statements/50_statement_tables.sql': statementTables,
  'sql/warehouse-statements/60_load_statements.sql': loadStatements,
  'sql/warehouse-statements/70_merge_statements.sql': mergeStatements,
  'sql/warehouse-statements/80_statements_as_of.sql': statementsAsOf,
}

const MISSING = `    # MISSING: the bucket. Put it here as \`default: s3://my-bucket/raw\`, or give it with every command:
    # --var raw_root=s3://my-bucket/raw\n`

/** The URL of the raw files as Spark takes it; undefined without a bucket. */
export function rawRootOf({ bucket, prefix }: Pick<BundleSettings, 'bucket' | 'prefix'>): string | undefined {
  if (bucket === undefined) return undefined
  return prefix === '' ? `s3://${bucket}` : `s3://${bucket}/${prefix}`
}

/** The files of a bundle by their paths. Without a bucket the variable raw_root has no value. */
export function bundleFiles(settings: BundleValues, statements = STATEMENTS): Map<string, string> {
  const bundled = statements.map((statement) => ({ ...statement, columns: statementColumns(statement) }))
  const files = new Map(Object.entries(TEMPLATES).map(([path, text]) => [path, statementSql(text, bundled)]))
  files.set('databricks.yml', filledBundle(settings))
  files.set('README.md', filledReadme(settings))
  return files
}

function filledBundle(settings: BundleValues): string {
  const rawRoot = rawRootOf(settings)
  return (
    bundle
      .replace('    default: RAW_ROOT\n', () => (rawRoot === undefined ? MISSING : `    default: ${rawRoot}\n`))
      // In quotes: a catalog may be called 2024 or true.
      .replace('default: CATALOG', () => `default: '${settings.catalog}'`)
  )
}

/** The template is a readable text about s3://my-bucket/raw and the catalog main; these are replaced. */
function filledReadme({ bucket = 'my-bucket', prefix, catalog }: BundleValues): string {
  const within = (text: string) => (prefix === '' ? text : `${prefix}/${text}`)
  return readme
    .replaceAll(/\bmy-bucket\/raw\b(\/?)/g, (_, slash: string) => `${bucket}/${within(slash)}`.replace(/\/+$/, slash))
    .replaceAll('my-bucket', () => bucket)
    .replaceAll('"raw/*"', () => `"${within('*')}"`)
    .replaceAll('`main`', () => `\`${catalog}\``)
    .replaceAll(/\bmain\b(?=[.|])/g, () => (/^\w+$/.test(catalog) ? catalog : `\`${catalog}\``))
}
