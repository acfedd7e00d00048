// What `ingest verify` tells: the document of `--json` and the text.

import { FINDING_KINDS, type FindingKind } from '../core/findings.ts'
import { PAST_VERDICTS } from '../core/outcome.ts'
import { counted, grouped, oneLine } from '../core/text.ts'
import {
  count,
  countsByName,
  date,
  flag,
  list,
  object,
  oneOf,
  orNull,
  RUN_ID,
  text,
  type TypeOf,
} from './json-schema.ts'
import { partText, SHARD } from './shard.ts'

/** Incremented when a field changes its meaning or is removed. */
export const VERIFY_VERSION = 1

const KINDS = Object.keys(FINDING_KINDS) as readonly FindingKind[]
const MEANINGS = Object.fromEntries(KINDS.map((kind) => [kind, FINDING_KINDS[kind].meaning]))

const SYMBOL = object(
  {
    symbol: text('The symbol'),
    first_date: orNull(date('The oldest stored date; null if no file can be read')),
    through_date: orNull(date('The newest one up to as_of')),
    sessions: count('Sessions with a row'),
    missing: count('Sessions between the first and the newest one without a row; of other exchanges 0'),
    rows: count('Rows of all files together'),
    files: object({ year: count('Year files'), day: count('Day files') }, 'How many files it has'),
    doubled: count('Dates that are in a year file and in a day file'),
    carried_rows: count('Rows that were carried over because FMP had them no more'),
    last_compared: orNull(
      date(
        'The day in New York of the last run that compared all of its rows; null if no run of the last 40 sessions did',
      ),
    ),
    last_mended: orNull(date('Likewise, of the last run that mended it')),
  },
  'The stored prices of one symbol',
)

const FINDING = object(
  {
    kind: oneOf(KINDS, 'What is wrong; `counts` says what each kind means'),
    severity: oneOf(['error', 'warning'], 'A warning leaves ok true'),
    symbol: orNull(text('The symbol; null where it is about none')),
    key: orNull(text('The key of the file, or of the file that should be there; null where it is about none')),
    date: orNull(date('The first date that it is about; null where it is about none')),
    detail: text('What is wrong, the end of a sentence'),
    cure: orNull(text('The command that puts it right; null where there is none')),
  },
  'One thing that is wrong',
)

/** How the sample of a symbol's year may end beside a verdict of the comparison. */
const SAMPLE_VERDICTS = [...PAST_VERDICTS, 'not_stored', 'refused', 'failed'] as const

const SAMPLED = object(
  {
    symbol: text('The symbol'),
    year: count('The calendar year'),
    verdict: oneOf(
      SAMPLE_VERDICTS,
      'As in the metrics. not_stored: FMP has sessions that are not stored. refused: the plan does not serve the year. failed: FMP gave no answer',
    ),
  },
  'A year of a symbol that FMP was asked for',
)

export const VERIFY = object(
  {
    schema_version: count('Incremented when a field changes its meaning or is removed'),
    run_id: RUN_ID,
    target: text('The folder, or s3://bucket'),
    depth: oneOf(['footers', 'deep'], 'deep with --deep: all bytes and rows were read'),
    as_of: date('The last finished session'),
    ok: flag('Whether nothing but warnings was found'),
    shard: SHARD,
    symbols: list(SYMBOL, 'Every symbol that was looked at'),
    findings: list(FINDING, 'What is wrong, by symbol and key'),
    counts: countsByName(MEANINGS, 'How many findings there are of each kind that was found'),
    sample: list(SAMPLED, 'With --sample: what FMP was asked for, in that order'),
    calls: count('API calls made, retries included'),
  },
  'What is wrong with a lake',
)

export type Verified = TypeOf<typeof VERIFY>
export type VerifiedSymbol = TypeOf<typeof SYMBOL>
export type VerifiedFinding = TypeOf<typeof FINDING>

/** How many findings there are of each kind. */
export function countKinds(findings: readonly VerifiedFinding[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { kind } of findings) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

/** The text for people: a line for each finding, then what was looked at. `stopped` says why a sample ended early. */
export function verifyText(verified: Verified, stopped: string | undefined): string {
  const { symbols, findings, sample, calls, ok } = verified
  const warnings = findings.filter(({ severity }) => severity === 'warning').length
  const errors = findings.length - warnings
  const files = symbols.reduce((sum, { files: { year, day } }) => sum + year + day, 0)
  const part = partText(verified.shard)
  const looked = `${part === undefined ? '' : `shard ${part}, `}${counted(symbols.length, 'symbol')}, ${counted(files, 'price file')}`
  const found = [
    ...(errors > 0 ? [counted(errors, 'error')] : []),
    ...(warnings > 0 ? [counted(warnings, 'warning')] : []),
  ]
  const ofKinds = Object.entries(verified.counts).map(([kind, number]) => `${kind} ${grouped(number)}`)
  const depth = verified.depth === 'deep' ? 'every byte read' : 'listings and footers read; --deep reads every byte'
  const lines = [
    ...findings.map(findingLine),
    ...sample.map(({ symbol, year, verdict }) => `Sample: ${oneLine(symbol)} ${year} ${verdict}`),
    ...(sample.length > 0 ? [`Calls: ${grouped(calls)}`] : []),
    ...(stopped === undefined ? [] : [`⏸️  Sample stopped: ${stopped}`]),
    ...(found.length > 0 ? [`Found: ${found.join(', ')} (${ofKinds.join(', ')})`] : []),
    `${ok ? '✅ Nothing wrong' : '❌ Something is wrong'}: ${looked}, ${depth}, as of ${verified.as_of}`,
  ]
  return `${lines.join('\n')}\n`
}

/** A path may have 4,096 bytes. */
const MAX_COMMAND_CHARACTERS = 10_000

/** `❌ torn raw/prices/…: is cut. Cure: ingest …`. */
function findingLine({ kind, severity, symbol, key, date: day, detail, cure }: VerifiedFinding): string {
  const where = [key ?? symbol, day].filter((part) => part !== null).map((part) => oneLine(part))
  // Symbols and keys come from outside, and a command that is cut is none.
  const to = cure === null ? '' : `. Cure: ${oneLine(cure, MAX_COMMAND_CHARACTERS)}`
  return `${severity === 'error' ? '❌' : '⚠️'} ${[kind, ...where].join(' ')}: ${oneLine(detail)}${to}`
}
