// What a reader of GitHub Actions can type: `gh workflow run …` in place of the program's own command line.

import { tickersLocation, type Config } from '../core/config.ts'
import { shellWord } from '../core/text.ts'

const WORKFLOW = 'ingest.yml'

/** The inputs of the workflow by the flag that each is, and what stands for the value of one that needs one. */
export const INPUTS: ReadonlyMap<string, 'true' | '…'> = new Map([
  ['--tickers-path', '…'],
  ['--from-date', '…'],
  ['--to-date', '…'],
  ['--backfill', 'true'],
  ['--backfill-days', '…'],
  ['--force', 'true'],
  ['--dataset', '…'],
  ['--period', '…'],
  ['--max-calls', '…'],
  ['--accept', '…'],
  ['--accept-session', '…'],
  ['--dry-run', 'true'],
  ['--shard', '…'],
  ['--run-group', '…'],
  ['--ledger', 'true'],
])

/** Flags that are variables of the workflow instead. */
const BY_VARIABLE: ReadonlyMap<string, string> = new Map([
  ['--no-adj-close', 'the variable NO_ADJ_CLOSE'],
  ['--mend', 'the variable MEND'],
  ['--audit', 'the variable AUDIT'],
])

/** A flag, with a value after it that is no word of the sentence: a symbol, a date, all, none or i/n. */
const FLAG_IN_TEXT = /(?<![\w-])(--[a-z][a-z-]*)(?: (all\b|none\b|i\/n\b|[A-Z^\d][^\s;]*[^\s;.:,]|[A-Z^\d]))?/g

type Rerun = Pick<Config, 'tickers' | 'dates' | 'isForced' | 'datasets' | 'maxCalls' | 'shard' | 'usesLedger'>

/** The command that starts the same run by hand; a dry run becomes a real one. */
export function rerunCommand(config: Rerun): string {
  const { tickers, dates, datasets, shard } = config
  const path = tickersLocation(tickers)
  const inputs: readonly (readonly [string, string | number | undefined])[] = [
    ['tickers_path', path === 'tickers.csv' ? undefined : path],
    ['from_date', dates.fromDate],
    ['to_date', dates.toDate],
    ['backfill', dates.mode === 'backfill' ? 'true' : undefined],
    ['backfill_days', dates.backfillDays],
    ['force', config.isForced ? 'true' : undefined],
    ['dataset', datasets.join(',') === 'prices' ? undefined : datasets.join(',')],
    ['max_calls', config.maxCalls],
    ['shard', shard && `${shard.index}/${shard.count}`],
    ['ledger', config.usesLedger ? 'true' : undefined],
  ]
  return commandOf(inputs.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`])))
}

/** A text for people in which command lines and flags are those of Actions. */
export function inActionsWords(text: string): string {
  const withCommands = text.replaceAll(
    /\bingest((?: --[a-z][a-z-]*(?:[ =](?:'[^']*'|[^\s'-]\S*))?)+)/g,
    (_, args: string) => commandOf(inputsIn(args)),
  )
  return withCommands.replaceAll(FLAG_IN_TEXT, (whole, flag: string, given: string | undefined) => {
    const value = INPUTS.get(flag)
    if (value === undefined) return BY_VARIABLE.has(flag) ? whole.replace(flag, BY_VARIABLE.get(flag) ?? flag) : whole
    return value === '…' && given !== undefined
      ? `-f ${inputOf(flag)}=${given}`
      : whole.replace(flag, `-f ${inputOf(flag)}=${value}`)
  })
}

/** The inputs that the flags of a command line are. What only a machine of one's own has is left out: `--out`, `--tickers`. */
function inputsIn(args: string): readonly string[] {
  return [...args.matchAll(/(--[a-z-]+)(?:[ =]('[^']*'|[^\s'-]\S*))?/g)].flatMap(([, flag = '', value]) =>
    INPUTS.has(flag) ? [`${inputOf(flag)}=${value?.replaceAll("'", '') ?? 'true'}`] : [],
  )
}

function inputOf(flag: string): string {
  return flag.slice(2).replaceAll('-', '_')
}

function commandOf(inputs: readonly string[]): string {
  return ['gh workflow run', WORKFLOW, ...inputs.map((input) => `-f ${shellWord(input)}`)].join(' ')
}
