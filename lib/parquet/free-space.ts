// The room in a file beside what is in it already.

/** Bytes of a file, and where they start in it. */
export type Placed = { readonly start: number; readonly bytes: Uint8Array }

type Gap = { readonly start: number; readonly end: number }

/** A file begins with the magic number. */
export const MAGIC_BYTES = 4

/**
 * What is put into a file starts at a multiple of so many bytes plus the number of its generation. So it never starts where
 * something that was put into one of the 63 files before has started: a reader with a footer that is too old finds no page
 * there and fails. It does not read rows that are not of its footer.
 */
const SLOT_BYTES = 64

/** The first start may be `from`, and none is `before` or later. */
export type Bounds = { readonly from?: number; readonly before?: number }

export type FreeSpace = {
  /**
   * Takes room for stretches of so many bytes, one after another, as far to the front as the bounds of the first one allow.
   * Gives the start of each; undefined if there is no such room.
   */
  take(sizes: readonly number[], bounds?: Bounds): readonly number[] | undefined
  /** The end of all that is taken. */
  end(): number
}

/** The room for a new generation, the first of which is 0. Throws a RangeError as `gapsBetween` does. */
export function createFreeSpace(taken: readonly Placed[], generation: number): FreeSpace {
  const gaps = gapsBetween(taken)
  const phase = generation % SLOT_BYTES
  return {
    take(sizes, { from = 0, before = Infinity } = {}) {
      const bytes = wholeSlots(sizes)
      for (const [index, gap] of gaps.entries()) {
        const start = phase + wholeSlots([Math.max(gap.start, from) - phase])
        if (start >= before) return undefined
        if (start + bytes > gap.end) continue
        const rest = [
          { start: gap.start, end: start },
          { start: start + bytes, end: gap.end },
        ]
        gaps.splice(index, 1, ...rest.filter((part) => part.start < part.end))
        return sizes.map((_size, place) => start + wholeSlots(sizes.slice(0, place)))
      }
      return undefined
    },
    end: () => gaps.at(-1)?.start ?? MAGIC_BYTES,
  }
}

/** What stretches of so many bytes take, one after another. */
export function wholeSlots(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + Math.ceil(size / SLOT_BYTES) * SLOT_BYTES, 0)
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
