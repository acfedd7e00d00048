// Where the row groups of a new file are put beside those of the file that it replaces, which stay where they are: shadow paging.
// Most readers open a file more than once, first for its footer and then for its rows. If the file was replaced in between, they
// find the rows of that footer all the same.

/** Bytes of a file, and where they start in it. */
type Placed = { readonly start: number; readonly bytes: { readonly byteLength: number } }

type Gap = { readonly start: number; readonly end: number }

/** A file begins with the magic number. */
export const MAGIC_BYTES = 4

/**
 * What is put into a file starts at a multiple of so many bytes and the number of its generation. So it never starts where
 * something of the last generations has started: a reader with a footer that is too old finds no page there and fails. It
 * does not read rows that are not of its footer.
 */
const SLOT_BYTES = 64

export type FreeSpace = {
  /**
   * Takes room for stretches of so many bytes, one after another, as far to the front as there is. Gives the start of each;
   * undefined if the first would not start before `limit`.
   */
  take(sizes: readonly number[], limit?: number): readonly number[] | undefined
  /** The end of all that is taken. */
  end(): number
}

/** The room beside what is there, for a new generation; the first one is 0. Throws a RangeError as `gapsBetween` does. */
export function createFreeSpace(taken: readonly Placed[], generation: number): FreeSpace {
  const gaps = gapsBetween(taken)
  let end = gaps.at(-1)?.start ?? MAGIC_BYTES
  const phase = generation % SLOT_BYTES
  return {
    take(sizes, limit = Infinity) {
      const bytes = sizes.reduce((sum, size) => sum + wholeSlots(size), 0)
      for (const [index, gap] of gaps.entries()) {
        let at = phase + wholeSlots(gap.start - phase)
        if (at >= limit) return undefined
        if (at + bytes > gap.end) continue
        const starts = sizes.map((size) => {
          const start = at
          at += wholeSlots(size)
          return start
        })
        gaps[index] = { start: at, end: gap.end }
        end = Math.max(end, at)
        return starts
      }
      return undefined
    },
    end: () => end,
  }
}

function wholeSlots(bytes: number): number {
  return Math.ceil(bytes / SLOT_BYTES) * SLOT_BYTES
}

/** What is free in a file, from front to back; the last gap has no end. Throws a RangeError if two take the same place. */
export function gapsBetween(taken: readonly Placed[]): Gap[] {
  const gaps: Gap[] = []
  let end = MAGIC_BYTES
  for (const { start, bytes } of taken.toSorted((a, b) => a.start - b.start)) {
    if (start < end) throw new RangeError('Two columns of row groups take the same place in the file')
    if (start > end) gaps.push({ start: end, end: start })
    end = start + bytes.byteLength
  }
  return [...gaps, { start: end, end: Infinity }]
}
