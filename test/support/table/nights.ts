// Nights with a table: the real program in this process, over a vendor whose past moves, with kills, races and machines that
// keep no table. After each run the table is held against raw.

import type { IsoDate } from '../../../lib/core/dates.ts'
import { oneOf, seededRandom, someOf, wholeBetween } from '../random.ts'
import { tellYear, type Night, type Story, type StoryOptions } from '../year/story.ts'
import { createPastVendor } from '../year/vendor.ts'
import { act } from './acts.ts'
import { createTurns, type Death } from './machines.ts'
import {
  count,
  createPlay,
  expectAfterRun,
  expectByDuckDb,
  fallBehind,
  morningAfter,
  run,
  runWithTable,
  tell,
  update,
  type At,
  type Play,
} from './play.ts'
import { openWorld, type WorldKind } from './worlds.ts'

export type NightsOptions = Omit<StoryOptions, 'isHolding'> & {
  readonly seed: number
  readonly world: WorldKind
  /** So many of the nights are played; all unless told. */
  readonly played?: number
  /** All of the story's symbols unless told. */
  readonly symbols?: readonly string[]
  /** Whether DuckDB looks at the table each month too. */
  readonly checksMonths?: boolean
}

export type NightsReport = {
  /** What was not as it must be, with its night: the first of it. */
  readonly wrongs: readonly string[]
  /** How often what happened. */
  readonly figures: Readonly<Record<string, number>>
}

const MOST_WRONGS = 12
const WHOLE_DEPTH = 99
const HOUR_MS = 3_600_000

/** Plays the nights, up to the first on which something is wrong, and reports. */
export async function playTableNights(options: NightsOptions): Promise<NightsReport> {
  const { seed, symbols, depthYears, played, checksMonths = false } = options
  await using world = await openWorld(options.world)
  // Not the numbers that the story is drawn with.
  const random = seededRandom(seed + 1)
  const told = storyOf(tellYear(seededRandom(seed), { ...options, isHolding: true }), symbols)
  const story = { ...told, nights: told.nights.slice(0, played) }
  const play = createPlay(world, createPastVendor(story.market, WHOLE_DEPTH), random)
  await fill(story, play)
  play.vendor = createPastVendor(story.market, depthYears)
  let month = ''
  for (const night of story.nights.filter(({ trouble }) => trouble?.kind !== 'skipped')) {
    if (play.wrongs.length > 0) break
    await playNight(night, story.stored.from, play)
    await act(night, play)
    if (!checksMonths || play.lag !== 'none' || month === night.session.slice(0, 7)) continue
    month = night.session.slice(0, 7)
    await expectByDuckDb(night, play)
  }
  if (play.wrongs.length === 0) await finish(story.nights.at(-1)?.session ?? story.stored.to, play)
  const { read, overtaken } = play.readers.counts
  return {
    wrongs: play.wrongs.slice(0, MOST_WRONGS),
    figures: { ...play.figures, ...play.witness.counts, readers: read, overtakenReaders: overtaken },
  }
}

/** The story of some of the symbols. */
function storyOf(story: Story, symbols: readonly string[] = [...story.market.keys()]): Story {
  const { market, nights, stored } = story
  const ownOf = (symbol: string | undefined) => symbols.find((own) => own === symbol)
  return {
    stored,
    market: new Map([...market].filter(([symbol]) => symbols.includes(symbol))),
    nights: nights.map((night) => ({
      ...night,
      symbols: night.symbols.filter((symbol) => symbols.includes(symbol)),
      accept: ownOf(night.accept),
      backfill: ownOf(night.backfill),
    })),
  }
}

/** The first backfill, and by the dice a table of it. */
async function fill({ stored, nights }: Story, play: Play): Promise<void> {
  const { random } = play
  const at = { session: stored.to, nowMs: morningAfter(stored.to) }
  const args = ['--tickers', nights[0]?.symbols.join(',') ?? '', '--backfill', '--from-date', stored.from]
  const ended = await run(random() < 0.5 ? args : [...args, '--table'], at, play)
  if (ended?.code !== 0) tell(at, `the backfill ended with ${ended?.code}: ${ended?.said}`, play)
  if (random() < 0.5) await update({ ...at, nowMs: at.nowMs + HOUR_MS }, play)
}

/** At the end `ingest table` makes all equal, as DuckDB sees it. */
async function finish(session: IsoDate, play: Play): Promise<void> {
  await update({ session, nowMs: morningAfter(session) + 9 * HOUR_MS }, play)
  await expectByDuckDb({ session }, play)
}

/** `stored`: from when on a backfill asks. */
async function playNight(night: Night, stored: IsoDate, play: Play): Promise<void> {
  const { session, symbols, trouble, accept, backfill } = night
  const own = ['--tickers', symbols.join(','), ...(accept === undefined ? [] : ['--accept', accept])]
  const at = { session, nowMs: morningAfter(session) }
  if (trouble === undefined) await drawNight(own, at, play)
  else await playTrouble(own, { ...at, trouble }, play)
  if (backfill === undefined) return
  const args = ['--tickers', backfill, '--backfill', '--from-date', stored]
  await runWithTable(args, { ...at, nowMs: at.nowMs + 2 * HOUR_MS, isOfSome: true }, play)
}

/** The night as the story tells it. */
async function playTrouble(args: readonly string[], at: At & Pick<Night, 'trouble'>, play: Play): Promise<void> {
  const { trouble, ...rest } = at
  const later = { ...rest, nowMs: at.nowMs + HOUR_MS }
  if (trouble?.kind === 'kill') {
    const { atWrite, isWritten, isRepeated } = trouble
    const death: Death = { at: atWrite, of: 'rawWrite', isDone: isWritten }
    await runWithTable(args, { ...rest, death }, play)
    if (isRepeated) await runWithTable(args, later, play)
    return
  }
  await runWithTable(trouble?.kind === 'budget' ? [...args, '--max-calls', String(trouble.calls)] : args, at, play)
  if (trouble?.kind === 'twice') await runWithTable(args, later, play)
}

/** A night on which the story tells of no trouble has one of the table's, by the dice. */
async function drawNight(args: readonly string[], at: At, play: Play): Promise<void> {
  const { random } = play
  const dice = random()
  if (dice < 0.4) return await runWithTable(args, at, play)
  if (dice < 0.6) {
    const of = oneOf(random, ['any', 'table', 'table', 'rawWrite'] as const)
    const death: Death = { of, at: wholeBetween(random, 1, of === 'table' ? 12 : 80), isDone: random() < 0.5 }
    await runWithTable(args, { ...at, death }, play)
    if (random() < 0.4) await runWithTable(args, { ...at, nowMs: at.nowMs + HOUR_MS }, play)
    return
  }
  if (dice >= 0.7) return await race(args, at, play)
  const corrections = play.witness.counts.corrections
  await run(args, at, play)
  fallBehind(play, play.witness.counts.corrections === corrections ? 'seen' : 'corrected', at.nowMs)
  count(play, 'nightsWithoutTable')
}

/**
 * Two machines at once: beside the night one with fewer symbols, which may be killed or keep no table, or one that runs
 * `ingest table`.
 */
async function race(args: readonly string[], at: At, play: Play): Promise<void> {
  const { random, witness } = play
  const turns = createTurns(random)
  const kind = oneOf(random, ['nights', 'killed', 'bare', 'update', 'rebuild'] as const)
  const [, symbols = ''] = args
  const bare = ['--tickers', someOf(random, symbols.split(','), 0.8).join(',') || symbols]
  const fewer = [...bare, '--table']
  const other = { update: ['table'], rebuild: ['table', '--rebuild'], nights: fewer, killed: fewer, bare }[kind]
  const { corrections } = witness.counts
  const death: Death = { of: 'any', at: wholeBetween(random, 1, 150), isDone: random() < 0.5 }
  const ownDeath = kind === 'killed' ? { death } : {}
  const runs = [
    run([...args, '--table'], { ...at, turns }, play),
    run(other, { ...at, nowMs: at.nowMs + oneOf(random, [0, 1, 7_000]), turns, ...ownDeath }, play),
  ]
  witness.isRace = true
  await turns.play(runs)
  witness.isRace = false
  const ended = await Promise.all(runs)
  count(play, `races:${kind}`)
  for (const one of ended) if (one?.said.includes('tables/') === true) tell(at, `a race was told of: ${one.said}`, play)
  if (ended.includes(undefined)) fallBehind(play, 'seen', at.nowMs)
  else if (kind === 'bare')
    fallBehind(play, witness.counts.corrections === corrections ? 'seen' : 'corrected', at.nowMs)
  else expectAfterRun(at, `a race of kind ${kind}`, play)
}
