// The runs that can have had to do with one cell, with the rows of it that they rejected.

import type { Calendar } from '../../core/calendar.ts'
import { addDays, dayNamedIn, type IsoDate } from '../../core/dates.ts'
import { IngestError } from '../../core/errors.ts'
import { holdsCell, type CellObject } from '../../datasets/cell.ts'
import { runIdOf } from '../../report/json-schema.ts'
import type { CellEvent, CellFacts, CellWrite } from '../../report/cell-events.ts'
import { lifeOf, type CellRun } from '../../report/cell-life.ts'
import { readRuns, type RunRecord } from '../../report/runs.ts'
import type { Why } from '../../report/why.ts'
import type { Store } from '../../store/store.ts'

/** More runs than these are not read: the first after the session, which fetched it, and the newest. */
const [MAX_FIRST, MAX_NEWEST] = [40, 360]

/** Far more than the rejected rows of a run take. */
const MAX_REJECTS_BYTES = 64 * 1_048_576

type Cell = { readonly symbol: string; readonly dataset: string; readonly date: IsoDate }

type CellRuns = {
  /** Oldest first. */
  readonly runs: readonly CellRun[]
  readonly leftOut: number
  /** The metrics documents of all runs, also of those before, by their instants. */
  readonly keys: ReadonlyMap<number, string>
}

/** The runs from `sinceMs` to `untilMs`. Throws an IngestError if the store fails. */
export async function cellRuns(
  cell: Cell,
  { sinceMs, untilMs }: { readonly sinceMs: number; readonly untilMs: number },
  store: Store,
): Promise<CellRuns> {
  const rejectsKeys = new Map<string, string | undefined>()
  const runs: CellRun[] = []
  const keys = new Map<number, string>()
  let leftOut = 0
  const documents = readRuns(store, (listed) => {
    const since = listed.filter(({ startMs }) => startMs >= sinceMs && startMs <= untilMs).toReversed()
    const read = since.filter((_run, index) => index < MAX_FIRST || index >= since.length - MAX_NEWEST)
    leftOut = since.length - read.length
    for (const { startMs, key } of listed) keys.set(startMs, key)
    for (const { key, rejectsKey } of read) rejectsKeys.set(key, rejectsKey)
    return read
  })
  for await (const run of documents) {
    const key = rejectsKeys.get(run.key)
    const rejects = key === undefined ? [] : await rejectsOf(cell, key, store)
    // Of many symbols only this one stays in memory.
    runs.push({ run: 'problem' in run ? run : { ...run, metrics: ofSymbol(run.metrics, cell) }, rejects })
  }
  return { runs, leftOut, keys }
}

function ofSymbol(metrics: RunRecord, { symbol }: Cell): RunRecord {
  return { ...metrics, results: metrics.results.filter((result) => result.symbol === symbol) }
}

/** Why rows of the cell were rejected, by the file of rejects; none where that is gone or too large to be read. */
async function rejectsOf({ symbol, dataset, date }: Cell, key: string, store: Store): Promise<readonly string[]> {
  const bytes = await store.read(key, undefined, MAX_REJECTS_BYTES).catch(noneIfOfFile)
  if (bytes === undefined) return []
  const lines = new TextDecoder().decode(bytes).split('\n')
  return lines.flatMap((line) => {
    // Most lines are of other symbols: they are not worth being parsed.
    if (!line.includes(symbol)) return []
    const reject = parsed(line)
    const isOfCell = reject?.symbol === symbol && reject.dataset === dataset && dayNamedIn(textIn(reject.date)) === date
    return isOfCell ? [textIn(reject.reason) ?? 'no reason given'] : []
  })
}

type Line = {
  readonly symbol?: unknown
  readonly dataset?: unknown
  readonly date?: unknown
  readonly reason?: unknown
}

/** A text, or null where another program has written something else. */
function textIn(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function parsed(line: string): Line | undefined {
  try {
    return (JSON.parse(line) as Line | null) ?? undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function noneIfOfFile(error: unknown): undefined {
  if (error instanceof IngestError && error.scope === 'symbol') return undefined
  throw error
}

/** The life of a cell by its runs and by the objects that hold it. */
export function cellLife(
  { runs }: CellRuns,
  cell: Pick<CellFacts, 'symbol' | 'dataset' | 'date' | 'askedUntilMs'> & { readonly objects: readonly CellObject[] },
  calendar: Calendar,
): readonly CellEvent[] {
  const writes = cell.objects.filter(holdsCell).map(({ file, footer, isCarried }): CellWrite => ({
    startMs: secondOf(footer.ingestMs),
    kind: kindOf(file.key),
    isCarried,
  }))
  const sessionsAfter = (date: IsoDate, upTo: IsoDate) => calendar.sessions({ from: addDays(date, 1), to: upTo }).length
  return lifeOf(runs, { ...cell, writes, sessionsAfter })
}

/** The keys of metrics have whole seconds. */
function secondOf(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000
}

function kindOf(key: string): CellWrite['kind'] {
  if (key.includes('/docdate=')) return 'document'
  return key.includes('/month=') ? 'day' : 'year'
}

/** An object by the names of the document. */
export function whyObject(object: CellObject, { runs, keys }: CellRuns): Why['objects'][number] {
  const { file } = object
  const base = { key: file.key, kind: kindOf(file.key), size_bytes: file.sizeBytes }
  if ('problem' in object) {
    const nothing = { rows: [], is_carried: false, ingest_ts: null, run: null, rows_in_file: null, asked: null }
    return { ...base, problem: object.problem, ...nothing, rows_hash: 'absent', bytes_hash: 'absent' }
  }
  const { footer, rows, isCarried, rowsHash, bytesHash, runUuid } = object
  const startMs = secondOf(footer.ingestMs)
  // Several runs may begin in one second: a bucket keeps whose write it was. Else it is one that names the symbol.
  const byUuid = runs.find(
    ({ run }) => run.startMs === startMs && 'metrics' in run && run.metrics.run_uuid === (runUuid ?? ''),
  )
  const named = runs.find(({ run }) => run.startMs === startMs && 'metrics' in run && run.metrics.results.length > 0)
  return {
    ...base,
    problem: null,
    rows,
    is_carried: isCarried,
    ingest_ts: runIdOf(footer.ingestMs),
    run: (byUuid ?? named)?.run.key ?? keys.get(startMs) ?? null,
    rows_in_file: footer.rows,
    asked: footer.asked ?? null,
    rows_hash: rowsHash,
    bytes_hash: bytesHash,
  }
}

/** How many runs were read, and how many not. */
export function whyRuns({ runs, leftOut }: CellRuns): Pick<Why, 'runs_read' | 'runs_unreadable' | 'runs_left_out'> {
  const unreadable = runs.filter(({ run }) => 'problem' in run).length
  return { runs_read: runs.length - unreadable, runs_unreadable: unreadable, runs_left_out: leftOut }
}

/** An event by the names of the document. */
export function whyEvent({ startMs, runKey, event, detail }: CellEvent): Why['history'][number] {
  return { run_id: runIdOf(startMs), run: runKey ?? null, event, detail }
}
