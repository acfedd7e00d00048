// What a run tells of its symbols: their warnings and errors, the same sentence about many symbols as one.

import { describeError } from '../core/errors.ts'
import type { SymbolOutcome } from '../core/outcome.ts'
import { grouped, listed } from '../core/text.ts'

/** A sentence about a symbol. In a list of many, `who` may be several symbols. */
export type Message = readonly [who: string, text: string]

/** Each failed symbol has a line of its own as long as no more than these say the same. */
const MAX_SAME_ERRORS = 10

/** The symbols of a group are named up to so many characters, so that the sentence after them is not cut off. */
const MAX_NAMES_CHARACTERS = 400

/** The warnings and the errors of all symbols, each a line, at the end of a run. */
export function symbolLines(outcomes: readonly SymbolOutcome[]): {
  readonly warnings: readonly string[]
  readonly errors: readonly string[]
} {
  const warnings = outcomes.flatMap(({ symbol, warnings: own, lateWarning }) =>
    [...own, ...(lateWarning === undefined ? [] : [lateWarning])].map((text): Message => [symbol, text]),
  )
  const invalid = outcomes.filter(({ errors }) => errors.some(({ kind }) => kind === 'validation'))
  const errors = outcomes.flatMap(({ symbol, errors: own }) => errorTexts(own).map((text): Message => [symbol, text]))
  return {
    warnings: [
      ...joinSame(warnings, 1).map(line),
      ...(invalid.length > 0
        ? [`No valid data after validation: ${namesOf(invalid.map(({ symbol }) => symbol))}`]
        : []),
    ],
    errors: joinSame(errors, MAX_SAME_ERRORS).map(line),
  }
}

function line([who, text]: Message): string {
  return `${who}: ${text}`
}

/** The first error with the number of the others, which the metrics hold, and each error that says there is no data. */
function errorTexts(errors: SymbolOutcome['errors']): readonly string[] {
  const [first, ...others] = errors.filter(({ kind }) => kind !== 'no-data')
  const absent = errors.filter(({ kind }) => kind === 'no-data').map(describeError)
  return first === undefined ? absent : [`${describeError(first)}${moreErrors(others.length)}`, ...absent]
}

/** ` (and 2 more, see the metrics)`, or nothing. */
export function moreErrors(count: number): string {
  return count === 0 ? '' : ` (and ${grouped(count)} more, see the metrics)`
}

/**
 * The messages, where more than `most` symbols say the same as one whose `who` is all of them. Two messages are the same if
 * they differ in their own symbol alone. In the order of their first symbols.
 */
export function joinSame(messages: readonly Message[], most: number = MAX_SAME_ERRORS): readonly Message[] {
  return [...Map.groupBy(messages, sentenceOf).values()].flatMap((same) => {
    const symbols = [...new Set(same.map(([symbol]) => symbol))]
    const [, text = ''] = same[0] ?? []
    return symbols.length > most && symbols.length > 1
      ? [[`${grouped(symbols.length)} symbols (${namesOf(symbols)})`, text] as const]
      : same
  })
}

function sentenceOf([symbol, text]: Message): string {
  const own = symbol.replaceAll(/[^A-Za-z0-9]/g, String.raw`\$&`)
  return text.replaceAll(new RegExp(String.raw`(?<![\w.-])${own}(?![\w-])`, 'g'), '…')
}

function namesOf(symbols: readonly string[]): string {
  let characters = 0
  const shown = symbols.filter((symbol) => (characters += symbol.length + 2) <= MAX_NAMES_CHARACTERS)
  return listed(symbols, Math.max(1, shown.length))
}
