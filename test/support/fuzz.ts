// Random cases in numbers: as many as a test asks for, or, with FUZZ_SECONDS=60, for so many seconds a test. TEST_SEED
// repeats them; a failure names seed and case.

import { oneOf, seededRandom, wholeBetween, type Random } from './random.ts'

const SEED = Number(process.env['TEST_SEED'] ?? 1)
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 0)

/** For a test's timeout. */
export const FUZZ_TIMEOUT_MS = 240_000 + SECONDS * 1_000

/** Calls `check` with the dice of each case. Prints how many cases a second there were, and gives their number. */
export async function fuzz(
  name: string,
  cases: number,
  check: (random: Random, number: number) => unknown,
): Promise<number> {
  const startedMs = performance.now()
  const elapsed = () => (performance.now() - startedMs) / 1_000
  let number = 0
  for (; SECONDS > 0 ? elapsed() < SECONDS : number < cases; number += 1) {
    try {
      await check(seededRandom(SEED + number * 7_919), number)
    } catch (cause) {
      const words = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`${name}: case ${number} of TEST_SEED=${SEED}: ${words}`, { cause })
    }
  }
  console.log(`fuzz ${name}: ${number} cases, ${Math.round(number / elapsed())} a second (TEST_SEED=${SEED})`)
  return number
}

const BLANKS_AND_SIGNS = [
  '',
  ' ',
  '\n',
  '\r',
  '\t',
  '\0',
  '\u001B[31m',
  '"',
  "'",
  ',',
  '#',
  '..',
  '/',
  '\\',
  '%2F',
  '=',
  '^',
]
const SCRIPTS = ['-', '--', '$(id)', '\uFEFF', '\uD800', '\u2028', '\u202E', 'é', 'ﬀ', '💥', 'ı', '<html>', 's3://b/k']
const WORDS = ['NaN', 'null', '__proto__', 'constructor', '::error::x', '##[error]', '1e999', '-0', '9007199254740993']
const DATES = ['2024-02-30', '0000-00-00', '9999-12-31']
const ODD_TEXTS = [...BLANKS_AND_SIGNS, ...SCRIPTS, ...WORDS, ...DATES]

/** A text of pieces that have hurt programs before. */
export function oddText(random: Random, maxPieces = 6): string {
  const pieces = Array.from({ length: wholeBetween(random, 0, maxPieces) }, () => oddPiece(random))
  return pieces.join('')
}

function oddPiece(random: Random): string {
  const dice = random()
  if (dice < 0.5) return oneOf(random, ODD_TEXTS)
  if (dice < 0.8) return oneOf(random, ['A', 'aapl', 'BRK.B', '^GSPC', '0', '12', '2024-09-16', 'symbol', 'x,y'])
  if (dice < 0.95) return String.fromCodePoint(wholeBetween(random, 0, 0x2fff))
  return oneOf(random, ODD_TEXTS).repeat(wholeBetween(random, 1, 300))
}

/** A value of JSON that is not what anybody expects. */
export function oddValue(random: Random, depth = 3): unknown {
  const dice = random()
  if (dice < 0.25) return oneOf(random, [null, true, false, 0, -0, -1, 1.5, 1e308, 2 ** 53, Number.MIN_VALUE, 1e21])
  if (dice < 0.6 || depth === 0) return oddText(random)
  if (dice < 0.8) return Array.from({ length: wholeBetween(random, 0, 4) }, () => oddValue(random, depth - 1))
  const names = [
    'date',
    'symbol',
    'open',
    'close',
    '__proto__',
    'toString',
    'toJSON',
    'valueOf',
    'Error Message',
    'historical',
  ]
  const fields = Array.from({ length: wholeBetween(random, 0, 4) }, () => [
    oneOf(random, names),
    oddValue(random, depth - 1),
  ])
  return Object.fromEntries(fields as [string, unknown][])
}

/** The text with bytes cut, doubled, exchanged or put in. */
export function mangled(random: Random, text: string): Uint8Array {
  let bytes: Uint8Array = new TextEncoder().encode(text)
  for (let times = wholeBetween(random, 1, 4); times > 0; times -= 1) {
    const [a = 0, b = 0] = [random(), random()].map((part) => Math.floor(part * bytes.length)).toSorted((x, y) => x - y)
    const cut = [bytes.subarray(0, a), bytes.subarray(b)] as const
    const middle = bytes.subarray(a, Math.min(b, a + 2_000))
    const noise = Uint8Array.from({ length: 4 }, () => wholeBetween(random, 0, 255))
    const parts = oneOf(random, [
      [cut[0]],
      cut,
      [cut[0], middle, middle, cut[1]],
      [bytes.subarray(0, a), noise, bytes.subarray(a)],
    ])
    bytes = new Uint8Array(Buffer.concat(parts))
  }
  return bytes
}
