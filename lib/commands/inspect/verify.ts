// `ingest verify`: what is wrong with a lake, by listings and footers, with --deep by every byte, with --sample by FMP.

import { VERIFY } from '../../cli/lake-settings.ts'
import type { Values } from '../../cli/resolve-lake.ts'
import { targetLocation } from '../../core/config.ts'
import { FIRST_YEAR, LAST_YEAR, newYorkClock, wholeYear, type DateRange, type IsoDate } from '../../core/dates.ts'
import { FINDING_KINDS, type Cure, type Finding } from '../../core/findings.ts'
import { shellWord, whereTrue } from '../../core/text.ts'
import { runIdOf } from '../../report/json-schema.ts'
import { shardFact } from '../../report/shard.ts'
import { readHistory, type RunHistory } from '../../report/symbol-history.ts'
import {
  countKinds,
  VERIFY_VERSION,
  verifyText,
  type VerifiedFinding,
  type VerifiedSymbol,
} from '../../report/verify.ts'
import type { LakeCommand } from './inspect.ts'
import { commandFor, openLake, printFindings, type Lake } from './look.ts'
import { NO_SAMPLE, sampleLake } from './verify-sample.ts'
import { walkLake, type WalkedSymbol } from './verify-walk.ts'

export const VERIFY_COMMAND: LakeCommand<typeof VERIFY> = {
  settings: VERIFY,
  failureCode: 1,
  asksVendor: ({ sample }) => sample !== undefined,
  problems: ({ fromDate, toDate, sample }, { isGiven }) =>
    whereTrue([
      [fromDate !== undefined && toDate !== undefined && fromDate > toDate, '--from-date is after --to-date.'],
      [isGiven('--max-calls') && sample === undefined, '--max-calls needs --sample: nothing else asks FMP.'],
    ]),
  run: async (look, own) => await verify(await openLake(look), own),
}

/** A symbol's turn to be compared wholly comes every 20 sessions at the latest. */
const HISTORY_SESSIONS = 40

async function verify(lake: Lake, own: Values<typeof VERIFY>): Promise<number> {
  const { config, store, calendar, asOf, startMs } = lake
  const sinceMs = Date.parse(calendar.sessionsBack(asOf, HISTORY_SESSIONS))
  const history = await readHistory(store, { sinceMs, calendar })
  const walked = await walkLake(lake, { isDeep: own.isDeep, range: rangeOf(own), history, sinceMs })
  const sampled =
    own.sample === undefined ? NO_SAMPLE : await sampleLake(walked.symbols, own.sample, own.maxCalls, lake)
  const findings = [...walked.findings, ...sampled.findings]
    .toSorted(inOrder)
    .map((finding) => verifiedFinding(finding, lake))
  const ok = findings.every(({ severity }) => severity === 'warning')
  const verified = {
    schema_version: VERIFY_VERSION,
    run_id: runIdOf(startMs),
    target: targetLocation(config.target),
    depth: own.isDeep ? ('deep' as const) : ('footers' as const),
    as_of: asOf,
    ok,
    shard: shardFact(config.shard),
    symbols: walked.symbols.map((symbol) => verifiedSymbol(symbol, history)),
    findings,
    counts: countKinds(findings),
    sample: sampled.years,
    calls: sampled.calls,
  }
  const code = ok ? (sampled.stopped === undefined ? 0 : 3) : 1
  return await printFindings({ document: verified, text: verifyText(verified, sampled.stopped), code }, lake)
}

/** Dates that were not given are open. */
function rangeOf({ fromDate, toDate }: Values<typeof VERIFY>): DateRange | undefined {
  if (fromDate === undefined && toDate === undefined) return undefined
  return { from: fromDate ?? wholeYear(FIRST_YEAR).from, to: toDate ?? wholeYear(LAST_YEAR).to }
}

/** By symbol, key and date; what belongs to no symbol comes last. */
function inOrder(a: Finding, b: Finding): number {
  const [own, other] = [placeOf(a), placeOf(b)]
  const at = own.findIndex((part, index) => part !== other[index])
  return at === -1 ? 0 : (own[at] ?? '') < (other[at] ?? '') ? -1 : 1
}

function placeOf({ symbol, key, date }: Finding): readonly string[] {
  return [symbol ?? '\u{10FFFF}', key ?? '', date ?? '']
}

function verifiedSymbol(symbol: WalkedSymbol, history: RunHistory): VerifiedSymbol {
  const { comparedMs, mendedMs } = history.of(symbol.symbol)
  return {
    symbol: symbol.symbol,
    first_date: symbol.first ?? null,
    through_date: symbol.through ?? null,
    sessions: symbol.sessions,
    missing: symbol.missing,
    rows: symbol.rows,
    files: symbol.files,
    doubled: symbol.doubled,
    carried_rows: symbol.carriedRows,
    last_compared: dayOf(comparedMs),
    last_mended: dayOf(mendedMs),
  }
}

function dayOf(ms: number | undefined): IsoDate | null {
  return ms === undefined ? null : newYorkClock(ms).date
}

function verifiedFinding({ kind, symbol, key, date, detail, cure }: Finding, lake: Lake): VerifiedFinding {
  const { severity } = FINDING_KINDS[kind]
  const command = cure && commandOf(cure, lake)
  return { kind, severity, symbol: symbol ?? null, key: key ?? null, date: date ?? null, detail, cure: command ?? null }
}

function commandOf({ removes, words }: Cure, { config, store }: Lake): string {
  const [remove, recursively] = config.target.kind === 's3' ? ['aws s3 rm', '--recursive'] : ['rm', '-r']
  const isFolder = removes?.endsWith('/') === true
  return [
    ...(removes === undefined
      ? []
      : [`${remove} ${isFolder ? `${recursively} ` : ''}${shellWord(store.locate(removes))}`]),
    ...(words === undefined ? [] : [commandFor(words, config)]),
  ].join(' && ')
}
