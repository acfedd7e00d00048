import { describe, expect, test } from 'bun:test'
import { createFreeSpace, gapsBetween } from '../../lib/parquet/free-space.ts'
import { forRandomCases, someOf, wholeBetween } from '../support/random.ts'

const placed = (start: number, size: number) => ({ start, bytes: new Uint8Array(size) })

describe('createFreeSpace()', () => {
  test('puts the first file one stretch after another, behind the magic number', () => {
    const space = createFreeSpace([], 0)
    expect([space.end(), space.take([10, 64, 65]), space.end()]).toEqual([4, [64, 128, 192], 320])
    expect([space.take([1]), space.end()]).toEqual([[320], 384])
  })

  test('takes the first gap that is wide enough, and the end where none is', () => {
    const taken = [placed(64, 36), placed(300, 100), placed(1_000, 24)]
    const space = createFreeSpace(taken, 0)
    expect(space.end()).toBe(1_024)
    expect([space.take([200]), space.take([100]), space.take([64]), space.end()]).toEqual([[448], [128], [704], 1_024])
    expect([space.take([300]), space.end()]).toEqual([[1_024], 1_344])
  })

  test('moves every start by a byte a generation', () => {
    expect([1, 2, 63, 64].map((generation) => createFreeSpace([], generation).take([1, 1]))).toEqual([
      [65, 129],
      [66, 130],
      [63, 127],
      [64, 128],
    ])
  })

  test('has nothing before a limit that is before the first gap that is wide enough', () => {
    const space = createFreeSpace([placed(64, 64), placed(256, 64)], 0)
    expect([
      space.take([65], { before: 128 }),
      space.take([65], { before: 129 }),
      space.take([65], { before: 320 }),
    ]).toEqual([undefined, [128], undefined])
  })

  test('starts at or behind a place, and leaves what is free before it', () => {
    const space = createFreeSpace([placed(1_024, 64)], 0)
    expect([space.take([64], { from: 500 }), space.take([64], { from: 449 }), space.take([900])]).toEqual([
      [512],
      [576],
      [1_088],
    ])
    expect([space.take([300]), space.take([400], { from: 512 }), space.take([128])]).toEqual([[64], [2_048], [384]])
  })

  test('refuses two that take the same place, or that of the magic number', () => {
    expect(() => gapsBetween([placed(64, 10), placed(73, 10)])).toThrow('take the same place')
    expect(() => createFreeSpace([placed(3, 1)], 1)).toThrow('take the same place')
    expect(gapsBetween([placed(74, 10), placed(64, 10)])).toEqual([
      { start: 4, end: 64 },
      { start: 84, end: Infinity },
    ])
  })

  test('never gives a place that is taken, nor the start of any of the last 63 generations', () => {
    forRandomCases('places in a file', 20, (random) => {
      let taken: { start: number; bytes: Uint8Array }[] = []
      const starts: number[][] = []
      for (let generation = 0; generation < 80; generation += 1) {
        const space = createFreeSpace(taken, generation)
        const added = Array.from({ length: wholeBetween(random, 0, 6) }, () => {
          const sizes = Array.from({ length: wholeBetween(random, 1, 4) }, () => wholeBetween(random, 1, 200))
          return (space.take(sizes) ?? []).map((start, index) => placed(start, sizes[index] ?? 0))
        }).flat()
        const old = new Set(starts.slice(-63).flat())
        expect(added.filter(({ start }) => old.has(start))).toEqual([])
        starts.push(added.map(({ start }) => start))
        expect(() => gapsBetween([...taken, ...added])).not.toThrow()
        expect(space.end()).toBeGreaterThanOrEqual(
          Math.max(4, ...[...taken, ...added].map(({ start, bytes }) => start + bytes.byteLength)),
        )
        taken = [...someOf(random, taken, 0.5), ...added]
      }
    })
  })
})
