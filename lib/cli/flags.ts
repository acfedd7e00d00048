// The commands beside the main one: what each is for, its flags, its examples.

import type { ArgsDef } from 'citty'

type CommandWords = {
  readonly description: string
  readonly args: ArgsDef
  /** What for, and the line. */
  readonly examples: readonly (readonly [string, string])[]
}

export const COMMANDS = {
  demo: {
    description: 'the same program on embedded historical data: no key, no bucket',
    args: { out: { type: 'string', valueHint: 'DIR', description: 'folder to store in (default: ./lake)' } },
    examples: [
      ['historical prices into ./lake, no key, no bucket', 'ingest demo'],
      ['the same elsewhere', 'ingest demo --out /tmp/lake'],
    ],
  },
  databricks: {
    description: 'write a Databricks bundle for the bucket: Bronze, Silver and Gold tables',
    args: {
      dir: { type: 'positional', required: false, description: 'folder to write (default: ./databricks)' },
      bucket: { type: 'string', valueHint: 'B', description: 'the bucket of the lake (default: $S3_BUCKET)' },
      prefix: { type: 'string', valueHint: 'P', description: 'its key prefix (default: $S3_RAW_PREFIX, else raw)' },
      catalog: { type: 'string', valueHint: 'C', description: 'the catalog for the tables (default: main)' },
      force: { type: 'boolean', description: 'write over files that are there' },
    },
    examples: [
      ['a bundle for s3://my-bucket/raw, its tables in the catalog main', 'ingest databricks --bucket my-bucket'],
      ['another folder, prefix and catalog', 'ingest databricks ./lakehouse --bucket b --prefix eod --catalog markets'],
    ],
  },
} as const satisfies Readonly<Record<string, CommandWords>>
