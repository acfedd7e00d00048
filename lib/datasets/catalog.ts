// Which datasets there are, and what `--dataset` calls them. A further statement has a file of its own and its line here.

import { BALANCE } from './statements/balance.ts'
import { CASHFLOW } from './statements/cashflow.ts'
import { INCOME } from './statements/income.ts'
import type { Statement } from './statements/schema.ts'

export const STATEMENTS: readonly Statement[] = [INCOME, BALANCE, CASHFLOW]

/** What stands for all statements. */
const ALL_STATEMENTS = 'fundamentals'

export const PRICES = 'prices'

/** Every word that `--dataset` takes. */
export const DATASET_WORDS: readonly string[] = [PRICES, ...STATEMENTS.map(({ name }) => name), ALL_STATEMENTS]

/** The datasets that a list of words names, each once, prices first; undefined where a word names none. */
export function datasetsNamed(words: readonly string[]): readonly string[] | undefined {
  if (words.length === 0 || !words.every((word) => DATASET_WORDS.includes(word))) return undefined
  const isNamed = (name: string, group?: string) =>
    words.includes(name) || (group !== undefined && words.includes(group))
  const statements = STATEMENTS.map(({ name }) => name).filter((name) => isNamed(name, ALL_STATEMENTS))
  return isNamed(PRICES) ? [PRICES, ...statements] : statements
}
