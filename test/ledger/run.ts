// `bun run test:ledger`: plays 10,000 random stories of processes that share a ledger, on all cores, and says what held. Story
// n is drawn from the seed n, so it can be played again alone: `TEST_SEED=n STORIES=1 bun run test:ledger`. It takes some ten
// minutes on two quiet cores.

import { availableParallelism } from 'node:os'
import { seededRandom } from '../support/random.ts'
import { play } from '../support/ledger/simulate.ts'
import { drawQuietStory, drawStory, leastGapMs, useOf, violationsIn } from '../support/ledger/stories.ts'

/** What a number of stories came to. */
type Tally = {
  stories: number
  calls: number
  deaths: number
  lostAnswers: number
  storeRequests: number
  /** The least time between two calls, as a part of the interval that was to be kept. */
  leastGap: number
  /** The calls made, as a part of those allowed, summed over the stories in which everything works. */
  quietUse: number
  quietStories: number
  violations: number
}

/** One story in ten is quiet: its use of the limit is measured. */
const QUIET_EVERY = 10

const FIRST_SEED = Number(Bun.env['TEST_SEED'] ?? 1)
const STORIES = Number(Bun.env['STORIES'] ?? 10_000)

const [isPart, first, step] = [Bun.argv.length > 2, Number(Bun.argv[2]), Number(Bun.argv[3])]
if (isPart) console.log(JSON.stringify(await playEvery(first, step)))
else process.exitCode = await playAll()

/** Plays the stories of one core: every so many of them. */
async function playEvery(firstSeed: number, cores: number): Promise<Tally> {
  const tally = emptyTally()
  for (let seed = firstSeed; seed < FIRST_SEED + STORIES; seed += cores) {
    await playOne(seed, tally)
    if (tally.stories % 500 === 0)
      console.error(`${tally.stories} stories played on core ${firstSeed - FIRST_SEED + 1}`)
  }
  return tally
}

async function playOne(seed: number, tally: Tally): Promise<void> {
  const random = seededRandom(seed)
  const isQuiet = seed % QUIET_EVERY === 0
  const story = isQuiet ? drawQuietStory(random) : drawStory(random)
  const played = await play(story)
  const violations = violationsIn(story, played)
  for (const violation of violations) console.error(`TEST_SEED=${seed} STORIES=1: ${violation}`)
  tally.stories += 1
  tally.calls += played.calls.length
  tally.deaths += played.deaths
  tally.lostAnswers += played.lostAnswers
  tally.storeRequests += played.storeRequests
  tally.leastGap = Math.min(tally.leastGap, leastGapMs(played.calls) / story.intervalMs)
  tally.violations += violations.length
  if (!isQuiet) return
  tally.quietStories += 1
  tally.quietUse += useOf(story, played)
}

/** Plays all stories, each core its part of them. Returns the exit code. */
async function playAll(): Promise<0 | 1> {
  const cores = availableParallelism()
  const parts = Array.from({ length: cores }, (_, core) => {
    const args = [import.meta.path, String(FIRST_SEED + core), String(cores)]
    return Bun.spawn([process.execPath, ...args], { stdout: 'pipe', stderr: 'inherit' })
  })
  const told = await Promise.all(parts.map(async ({ stdout }) => await new Response(stdout).text()))
  const codes = await Promise.all(parts.map(({ exited }) => exited))
  if (codes.some((code) => code !== 0)) return 1
  const all = told.map((text) => JSON.parse(text) as Tally).reduce(sumOf)
  const { quietUse, quietStories, leastGap } = all
  console.log(`seeds ${FIRST_SEED} to ${FIRST_SEED + STORIES - 1}: ${all.stories} stories`)
  console.log(
    `${all.calls} calls, ${all.deaths} deaths, ${all.lostAnswers} lost answers of ${all.storeRequests} requests`,
  )
  console.log(`least time between two calls: ${leastGap.toFixed(4)} of the interval`)
  if (quietStories > 0) console.log(`mean use of the limit where all works: ${(quietUse / quietStories).toFixed(3)}`)
  console.log(`${all.violations} violations`)
  return all.violations === 0 && all.stories === STORIES ? 0 : 1
}

function emptyTally(): Tally {
  const nothing = { stories: 0, calls: 0, deaths: 0, lostAnswers: 0, storeRequests: 0, violations: 0 }
  return { ...nothing, leastGap: Number.MAX_VALUE, quietUse: 0, quietStories: 0 }
}

function sumOf(a: Tally, b: Tally): Tally {
  return {
    stories: a.stories + b.stories,
    calls: a.calls + b.calls,
    deaths: a.deaths + b.deaths,
    lostAnswers: a.lostAnswers + b.lostAnswers,
    storeRequests: a.storeRequests + b.storeRequests,
    leastGap: Math.min(a.leastGap, b.leastGap),
    quietUse: a.quietUse + b.quietUse,
    quietStories: a.quietStories + b.quietStories,
    violations: a.violations + b.violations,
  }
}
