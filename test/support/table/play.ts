// The state of simulated nights with a table, and one run of the program in it.

import { addDays, type IsoDate } from '../../../lib/core/dates.ts'
import type { Random } from '../random.ts'
import { tableDifferences } from '../table-check.ts'
import { startNight } from '../year/start-night.ts'
import type { Trouble } from '../year/story.ts'
import type { PastVendor } from '../year/vendor.ts'
import { createMachine, type Death, type Turns } from './machines.ts'
import { createReaders, type Readers } from './readers.ts'
import { createWitness, type Witness } from './witness.ts'
import type { World } from './worlds.ts'

/** How the table may differ from raw before the next run. */
type Lag =
  | 'none'
  /** The next run that nothing disturbs sees it. */
  | 'seen'
  /** The next run that nothing disturbs sees all but rows that were put right: those are hidden. */
  | 'corrected'
  /** Only a listing of all raw files shows it: `ingest table`, or a night a week after the last. */
  | 'hidden'

export type Play = {
  readonly random: Random
  readonly world: World
  readonly witness: Witness
  readonly readers: Readers
  vendor: PastVendor
  lag: Lag
  /** Since when there has been something hidden. */
  hiddenSinceMs: number
  readonly wrongs: string[]
  readonly figures: Record<string, number>
}

/** A lake in its world, with nothing in it. */
export function createPlay(world: World, vendor: PastVendor, random: Random): Play {
  const witness = createWitness()
  const readers = createReaders(witness, random)
  return { random, world, witness, readers, vendor, lag: 'seen', hiddenSinceMs: 0, wrongs: [], figures: {} }
}

/** When a run happens, and what happens to it. */
export type At = {
  /** The newest one that the vendor has. */
  readonly session: IsoDate
  readonly nowMs: number
  readonly trouble?: Trouble | undefined
  readonly death?: Death | undefined
  readonly turns?: Turns
  /** Whether the run is of some of the symbols only, and does not see what the table lacks of the others. */
  readonly isOfSome?: boolean
}

export type Ended = { readonly code: number; readonly said: string }

/** The morning after a session in New York. */
export function morningAfter(session: IsoDate): number {
  return Date.parse(`${addDays(session, 1)}T13:00:00Z`)
}

/** One run of the program. Undefined if its machine is gone before the end. */
export async function run(args: readonly string[], at: At, play: Play): Promise<Ended | undefined> {
  const { world, witness, readers, vendor } = play
  const { death, turns, session, nowMs, trouble } = at
  world.setNow(nowMs)
  const turn = turns === undefined ? {} : { turn: turns.turn }
  const onOperation = () => readers.step()
  const { store, died, isDead } = createMachine(await world.open(), { witness, death, onOperation, ...turn })
  const { done } = startNight(args, { store, vendor, isDead, session, nowMs, trouble })
  const result = await Promise.race([done, died])
  count(play, result === 'died' ? 'kills' : 'runs')
  for (const wrong of [...witness.wrongs, ...readers.wrongs]) tell(at, wrong, play)
  return result === 'died' ? undefined : { code: result.code, said: `${result.stdout}\n${result.stderr}` }
}

export function count({ figures }: Play, name: string): void {
  figures[name] = (figures[name] ?? 0) + 1
}

export function tell({ session }: Pick<At, 'session'>, wrong: string, { wrongs }: Play): void {
  const line = `${session}: ${wrong}`
  if (!wrongs.includes(line)) wrongs.push(line)
}

export function fallBehind(play: Play, lag: Exclude<Lag, 'none'>, nowMs: number): void {
  const order = ['none', 'seen', 'corrected', 'hidden']
  if (lag !== 'seen' && ['none', 'seen'].includes(play.lag)) play.hiddenSinceMs = nowMs
  if (order.indexOf(lag) > order.indexOf(play.lag)) play.lag = lag
}

/** A night lists all raw files once the last time was a week ago; the night after that has done so in any case. */
const RENEWAL_MS = 8 * 86_400_000

/**
 * A run with --table, after which the table must be equal unless something else hides from it. The next run finds one that was
 * killed by the note that it left before it changed stored rows.
 */
export async function runWithTable(args: readonly string[], at: At, play: Play): Promise<void> {
  const ended = await run([...args, '--table'], at, play)
  if (ended === undefined) fallBehind(play, 'seen', at.nowMs)
  else expectAfterRun(at, `ingest ${args.slice(2).join(' ')}`, play)
}

/** What must hold after a run with --table that has ended. */
export function expectAfterRun({ session, nowMs, trouble, isOfSome = false }: At, what: string, play: Play): void {
  const isHidden = play.lag === 'hidden' || play.lag === 'corrected'
  const isRenewed = isHidden && nowMs - play.hiddenSinceMs > RENEWAL_MS
  const isDisturbed = trouble !== undefined || isOfSome
  const mustHeal = !isDisturbed && (play.lag === 'seen' || isRenewed)
  if (play.lag === 'none' || mustHeal) {
    count(play, isRenewed ? 'renewals' : 'equalities')
    expectEqual({ session }, `after ${what}`, play)
  }
  if (play.lag === 'corrected' && !isDisturbed) {
    const lacking = play.witness.differences().filter((difference) => !isOlderRow(difference))
    for (const difference of lacking.slice(0, MOST_TOLD)) tell({ session }, `after ${what}: ${difference}`, play)
  }
  if (mustHeal || play.witness.differences().length === 0) play.lag = 'none'
}

function isOlderRow(difference: string): boolean {
  return !/ is missing,| is not stored$/.test(difference)
}

/** `ingest table` must make the table equal, and write nothing under raw/. */
export async function update(at: At, play: Play, args: readonly string[] = []): Promise<void> {
  const rawBefore = play.witness.counts.rawWrites
  const ended = await run(['table', ...args], at, play)
  const what = `ingest table ${args.join(' ')}`
  if (ended?.code !== 0) tell(at, `${what} ended with ${ended?.code}: ${ended?.said}`, play)
  if (play.witness.counts.rawWrites !== rawBefore) tell(at, `${what} wrote raw files`, play)
  count(play, 'updates')
  play.lag = 'none'
  expectEqual(at, `after ${what}`, play)
}

const MOST_TOLD = 3

function expectEqual(at: Pick<At, 'session'>, when: string, play: Play): void {
  const differences = play.witness.differences()
  for (const difference of differences.slice(0, MOST_TOLD))
    tell(at, `${when} ${differences.length} rows are not raw's: ${difference}`, play)
}

export async function expectByDuckDb(at: Pick<At, 'session'>, play: Play): Promise<void> {
  count(play, 'checksByDuckDb')
  for (const difference of await tableDifferences(await play.world.folder())) tell(at, difference, play)
}
