// Keeps a table up to date at the end of a run, with what the run has seen and written: one read and one write of each file
// that changes.

import { mapAhead } from '../../core/concurrency.ts'
import type { StampedRow } from '../../parquet/parquet.ts'
import { compareKeys } from '../../store/store.ts'
import { dayBit, isNews } from './footer.ts'
import { unitNamed, type Layout, type Unit } from './layout.ts'
import { findTasks, tasksOf, type Task } from './night-tasks.ts'
import { forgetRuns, noteRun } from './open-runs.ts'
import { isReplaced, readChange } from './raw-units.ts'
import { collectGarbage, type Change } from './rewrite.ts'
import { openTrusted, type TrustedTable } from './trusted.ts'
import { rewriteUnit, tableRoot, type TableContext } from './units.ts'
import { updateTable, writePostponed, type Updated } from './update.ts'
import { refuseStrays } from './update-plan.ts'
import type { Watched, WatchedSymbol } from './watch.ts'

/** What a run knows for its table. */
export type Night = {
  readonly watched: Watched
  /** The table as the run's survey found it, if that relied on it. */
  readonly found?: TrustedTable | undefined
  /** What is settled of a symbol that the run has listed or written; absent if the run does not know. */
  readonly settledOf?: ((symbol: string, seen: WatchedSymbol) => string) | undefined
}

/**
 * Brings the table up to date with what the run has seen and written. A table that is not to be relied on is brought up to date
 * wholly. Rejects with an IngestError if the store fails or a file of the table is damaged.
 */
export async function keepTable({ watched, found, settledOf }: Night, context: TableContext): Promise<Updated> {
  // Else what the run has left is still in memory while the table takes its own.
  collectGarbage()
  // Where the run has seen nothing but the table there is nothing to do, and nothing to ask.
  const trusted = watched.size === 0 && found !== undefined ? found : await openTrusted(context)
  if (trusted === undefined) return await updateTable(context, { isRebuild: false })
  const { files, footer, isNoted } = trusted
  const { layout, listedMs, rebuiltMs } = footer
  const names = new Set(files.map(({ key }) => key.slice(tableRoot(context).length)))
  refuseStrays(names, layout, context)
  const { tasks, isBehind } = await findTasks(watched, { layout, names }, context)
  const note = createNote(isNoted, context)
  if (isBehind) await note.write()
  const settled = settledIn(watched, settledOf)
  const last = [...names, ...tasks.keys()].toSorted(compareKeys).at(-1)
  const lastUnit = unitNamed(last ?? '', layout)
  if (lastUnit !== undefined && isNews(settled, footer)) tasksOf(tasks, lastUnit, layout)
  const postponed = new Set<string>()
  const postpone = (symbol: string) => {
    postponed.add(symbol)
    settled.set(symbol, '')
  }
  const about = { listedMs, rebuiltMs }
  let filesWritten = 0
  // Older dates first, as a mend stores them. So a run that is alone never shows a mix of bases that the raw files did not have.
  for (const [name, { unit, symbols }] of [...tasks].toSorted(([a], [b]) => compareKeys(a, b))) {
    const notPostponed = () => [...symbols].filter(([symbol]) => !postponed.has(symbol))
    const changes = () => changesIn(notPostponed(), { unit, layout, postpone }, context)
    const own = name === last ? settled : undefined
    if (await rewriteUnit({ unit, layout, about, settled: own, changes }, context)) filesWritten += 1
  }
  if (postponed.size > 0) await note.write()
  filesWritten += await writePostponed(postponed, { layout, about }, context)
  await note.remove()
  return { files: files.length, filesWritten }
}

/**
 * The note of a run that is open. It is written before the files of a symbol are brought up to date one after another: of a run that
 * is killed there, the next one cannot see by the listed files what is left.
 */
function createNote(isWritten: boolean, context: TableContext) {
  let isThere = isWritten
  return {
    async write(): Promise<void> {
      if (!isThere) await noteRun({ id: context.runId, sinceMs: context.nowMs }, context)
      isThere = true
    },
    async remove(): Promise<void> {
      if (isThere) await forgetRuns(new Set([context.runId]), context)
    },
  }
}

/** What is settled of the symbols of a run. One that was written is not, if nobody says so. */
function settledIn(watched: Watched, settledOf: Night['settledOf']): Map<string, string> {
  const settled = new Map<string, string>()
  for (const [symbol, seen] of watched) {
    if (settledOf !== undefined) settled.set(symbol, settledOf(symbol, seen))
    else if (seen.isRewritten || seen.newDays.length > 0) settled.set(symbol, '')
  }
  return settled
}

const MAX_SYMBOLS_AHEAD = 16

type Changing = {
  readonly unit: Unit
  readonly layout: Layout
  /** Is told of a symbol that comes after all others, because another run has replaced its years. */
  readonly postpone: (symbol: string) => void
}

async function* changesIn(
  tasks: readonly (readonly [symbol: string, task: Task])[],
  { unit, layout, postpone }: Changing,
  context: TableContext,
): AsyncGenerator<Change, void> {
  const sorted = tasks.toSorted(([a], [b]) => compareKeys(a, b))
  const changes = mapAhead(sorted, MAX_SYMBOLS_AHEAD, async ([symbol, task]) => {
    return {
      task,
      change: task.kind === 'add' ? additionOf(symbol, task) : await readChange(symbol, unit, layout, context),
    }
  })
  for await (const { task, change } of changes) {
    if (task.kind === 'read' && isReplaced(change, task.yearFile)) postpone(change.symbol)
    else yield change
  }
}

function additionOf(symbol: string, { added, yearFile }: Extract<Task, { kind: 'add' }>): Change {
  const ownDays = added.reduce((all, { row }) => all | dayBit(row.date), 0)
  return {
    symbol,
    rows: (before) => withRows(before, added),
    days: (before) => before | ownDays,
    listing: '',
    yearFile,
  }
}

/** Of each date the row that counts, by date. The table may have one of a year file, or another run may have added one. */
function withRows(before: readonly StampedRow[], added: readonly StampedRow[]): readonly StampedRow[] {
  const rows = new Map(before.map((stamped) => [stamped.row.date, stamped]))
  for (const stamped of added) {
    const held = rows.get(stamped.row.date)
    if (held === undefined || held.ingestMs <= stamped.ingestMs) rows.set(stamped.row.date, stamped)
  }
  return [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, stamped]) => stamped)
}
