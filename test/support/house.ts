// The rule of the house as data: which room may import which, and by which file it is entered.

import { dirname, join, normalize } from 'node:path'

/** Rooms from the ground up. A room imports rooms below it, never one beside or above it. */
export const FLOORS = [['core'], ['fmp', 'store', 'parquet'], ['cli', 'pipeline'], ['report', 'datasets'], ['commands']]

/** Rooms without a door: every file may be imported from above. */
const OPEN = new Set(['core'])

/** Files behind a door that `commands/` and `ingest.ts` may import all the same: they compose the program. */
const CONSTRUCTORS =
  /^(?:store\/(?:s3\/(?:s3|setup)|folder\/folder|gc-trigger)|parquet\/encoder|pipeline\/(?:uploads|interrupt)|cli\/(?:help|resolve|resolve-lake|resolve-sql|lake-settings|settings?|commands|ticker-source|tickers)|fmp\/(?:probe|ledger\/[\w-]+)|datasets\/(?:cell|inventory|cures|verify-file|prices\/(?:ask-cell|audit|cell|inventory|months|next-run|price-files|schema|settled|sample-year|symbol-coverage|symbol-state|vendor-sample|verify-symbol)|statements\/(?:cell|schema|verify)|table\/(?:check|night|open-runs|trusted|units|update|verify|watch))|report\/[\w-]+)\.ts$/

/** An import between two files, as paths below `lib/`; `ingest.ts` is the entry above it. */
export type Import = { readonly from: string; readonly to: string }

function roomOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : path
}

/** The folder of a file within its room: `prices` of `datasets/prices/plan.ts`. */
function alcoveOf(path: string): string | undefined {
  const [, alcove, file] = path.split('/')
  return file === undefined ? undefined : alcove
}

function floorOf(room: string): number {
  const floor = FLOORS.findIndex((rooms) => rooms.includes(room))
  return floor === -1 ? FLOORS.length : floor
}

/** What is wrong with an import, or undefined where nothing is. */
export function problemOf({ from, to }: Import): string | undefined {
  const [room, other] = [roomOf(from), roomOf(to)]
  const says = (what: string) => `${from} -> ${to}: ${what}`
  if (room === other) {
    const isSideways = alcoveOf(from) !== undefined && alcoveOf(to) !== undefined && alcoveOf(from) !== alcoveOf(to)
    return isSideways && room !== 'commands' ? says('from one folder of a room into another') : undefined
  }
  if (floorOf(other) >= floorOf(room)) return says(floorOf(other) > floorOf(room) ? 'upward' : 'sideways')
  const isDoor = OPEN.has(other) || to === `${other}/${other}.ts`
  const isComposing = room === 'commands' || room === 'ingest.ts'
  return isDoor || (isComposing && (CONSTRUCTORS.test(to) || other === 'commands'))
    ? undefined
    : says(`past the door of ${other}/`)
}

/** Every import of one file by another, types included, in the files given as paths below `root`. */
export async function importsIn(root: string, paths: readonly string[]): Promise<readonly Import[]> {
  const found = await Promise.all(
    paths.map(async (path) => {
      const source = await Bun.file(join(root, path)).text()
      return importedIn(source)
        .filter((target) => target.startsWith('.') && target.endsWith('.ts'))
        .map((target) => ({ from: inLib(path), to: inLib(normalize(join(dirname(path), target))) }))
    }),
  )
  return found.flat()
}

function inLib(path: string): string {
  return path.replace(/^lib\//, '')
}

function importedIn(source: string): readonly string[] {
  // By the text, because a transpiler drops the imports of types.
  return [...source.matchAll(/(?:^import\b[^'"]*?|\bimport\()\s*'([^']+)'/gms)].map(([, target = '']) => target)
}

/** What the house comes to, for people: rooms, floors, arrows between rooms, imports that cross a wall. */
export function figuresOf(imports: readonly Import[]): string {
  const between = imports.filter(({ from, to }) => roomOf(from) !== roomOf(to))
  const rooms = new Set(imports.flatMap(({ from, to }) => [roomOf(from), roomOf(to)]))
  const arrows = new Set(between.map(({ from, to }) => `${roomOf(from)} -> ${roomOf(to)}`))
  const walls = between.filter(({ to }) => !OPEN.has(roomOf(to)))
  const ofRun = ['commands/ingest/ingest.ts', 'commands/ingest/finish.ts'].map(
    (path) => imports.filter(({ from }) => from === path).length,
  )
  return (
    `${rooms.size} rooms (ingest.ts is one) on ${FLOORS.length + 1} floors, ${arrows.size} arrows; ` +
    `${walls.length} of ${imports.length} imports cross a wall; a run is composed of ${ofRun.join(' + ')} imports`
  )
}
