// The life of one cell, a symbol and a date of a dataset: what each run since did with it. The metrics name no single session, so
// the order of the runs and what each says of the symbol decide.

import {
  eventsIn,
  modeText,
  saidBy,
  type CellEvent,
  type CellFacts,
  type CellWrite,
  type Known,
  type Said,
  type Told,
} from './cell-events.ts'
import { inShard } from '../core/shard.ts'
import type { StoredRun } from './runs.ts'

/** A run with the reasons why rows of the cell were rejected in it. */
export type CellRun = { readonly run: StoredRun; readonly rejects: readonly string[] }

/** What happened to the cell, oldest first. `runs` are oldest first, too. Of the comparisons that found it equal only the last. */
export function lifeOf(runs: readonly CellRun[], facts: CellFacts): readonly CellEvent[] {
  let known: Known = { isStored: false, through: undefined }
  const events: CellEvent[] = []
  for (const { run, rejects } of runs) {
    if ('problem' in run) continue
    const { metrics, startMs, key } = run
    const { symbol, dataset, date } = facts
    // Another shard says nothing of the symbol, nor of the market as its own shard saw it.
    if (metrics.shard && !inShard(symbol, metrics.shard)) continue
    const result = metrics.results.find((one) => one.symbol === symbol && (one.dataset ?? 'prices') === dataset)
    const said = result && saidBy(result, date)
    const found = eventsIn({ metrics, startMs, said, rejects }, known, facts)
    const learnt = learn(known, found, said, facts)
    const fate = facts.writes.length === 0 ? 'its object is gone since' : 'written over since'
    const first: readonly Told[] = learnt.isNew
      ? [{ event: 'stored', detail: `${modeText(metrics)}, and ${fate}` }]
      : []
    events.push(...[...first, ...found].map((one) => ({ startMs, runKey: key, ...one })))
    known = learnt
  }
  const told = new Set(events.map(({ startMs }) => startMs))
  const untold = facts.writes.filter(({ startMs }) => !told.has(startMs))
  const all = [...events, ...untold.map(writtenUntold)].toSorted((a, b) => a.startMs - b.startMs)
  const lastCompared = all.findLast(({ event }) => event === 'compared')
  // A run that lacked some session lacked this one only if that was stored later than others, or never.
  const wasLacking = facts.writes.length === 0 || all.some(({ event }) => event === 'filled')
  return all.filter((one) => (one.event === 'compared' ? one === lastCompared : one.event !== 'no_bar' || wasLacking))
}

function writtenUntold({ startMs, isCarried }: CellWrite): CellEvent {
  const detail = 'by the ingest_ts of the object; the run has no metrics document that was read'
  return { startMs, runKey: undefined, event: isCarried ? 'carried' : 'stored', detail }
}

const WRITES: ReadonlySet<CellEvent['event']> = new Set([
  'stored',
  'filled',
  'corrected',
  'mended',
  'carried',
  'rewritten',
])

/** What is known after a run. `isNew`: it must have been this run that stored the cell first, though no object shows it. */
function learn(
  known: Known,
  found: readonly Told[],
  said: Said | undefined,
  facts: CellFacts,
): Known & { readonly isNew: boolean } {
  const isWritten = found.some(({ event }) => WRITES.has(event))
  const isTold = !isWritten && said !== undefined && saysStored(said, known, facts)
  return {
    // What is gone is not what later runs speak of.
    isStored: known.isStored || isWritten || (isTold && facts.writes.length > 0),
    through: said?.through ?? known.through,
    isNew: isTold && !known.isStored && said.stored > 0,
  }
}

/** Whether all that the run reached for the first time is stored, the cell among it. */
function saysStored({ first, through, isLacking }: Said, known: Known, { date, askedUntilMs }: CellFacts): boolean {
  // Nothing was reached for the first time on a day that no run asks for.
  if (askedUntilMs === undefined) return false
  if (first === undefined || through === undefined || isLacking || date < first || date > through) return false
  // A run that reaches back over an older session may have asked for it in vain.
  return known.through === undefined || date > known.through
}
