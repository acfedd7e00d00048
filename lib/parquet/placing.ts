// Where the row groups of a file are put, so that a reader in the middle of a query gets the rows of one version when the file is
// replaced. Most readers open a file more than once: they list it with its length, read its footer, and read its rows.

import type { ColumnChunk, RowGroup } from 'hyparquet'
import { createFreeSpace, wholeSlots, type FreeSpace, type Placed } from './free-space.ts'
import type { GroupedFile, Piece } from './row-groups.ts'

/** A row group with the bytes of its columns, which are in the replaced file or wherever it was encoded. */
export type Group = { readonly group: RowGroup; readonly pieces: readonly Piece[]; readonly isKept: boolean }

export type Placing = {
  /** The groups, with their places in the file. */
  readonly groups: RowGroup[]
  /** All that is before the footer. */
  readonly placed: readonly Placed[]
  /** Where the footer starts. */
  readonly end: number
  /** What the next placing needs to know. */
  readonly keyValues: Readonly<Record<string, string>>
}

/** The key-value that says how many files this one has replaced, one after another. */
const GENERATION = 'generation'

/**
 * Puts the groups into a file.
 *
 * - The groups and the footer of the replaced file stay where they are: a reader that has its footer, or its length, finds it
 *   as it was (shadow paging).
 * - Spark reads the newest footer, but only those groups whose middle is within the length that it has listed. It skips others
 *   without an error. It takes the start of the first column plus half the size of the group for the middle (parquet-mr,
 *   `filterFileMetaDataByMidpoint`). So the file has a floor: a length that no file of the same name was ever shorter than.
 *   First columns are in the first half of the floor, and no group is larger than the floor.
 */
export function placeGroups(groups: readonly Group[], replaced?: GroupedFile): Placing {
  return placeBelow(floorFor(groups, replaced), groups, replaced)
}

function placeBelow(floor: number, groups: readonly Group[], replaced: GroupedFile | undefined): Placing {
  const generation = replaced === undefined ? 0 : numberIn(replaced, GENERATION) + 1
  const staying = replaced === undefined ? [] : stayingOf(replaced)
  const space = createFreeSpace(staying, generation)
  const moved = groups.map(({ group, pieces, isKept }) => {
    const starts = isKept ? startsOfKept(pieces, space, floor / 2) : startsOfNew(pieces, space, floor / 2)
    return starts && { group, pieces: pieces.map((piece, index) => movedTo(piece, starts[index] ?? Number.NaN)) }
  })
  const all = moved.filter((found) => found !== undefined)
  // The gaps between first columns were too small for one. That is rare, because there is room for those of four files.
  if (all.length < groups.length) return placeBelow(floor * 2, groups, replaced)
  return {
    groups: all.map(({ group, pieces }) => ({ ...group, columns: pieces.map(({ chunk }) => chunk) })),
    placed: [...staying, ...all.flatMap(({ pieces }) => pieces)],
    end: Math.max(space.end(), floor),
    keyValues: { [GENERATION]: String(generation), [FLOOR]: String(floor) },
  }
}

/** The key-value with the floor in bytes. */
const FLOOR = 'floor'

/** More than 45,000 values of eight bytes, so that a group that does not compress fits too. */
const LEAST_FLOOR_BYTES = 384 * 1_024

const FLOOR_STEP_BYTES = 128 * 1_024

/**
 * The floor of the replaced file, if the groups fit below it. Else, and for the first file, a floor that has room for the first
 * columns four times and for a group that is half as large again as the largest. A Spark that has listed the file before its
 * floor rises can miss rows.
 */
function floorFor(groups: readonly Group[], replaced: GroupedFile | undefined): number {
  const firsts = wholeSlots(groups.map(({ pieces }) => pieces[0]?.bytes.byteLength ?? 0))
  const largest = groups.reduce((most, { pieces }) => Math.max(most, bytesOf(pieces)), 0)
  const before = replaced === undefined ? 0 : floorOf(replaced)
  if (before > 0 && before >= 4 * firsts && before >= largest) return before
  const wanted = Math.max(8 * firsts, 1.5 * largest)
  return Math.max(before, LEAST_FLOOR_BYTES, Math.ceil(wanted / FLOOR_STEP_BYTES) * FLOOR_STEP_BYTES)
}

function startsOfNew(pieces: readonly Piece[], space: FreeSpace, head: number): readonly number[] | undefined {
  const [first = 0, ...rest] = pieces.map(({ bytes }) => bytes.byteLength)
  const [start] = space.take([first], { before: head }) ?? []
  return start === undefined ? undefined : [start, ...(space.take(rest, { from: head }) ?? [])]
}

/** Nearer to the front where there is room, so that the file ends no later than it must. */
function startsOfKept(
  [first, ...rest]: readonly Piece[],
  space: FreeSpace,
  head: number,
): readonly number[] | undefined {
  if (first === undefined) return []
  const isInHead = first.start < head
  const [start] = isInHead ? [first.start] : (space.take([first.bytes.byteLength], { before: head }) ?? [])
  if (start === undefined) return undefined
  const sizes = rest.map(({ bytes }) => bytes.byteLength)
  const nearer = space.take(sizes, { from: head, before: rest[0]?.start ?? 0 })
  return [start, ...(nearer ?? rest.map((piece) => piece.start))]
}

/** A file with so many times the bytes of its groups and footer is made shorter. */
const MAX_GROWTH = 6

/**
 * What a reader of a file may still look for after it was replaced: its groups, and its footer if the reader has kept the
 * length. With the footer each file is longer than the one before. When a file has become too long, its footer does not stay: a
 * query that has kept its length then fails.
 */
function stayingOf(file: GroupedFile): readonly Placed[] {
  const pieces = file.groups.flat()
  const most = MAX_GROWTH * Math.max(bytesOf([...pieces, file.end]), floorOf(file))
  return file.bytes.byteLength > most ? pieces : [...pieces, file.end]
}

function bytesOf(all: readonly Placed[]): number {
  return all.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
}

/** 0 if the file has none, or a damaged one: every file is longer than its floor. */
function floorOf(file: GroupedFile): number {
  const floor = numberIn(file, FLOOR)
  return floor < file.bytes.byteLength ? floor : 0
}

/** 0 if the file does not have it. */
function numberIn({ metadata }: GroupedFile, name: string): number {
  const value = Number(metadata.key_value_metadata?.find(({ key }) => key === name)?.value)
  return Number.isSafeInteger(value) && value >= 0 ? value : 0
}

function movedTo({ start: from, bytes, chunk }: Piece, start: number): Piece {
  return { start, bytes, chunk: movedBy(chunk, BigInt(start - from)) }
}

function movedBy(chunk: ColumnChunk, bytes: bigint): ColumnChunk {
  const { meta_data: data, file_offset: place } = chunk
  if (data === undefined) return chunk
  const { data_page_offset: page, dictionary_page_offset: dictionary } = data
  const moved = { ...data, data_page_offset: page + bytes }
  if (dictionary !== undefined) moved.dictionary_page_offset = dictionary + bytes
  return { ...chunk, file_offset: place + bytes, meta_data: moved }
}
