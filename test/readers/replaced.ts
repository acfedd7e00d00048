// What every reader sees of a table of which a file is replaced in the middle of its query: at each moment once, and at some
// twice. The same over naive files, of which nothing stays in the next one, as a control.

import { join } from 'node:path'
import { seededRandom, wholeBetween, type Random } from '../support/random.ts'
import { startFakeS3, type FakeS3 } from '../support/servers/fake-s3.ts'
import { startAnswering, type Answering } from './answering.ts'
import { makeVersionedFiles, storeVersions, versionPath, type VersionedFile, type Way } from './replaced-files.ts'
import { faultsOf, READERS, samplesOf, tableOf, type Counts, type Outcome, type Reader } from './replaced-outcomes.ts'
import { inBucket, inFolder, type Answer, type Play, type Played, type RunPlay } from './replaced-plays.ts'
import { submitArguments, type Tools } from './tables.ts'

/** So many versions of each file are drawn, in which a query is played with a replacement at each of its moments. */
const ROUNDS = { kept: 2, naive: 1 }
/** So many queries with two replacements are drawn for each of these versions. */
const DOUBLES = 4

type Setup = {
  readonly files: readonly VersionedFile[]
  readonly runPlay: RunPlay
  readonly read: (place: string) => Promise<Answer>
  readonly random: Random
}

/** Runs all readers and prints what they saw. The exit code. */
export async function checkReplaced(tools: Tools): Promise<number> {
  const seed = Number(Bun.env['TEST_SEED'] ?? Date.now() % 1_000_000)
  console.log(`\nFiles that are replaced in the middle of a query: seed ${seed} (TEST_SEED=${seed} repeats it)`)
  const work = join(tools.work, 'replaced')
  const files = await makeVersionedFiles(seed)
  await storeVersions(work, files)
  const readers = READERS.filter((reader) => tools.hasJava || reader !== 'Spark')
  const about = { tools, work, files, readers, random: seededRandom(seed) }
  const outcomes = [...(await playFolder(about)), ...(await playBucket(about))]
  console.log(tableOf(outcomes))
  for (const line of outcomes.flatMap(samplesOf)) console.log(line)
  const faults = outcomes.flatMap(faultsOf)
  for (const fault of faults) console.error(`❌ ${fault}`)
  return faults.length === 0 ? 0 : 1
}

type About = Pick<Setup, 'files' | 'random'> & {
  readonly tools: Tools
  readonly work: string
  readonly readers: readonly Reader[]
}

async function playFolder(about: About): Promise<readonly Outcome[]> {
  if (process.platform !== 'linux') {
    console.log('Skipped in a folder: only Linux has leases of files.')
    return []
  }
  const { tools, work, files, readers } = about
  const command = [tools.interpreter, join(import.meta.dir, 'replaced_opens.py')] as const
  const opens = startAnswering(command, { env: {}, log: join(work, 'opens.log') })
  const runPlay = inFolder(work, files, opens)
  const outcomes: Outcome[] = []
  try {
    for (const reader of readers) outcomes.push(await playReader(reader, about, runPlay))
  } finally {
    await opens.end()
  }
  return outcomes
}

async function playBucket(about: About): Promise<readonly Outcome[]> {
  const s3 = await startFakeS3({ bucket: 'my-bucket' })
  const runPlay = inBucket(s3, about.files)
  const outcomes: Outcome[] = []
  try {
    for (const reader of about.readers) outcomes.push(await playReader(reader, about, runPlay, s3))
  } finally {
    await s3.stop()
  }
  return outcomes
}

async function playReader(reader: Reader, about: About, runPlay: RunPlay, s3?: FakeS3): Promise<Outcome> {
  const { files, random } = about
  const answering = await startReader(reader, about, s3)
  const setup = { files, runPlay, random, read: (place: string) => answering.ask<Answer>(place) }
  try {
    const one = { kept: await playRounds(setup, 'kept', 1), naive: await playRounds(setup, 'naive', 1) }
    const two = await playRounds(setup, 'kept', 2)
    return { reader, place: s3 === undefined ? 'folder' : 'bucket', one, two }
  } finally {
    await answering.end()
  }
}

async function startReader(reader: Reader, { tools, work, files }: About, s3?: FakeS3): Promise<Answering> {
  const isOfS3 = reader === 'DuckDB' && s3 !== undefined
  const versions = files.map(({ name, versions: { kept } }) => [
    name,
    kept.map((_, version) => versionPath(work, 'kept', name, version)),
  ])
  const task = {
    reader,
    versions: Object.fromEntries(versions),
    bucket: s3 === undefined ? null : { name: s3.bucket, host: new URL(s3.url).host, region: 'us-east-1' },
    extensions: isOfS3 ? ['httpfs', 'aws'] : [],
  }
  const path = join(work, `${reader}.json`)
  await Bun.write(path, JSON.stringify(task))
  const command = [
    isOfS3 ? tools.duckdbS3 : tools.interpreter,
    join(import.meta.dir, 'replaced_reader.py'),
    path,
  ] as const
  const env = { PYSPARK_SUBMIT_ARGS: submitArguments(tools.work), ...s3?.env() }
  return startAnswering(command, { env, log: join(work, `${reader}.log`) })
}

/** Queries with one replacement, at each of their moments, or with two, at drawn ones. */
async function playRounds(setup: Setup, way: Way, replacements: 1 | 2): Promise<Counts> {
  const counts: Counts = { plays: 0, errors: [], wrong: [] }
  for (const file of setup.files) {
    for (let round = 0; round < ROUNDS[way]; round += 1) {
      const from = wholeBetween(setup.random, 0, file.versions[way].length - 1 - replacements)
      const moments = await countMoments(setup, { way, file, from, at: [] })
      for (const at of replacements === 1 ? eachOf(moments) : drawPairs(moments, setup.random)) {
        await playInto(counts, setup, { way, file, from, at })
      }
    }
  }
  return counts
}

function eachOf(moments: number): readonly (readonly number[])[] {
  return Array.from({ length: moments }, (_, moment) => [moment])
}

function drawPairs(moments: number, random: Random): readonly (readonly number[])[] {
  return Array.from({ length: DOUBLES }, () => {
    const first = wholeBetween(random, 0, moments - 1)
    return [first, wholeBetween(random, first, moments - 1)]
  })
}

/** How many moments the query has. Nothing is replaced in it, so its rows must be right. */
async function countMoments({ runPlay, read, files }: Setup, play: Play): Promise<number> {
  const played = await runPlay(play, read)
  const fault = played.answer.error ?? wrongIn(played, play, files)
  if (fault !== undefined) throw new Error(`Nothing was replaced, and yet: ${fault}`)
  return played.moments
}

async function playInto(counts: Counts, { runPlay, read, files }: Setup, play: Play): Promise<void> {
  const played = await runPlay(play, read)
  // This query had fewer moments than the one in which they were counted.
  if (played.replacements < play.at.length) return
  counts.plays += 1
  const { error } = played.answer
  const wrong = wrongIn(played, play, files)
  const words = `${play.file.name}, version ${play.from}, at moment ${play.at.join(' and ')}`
  // Errors of readers have bytes of files in them.
  if (error !== undefined) counts.errors.push(`${words}: ${JSON.stringify(error).slice(0, 300)}`)
  else if (wrong !== undefined) counts.wrong.push(`${words}: ${wrong}`)
}

/** Rows are right if those of each file are of a version that it had in the time of the query. */
function wrongIn({ answer, replacements }: Played, play: Play, files: readonly VersionedFile[]): string | undefined {
  for (const file of answer.versions === undefined ? [] : files) {
    const [first, last] = file === play.file ? [play.from, play.from + replacements] : [0, 0]
    const version = answer.versions?.[file.name] ?? -1
    if (version < first || version > last) return `${file.name} has version ${version}`
  }
  return answer.wrong
}
