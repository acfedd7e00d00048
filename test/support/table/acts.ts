// What happens to a lake with a table between two nights: users delete, replace and damage files, and run `ingest table`.

import { addDays } from '../../../lib/core/dates.ts'
import { foreignParquet } from '../lakes/lake.ts'
import { oneOf, someOf, wholeBetween } from '../random.ts'
import type { Night } from '../year/story.ts'
import { count, expectAfterRun, fallBehind, morningAfter, run, tell, update, type At, type Play } from './play.ts'

type Act = (at: At, play: Play, night: Night) => Promise<void>

/** Each with its chance. */
const ACTS: readonly (readonly [chance: number, act: Act])[] = [
  [0.04, deleteRawFiles],
  [0.06, force],
  [0.02, deleteTableFile],
  [0.015, deleteTable],
  [0.03, damageTableFile],
  [0.04, killUpdate],
  [0.03, check],
]

const HOUR_MS = 3_600_000

/** By the dice one of the acts, and perhaps `ingest table`. */
export async function act(night: Night, play: Play): Promise<void> {
  const { random } = play
  const at = { session: night.session, nowMs: morningAfter(night.session) + 4 * HOUR_MS }
  let dice = random()
  for (const [chance, own] of ACTS) {
    if (dice >= 0 && dice < chance) await own(at, play, night)
    dice -= chance
  }
  if (random() >= (['hidden', 'corrected'].includes(play.lag) ? 0.15 : 0.05)) return
  await update({ ...at, nowMs: at.nowMs + HOUR_MS }, play, random() < 0.3 ? ['--rebuild'] : [])
}

async function remove(key: string, { world, witness, readers }: Play): Promise<void> {
  readers.stop()
  await world.lake.remove(key)
  witness.removed(key)
}

async function keysUnder(prefix: string, { world }: Play): Promise<readonly string[]> {
  return (await world.lake.keys()).filter((key) => key.startsWith(prefix))
}

async function deleteRawFiles({ nowMs }: At, play: Play): Promise<void> {
  const keys = await keysUnder('raw/', play)
  const some = Array.from({ length: 3 }, () => oneOf(play.random, keys))
  for (const key of new Set(some)) await remove(key, play)
  fallBehind(play, 'hidden', nowMs)
  count(play, 'deletedRawFiles')
}

/** Stored sessions of some symbols are fetched again, by a machine that keeps the table or by one that does not. */
async function force(at: At, play: Play, { symbols, session }: Night): Promise<void> {
  const { random } = play
  const from = addDays(session, -wholeBetween(random, 0, 40))
  const list = someOf(random, symbols, 0.2).join(',') || 'CALM'
  const args = ['--tickers', list, '--from-date', from, '--to-date', session, '--force']
  const keepsTable = random() < 0.5
  const ended = await run(keepsTable ? [...args, '--table'] : args, at, play)
  count(play, 'forcedRuns')
  if (!keepsTable) fallBehind(play, 'hidden', at.nowMs)
  else if (ended !== undefined) expectAfterRun({ ...at, isOfSome: true }, 'a forced run', play)
}

async function deleteTableFile({ nowMs }: At, play: Play): Promise<void> {
  const keys = await keysUnder('tables/prices/', play)
  if (keys.length === 0) return
  await remove(oneOf(play.random, keys), play)
  fallBehind(play, 'hidden', nowMs)
  count(play, 'deletedTableFiles')
}

/** The next night finds no table, and makes it of all raw files. */
async function deleteTable(_at: At, play: Play): Promise<void> {
  for (const key of await keysUnder('tables/prices/', play)) await remove(key, play)
  play.lag = 'seen'
  count(play, 'deletedTables')
}

/** A damaged file is named with its cure, and the cure helps. */
async function damageTableFile(at: At, play: Play): Promise<void> {
  const { random, world, witness, readers } = play
  const keys = await keysUnder('tables/prices/', play)
  if (keys.length === 0) return
  const key = oneOf(random, keys)
  const bytes = await world.lake.bytes(key)
  const damaged = oneOf(random, [
    new TextEncoder().encode('<html>not found</html>'),
    bytes.slice(0, Math.floor(bytes.length / 2)),
    new Uint8Array(),
    await foreignParquet(),
  ])
  readers.stop()
  await world.lake.put(key, damaged)
  witness.removed(key)
  count(play, 'damagedFiles')
  const ended = await run(['table'], at, play)
  const isNamed = ended?.said.includes(key) === true && ended.said.includes('ingest table --rebuild')
  if (ended?.code !== 1 || !isNamed)
    tell(at, `${key} is damaged, and ingest table ended with ${ended?.code}: ${ended?.said}`, play)
  await update({ ...at, nowMs: at.nowMs + 60_000 }, play, ['--rebuild'])
}

/** One that is ended early leaves nothing wrong; the next one goes on. */
async function killUpdate(at: At, play: Play): Promise<void> {
  const { random } = play
  const death = { of: 'any', at: wholeBetween(random, 1, 120), isDone: random() < 0.5 } as const
  await run(['table', ...oneOf(random, [[], ['--rebuild']])], { ...at, death }, play)
  count(play, 'killedUpdates')
}

async function check(at: At, play: Play): Promise<void> {
  const isEqual = play.witness.differences().length === 0
  const ended = await run(['table', '--check'], at, play)
  if (ended?.code !== (isEqual ? 0 : 1))
    tell(at, `ingest table --check ended with ${ended?.code}: ${ended?.said}`, play)
  count(play, isEqual ? 'checksOfEqualTables' : 'checksOfOthers')
}
