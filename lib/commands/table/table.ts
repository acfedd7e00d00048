// `ingest table`: brings the tables of a lake up to date with its stored files, makes them anew, or compares them.

import { TABLE } from '../../cli/lake-settings.ts'
import { CREATOR, DATASET_NAMES, DEMO_CREATOR, targetLocation, type DatasetName } from '../../core/config.ts'
import { listSymbols } from '../../datasets/inventory.ts'
import { checkTable, type TableFinding } from '../../datasets/table/check.ts'
import { listTable, type TableContext } from '../../datasets/table/units.ts'
import { updateTable } from '../../datasets/table/update.ts'
import type { Shard } from '../../core/shard.ts'
import { shardFact } from '../../report/shard.ts'
import { runIdOf } from '../../report/json-schema.ts'
import { createProgress } from '../../report/progress.ts'
import { TABLE_VERSION, tableText, type TableDocument } from '../../report/table.ts'
import { DEMO_MARK } from '../effects.ts'
import type { LakeCommand } from '../inspect/inspect.ts'
import { commandFor, LOOKBACK, printFindings, type Look } from '../inspect/look.ts'
import { writtenTable } from '../tables.ts'

type Mode = TableDocument['mode']

export const TABLE_COMMAND: LakeCommand<typeof TABLE> = {
  settings: TABLE,
  failureCode: 1,
  usesTables: () => true,
  problems: ({ isRebuild, isCheck }) => (isRebuild && isCheck ? ['--rebuild and --check exclude each other.'] : []),
  run: async (look, { isRebuild, isCheck }) => {
    const mode = isCheck ? 'check' : isRebuild ? 'rebuild' : 'update'
    const document = await showingWait(WAITS[mode], look, async () => await perform(mode, look))
    const text = tableText(document, (words) => commandFor(words, look.config))
    return await printFindings({ document, text, code: document.ok ? 0 : 1 }, look)
  },
}

const WAITS: Readonly<Record<Mode, string>> = {
  update: 'Bringing the tables up to date',
  rebuild: 'Making the tables anew',
  check: 'Comparing the tables with the stored files',
}

/** Shows at a terminal what the command works on and for how long. */
async function showingWait<T>(what: string, { config, effects, redact }: Look, work: () => Promise<T>): Promise<T> {
  const { printError: write, isTerminal, columns, every, clock } = effects
  const progress = createProgress({ write, isTerminal, columns, every, clock, isQuiet: config.isQuiet, redact })
  progress.waiting(what)
  try {
    return await work()
  } finally {
    progress.clear()
  }
}

async function perform(mode: Mode, look: Look): Promise<TableDocument> {
  const { config, effects, startMs, warn } = look
  const runId = crypto.randomUUID()
  const options = { runUuid: runId, onWarning: warn } as const
  // A folder that is not there is a wrong one, also for writing: there is nothing that a table could be made of.
  const reading = await effects.openStore(config.target, config, { ...options, access: 'read' })
  const isDemo = config.target.kind === 'folder' && (await reading.read(DEMO_MARK, { suffixBytes: 1 }, 1)) !== undefined
  const creator = isDemo ? DEMO_CREATOR : CREATOR
  const writing = { ...options, access: 'write' } as const
  const store = mode === 'check' ? reading : await effects.openStore(config.target, { ...config, creator }, writing)
  for (const warning of config.warnings) warn(warning)
  const warnings: string[] = []
  const onProblem = (text: string) => {
    warnings.push(text)
    warn(text)
  }
  const { tablePrefix, prefix } = config
  const { version } = effects
  const about = { store, tablePrefix, version, runId, nowMs: startMs, onProblem, lookback: LOOKBACK }
  const done: Done[] = []
  for (const name of DATASET_NAMES) {
    const context = writtenTable(name, { prefix, creator }, about)
    if (await hasFiles(context)) done.push(await performOn(name, { mode, shard: config.shard }, context))
  }
  const findings = done.flatMap((table) => table.findings)
  return {
    schema_version: TABLE_VERSION,
    run_id: runIdOf(startMs),
    target: targetLocation(config.target),
    mode,
    shard: shardFact(config.shard),
    ok: findings.length === 0,
    tables: done.map(({ table }) => table),
    findings: findings.map(findingOf),
    warnings,
  }
}

/** Whether there is anything that a table is made of, or the table itself. */
async function hasFiles(context: TableContext): Promise<boolean> {
  const { symbols } = await listSymbols(context)
  return symbols.length > 0 || (await listTable(context)).length > 0
}

type Done = { readonly table: TableDocument['tables'][number]; readonly findings: readonly TableFinding[] }

type Asked = { readonly mode: Mode; readonly shard: Shard | undefined }

async function performOn(name: DatasetName, { mode, shard }: Asked, context: TableContext): Promise<Done> {
  if (mode === 'check') {
    const { findings, files, rows } = await checkTable(context, { fileShard: shard })
    return { table: { name, files, files_written: 0, rows_compared: rows }, findings }
  }
  const { files, filesWritten } = await updateTable(context, { isRebuild: mode === 'rebuild', shard })
  return { table: { name, files, files_written: filesWritten, rows_compared: 0 }, findings: [] }
}

function findingOf({ kind, key, symbol, rows }: TableFinding): TableDocument['findings'][number] {
  return { kind, key, symbol: symbol ?? null, rows: rows.length, first: rows[0] ?? null, last: rows.at(-1) ?? null }
}
