// The command line: which commands and flags there are, their help, and a strict reading of argv. What the values mean
// is config.ts's business.

import { defineCommand, parseArgs, renderUsage, type ArgsDef, type CommandDef } from 'citty'
import { DATASET_WORDS } from './schemas.ts'
import { COMMANDS } from './flags.ts'

const INGEST_ARGS = {
  'tickers-path': {
    type: 'string',
    valueHint: 'PATH',
    description: 'CSV file of symbols: a path or s3://bucket/key (default: tickers.csv)',
  },
  tickers: { type: 'string', valueHint: 'A,B', description: 'symbols on the command line instead of a file' },
  backfill: {
    type: 'boolean',
    description: 'one file per symbol and year instead of one per day; without dates the year of the last session',
  },
  'backfill-days': { type: 'string', valueHint: 'N', description: 'from N calendar days before today' },
  'from-date': { type: 'string', valueHint: 'D', description: 'first date, inclusive, YYYY-MM-DD, 1990 to 2035' },
  'to-date': {
    type: 'string',
    valueHint: 'D',
    description: 'last date, inclusive (default: the last session before today)',
  },
  lookback: {
    type: 'string',
    valueHint: 'N',
    description: 'without dates: fill at least the last N sessions (default: 5)',
  },
  force: { type: 'boolean', description: 'fetch and overwrite even where a file exists' },
  out: {
    type: 'string',
    valueHint: 'WHERE',
    description: 'a folder or s3://bucket to store in (default: s3://$S3_BUCKET)',
  },
  dataset: {
    type: 'string',
    valueHint: 'NAMES',
    description: `what to fetch, names joined by commas: ${DATASET_WORDS.join(', ')} (default: prices)`,
  },
  period: {
    type: 'string',
    valueHint: 'PERIOD',
    description: 'of statements: annual, quarter or both (default: both)',
  },
  'no-adj-close': { type: 'boolean', description: 'one call a symbol instead of two; adjClose is null' },
  'max-calls': { type: 'string', valueHint: 'N', description: 'stop cleanly rather than make more than N API calls' },
  'dry-run': { type: 'boolean', description: 'print every key that could be written and what it would cost; no call' },
  json: { type: 'boolean', description: 'the metrics document on stdout instead of the summary' },
  quiet: { type: 'boolean', description: 'no progress, notes, plan line or warnings; errors and the summary stay' },
  'allow-unsafe-store': { type: 'boolean', description: 'accept a store that ignores create-only writes' },
  now: { type: 'string', valueHint: 'INSTANT', description: 'rehearse: be at this instant (ISO with a zone)' },
} as const satisfies ArgsDef

const INGEST_EXAMPLES = [
  ['the nightly run: what is missing up to the last session, into the bucket', 'ingest --out s3://my-bucket'],
  ['five years as year files, ten symbols', 'ingest --backfill --backfill-days 1825 --out ./lake'],
  ['two symbols, one month, one file a day', 'ingest --tickers AAPL,MSFT --from-date 2024-09-01 --to-date 2024-09-30'],
  ['what would it cost? No call, no key needed', 'ingest --backfill --from-date 2000-01-01 --dry-run'],
  ['the free plan: never more than 240 calls', 'ingest --max-calls 240'],
  ['company statements, the annual ones', 'ingest --dataset fundamentals --period annual'],
  ['fetch a day again and overwrite it', 'ingest --from-date 2024-09-16 --to-date 2024-09-16 --force'],
]

const ENVIRONMENT = [
  ['FMP_API_KEY', 'API key; required, and read from here only'],
  ['S3_BUCKET', 'bucket; required without --out'],
  ['S3_RAW_PREFIX', 'key prefix of the data (raw)'],
  ['RATE_LIMIT_SECONDS', 'least time between two API requests (15.0); 0 is none'],
  ['MAX_WORKERS', 'symbols worked on at once (5)'],
  ['UPLOAD_CONCURRENCY', 'S3 requests in flight, 256 at most (192)'],
  ['API_TIMEOUT_SECONDS', 'one API attempt, body included (30)'],
  ['FMP_API', 'stable, or v3 for keys that still may use the legacy API (stable)'],
  ['FMP_BASE_URL', "another API host (the vendor's)"],
  ['AWS_*', 'credentials, region, profile and endpoint as the AWS SDK reads them'],
]

export type CommandName = 'ingest' | keyof typeof COMMANDS

type FlagName = keyof typeof INGEST_ARGS | keyof (typeof COMMANDS)['databricks']['args']

/** What argv says, values as text; a flag that is not there is undefined. */
export type Flags = Readonly<Partial<Record<FlagName, string | boolean>>>

const COMMAND_NAMES = Object.keys(COMMANDS) as (keyof typeof COMMANDS)[]

export type CommandLine =
  | { readonly kind: 'help'; readonly command: CommandName }
  | { readonly kind: 'version' }
  | {
      readonly kind: 'run'
      readonly command: CommandName
      readonly flags: Flags
      /** Everything wrong with argv itself, each a sentence. */
      readonly problems: readonly string[]
    }

/** Reads argv (without the program's name) strictly: nothing unknown, repeated or empty passes. */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const command = COMMAND_NAMES.find((name) => name === argv[0]) ?? 'ingest'
  const rest = argv.slice(command === 'ingest' ? 0 : 1)
  if (rest.includes('--help') || rest.includes('-h')) return { kind: 'help', command }
  if (rest.includes('--version') || rest.includes('-v')) return { kind: 'version' }
  const args: ArgsDef = command === 'ingest' ? INGEST_ARGS : COMMANDS[command].args
  const { accepted, problems } = checkArguments(rest, args)
  const parsed = parseArgs(accepted, renamed(args))
  const flags = Object.keys(args).map((name) => [name, parsed[unnegated(name)]])
  return { kind: 'run', command, flags: Object.fromEntries(flags), problems }
}

/** The help text of a command, for stdout: plain, because asking what stdout is takes longer than all the rest. */
export async function helpText(command: CommandName, version: string): Promise<string> {
  const main: CommandDef = defineCommand({
    meta: {
      name: 'ingest',
      version,
      description: 'End-of-day prices from Financial Modeling Prep as Parquet files in S3 or a folder',
    },
    args: INGEST_ARGS as ArgsDef,
    subCommands: Object.fromEntries(COMMAND_NAMES.map((name) => [name, subCommand(name, version)])),
  })
  const usage = await (command === 'ingest' ? renderUsage(main) : renderUsage(subCommand(command, version), main))
  const examples = (command === 'ingest' ? INGEST_EXAMPLES : COMMANDS[command].examples).map(
    ([what, line]) => `  # ${what}\n  ${line}`,
  )
  const sections = [usage.trim(), `EXAMPLES\n\n${examples.join('\n')}`]
  if (command === 'ingest') {
    sections.push(
      `ENVIRONMENT (default)\n\n${ENVIRONMENT.map(([name = '', text]) => `  ${name.padEnd(20)} ${text}`).join('\n')}`,
    )
    sections.push(
      'EXIT CODES\n\n  0 all done   1 something failed   2 usage, nothing called   3 stopped at a quota or budget: run again\n  130, 143 interrupted',
    )
  }
  const text = `${sections.join('\n\n')}\n`
  return Bun.stripANSI(text)
}

function subCommand(name: keyof typeof COMMANDS, version: string): CommandDef {
  const { description, args } = COMMANDS[name]
  return defineCommand({ meta: { name, version, description }, args: args as ArgsDef })
}

/** citty takes `--no-x` for x's negation and would not find a flag that is called so. */
function unnegated(name: string): string {
  return name.replace(/^no-/, 'without-')
}

function renamed(args: ArgsDef): ArgsDef {
  return Object.fromEntries(Object.entries(args).map(([name, definition]) => [unnegated(name), definition]))
}

/** An option with the value that goes with it, or a word that belongs to none. */
type Token = { readonly argument: string; readonly name: string | undefined; readonly value: string | undefined }

/** The well-formed arguments in the one spelling that citty reads without guessing, and what is wrong with the others. */
function checkArguments(argv: readonly string[], args: ArgsDef): { accepted: string[]; problems: string[] } {
  const accepted: string[] = []
  const problems: string[] = []
  const seen = new Set<string>()
  for (const token of tokensOf(argv, args)) {
    const { name = '', value } = token
    // Of those that stand without a flag there is one at most, and no flag is called nothing.
    if (takesWord(token, args) && !seen.has('')) {
      seen.add('')
      accepted.push(token.argument)
      continue
    }
    const problem = name !== '' && seen.has(name) ? `--${name} is given more than once.` : problemOf(token, args)
    seen.add(name)
    if (problem !== undefined) problems.push(problem)
    else accepted.push(value === undefined ? `--${unnegated(name)}` : `--${unnegated(name)}=${value}`)
  }
  return { accepted, problems }
}

/** Whether a word may stand where it does without a flag before it. */
function takesWord({ argument, name }: Token, args: ArgsDef): boolean {
  const isWord = name === undefined && argument.trim() !== '' && !argument.startsWith('-')
  return isWord && Object.values(args).some(({ type }) => type === 'positional')
}

function tokensOf(argv: readonly string[], args: ArgsDef): readonly Token[] {
  const tokens: Token[] = []
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? ''
    const { name, inline } = nameOf(argument)
    const next = argv[index + 1]
    // An unknown option may have a value too: it is taken with it, because it may be a secret and is not to be shown.
    const takesNext = name !== undefined && inline === undefined && definitionOf(name, args)?.type !== 'boolean'
    const isTaken = takesNext && next !== undefined && !next.startsWith('--')
    tokens.push({ argument, name, value: isTaken ? next : inline })
    if (isTaken) index += 1
  }
  return tokens
}

/** Not by the index alone: every object answers to `constructor`. */
function definitionOf(name: string, args: ArgsDef): ArgsDef[string] | undefined {
  return Object.hasOwn(args, name) && args[name]?.type !== 'positional' ? args[name] : undefined
}

function nameOf(argument: string): { name: string | undefined; inline: string | undefined } {
  // There are no options with one dash; whatever follows the letter may be a value.
  if (/^-[^-]/.test(argument)) return { name: argument.slice(0, 2), inline: argument.length > 2 ? '' : undefined }
  const [, name, inline] = /^--([^=]+)(?:=(.*))?$/s.exec(argument) ?? []
  return { name, inline }
}

function problemOf({ argument, name, value }: Token, args: ArgsDef): string | undefined {
  // What stands behind an equals sign may be a secret.
  if (name === undefined)
    return `${quoted(argument.replace(/=.*/s, '=…'))} is no command and no option${suggestion(argument, COMMAND_NAMES)}.`
  if (name.startsWith('-')) return `${name} is no option.`
  const definition = definitionOf(name, args)
  if (definition === undefined)
    return `--${name} is no option${suggestion(name, Object.keys(args), '--')}.${keyHint(name)}`
  if (definition.type === 'boolean') return value === undefined ? undefined : `--${name} takes no value.`
  return value === undefined || value.trim() === '' ? `--${name} needs a value (${definition.valueHint}).` : undefined
}

function keyHint(name: string): string {
  return /key|token/i.test(name) ? ' The API key is read from FMP_API_KEY only.' : ''
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100))
}

function suggestion(name: string, known: readonly string[], lead = ''): string {
  const near = known
    .map((other) => ({ other, distance: editDistance(name, other) }))
    .toSorted((a, b) => a.distance - b.distance)[0]
  return near !== undefined && near.distance <= 2 ? ` (did you mean ${lead}${near.other}?)` : ''
}

/** How many letters must be added, dropped or changed to make `b` of `a` (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
