// Prices as one job of a run: surveys the store, plans the work, and judges the outcomes.

import type { Calendar } from '../../core/calendar.ts'
import { targetLocation, tickersLocation, type Config } from '../../core/config.ts'
import { rangeAround } from '../../core/dates.ts'
import type { Period } from '../../core/period.ts'
import { grouped, listed, shellWord } from '../../core/text.ts'
import type { FileSettings } from '../../parquet/parquet.ts'
import type { Job } from '../../pipeline/pipeline.ts'
import type { Store } from '../../store/store.ts'
import { tradesElsewhere } from './exchange.ts'
import { MIN_ANSWERS } from './market.ts'
import { createMarketGate, marketContext } from './market-gate.ts'
import { refuseUnheld } from './market-text.ts'
import { planSessions, sortPlans, type SymbolPlan } from './plan.ts'
import { createPrices } from './schema.ts'
import { lineAfterRun, settledPlans, type SurveyMemory } from './settled.ts'
import { findNewestSession, surveySessions, type StoredSessions, type SurveyContext } from './survey.ts'
import { sessionTask, type SessionContext } from './task.ts'
import { createAudit } from './audit.ts'

/** What planning the prices of a run needs. */
export type PricesContext = {
  readonly config: Config
  readonly store: Store
  readonly calendar: Calendar
  readonly period: Period
  /** The number of symbols in the list, those of other shards among them. */
  readonly listed: number
  /** The same for every file of the run. */
  readonly fileSettings: Omit<FileSettings, 'columns'>
  /** Stops waiting for work that only reads as soon as the run is stopped. */
  readonly unlessStopped: <T>(work: Promise<T>) => Promise<T>
  /** Called after each symbol of the survey. */
  readonly onSurveyed: () => void
  /** Absent in a run that keeps no tables, as every dry run. */
  readonly memory?: SurveyMemory | undefined
}

/** Surveys the stored prices of every symbol and plans the job. Throws an IngestError if the store fails. */
export async function planPrices(symbols: readonly string[], context: PricesContext): Promise<Job> {
  const { config, store, calendar, period } = context
  const { mode } = config.dates
  const dataset = createPrices(config)
  const market = marketContext({ calendar, period }, config.acceptedSessions)
  refuseUnheld(config.acceptedSessions, market)
  const surveyContext: SurveyContext = { store, dataset, calendar, mode, period, onSurveyed: context.onSurveyed }
  const { surveyed, plans } = await surveyAndPlan(symbols, surveyContext, context)
  const gate = createMarketGate(plans, market, { calendar, period, mode })
  return {
    dataset: dataset.name,
    unit: 'sessions',
    calls: plans.reduce((sum, { calls }) => sum + calls, 0),
    callsOfTasks: () => plans.map(({ calls }) => calls),
    compared: comparedIn(plans),
    range: rangeAround(plans.map(({ range }) => range)),
    notes: notesOf(plans, context),
    warnings: holeWarnings(plans, period, config),
    errors: plans.flatMap(({ symbol, errors }) => errors.map((error) => ({ symbol, error }))),
    keys: () => plans.flatMap(({ symbol, files }) => files.map(({ partition }) => dataset.key(symbol, partition))),
    // Only a dry run asks for them, and that lists every symbol.
    stored: () => surveyed.map((stored) => storedLine(stored, mode)),
    tasks: ({ openEncoder }) => {
      const files = plans.reduce((sum, plan) => sum + plan.files.length, 0)
      const encoder = openEncoder({ ...context.fileSettings, columns: dataset.columns }, files)
      const recent = new Map(surveyed.map((stored) => [stored.symbol, stored.recent]))
      const shared: SessionContext = {
        store,
        dataset,
        calendar,
        today: period.today,
        mending: config.mending,
        marketFrom: gate.from,
        recentFiles: (symbol) => recent.get(symbol),
        isNightly: period.lookbackFrom !== undefined,
        unlessStopped: context.unlessStopped,
        accepts: (symbol) => config.accepts.includes(symbol) || config.accepts.includes('all'),
        findNewestSession: async (symbol) => await context.unlessStopped(findNewestSession(symbol, surveyContext)),
        encode: async ({ rows, asked, carried, carriedBy }) =>
          await encoder.encode({ rows, asked, carried, carriedBy }),
      }
      return plans.map((plan) => sessionTask(plan, shared, gate.memberOf(plan)))
    },
    judge: gate.judge,
  }
}

type Surveyed = { readonly surveyed: readonly StoredSessions[]; readonly plans: readonly SymbolPlan[] }

/** Lists the symbols that the table does not know to be settled, and plans all of them. */
async function surveyAndPlan(
  symbols: readonly string[],
  survey: SurveyContext,
  { config, memory, listed: ofList, onSurveyed }: PricesContext,
): Promise<Surveyed> {
  const { dataset, calendar, mode, period } = survey
  const { isForced, auditEvery } = config
  const shared = { dataset, calendar, period }
  const asks = period.lookbackFrom !== undefined && !isForced ? memory : undefined
  const settled = settledPlans(symbols, (await asks?.recall()) ?? new Map(), shared)
  for (const _ of settled) onSurveyed()
  const unsettled = symbols.filter((symbol) => !settled.has(symbol))
  const surveyed = await surveySessions(unsettled, survey)
  if (period.lookbackFrom !== undefined) memory?.remember(lineAfterRun(surveyed, shared))
  // By the whole list, so that a shard compares no symbol more often than one process would.
  const audit = createAudit(ofList, auditEvery, calendar)
  const ofListed = planSessions(surveyed, { ...shared, mode, isForced, audit })
  if (settled.size === 0) return { surveyed, plans: ofListed }
  const bySymbol = new Map([...settled, ...ofListed.map((plan) => [plan.symbol, plan] as const)])
  // In the order of the list first: what is equally far behind keeps it.
  return { surveyed, plans: sortPlans(symbols.flatMap((symbol) => bySymbol.get(symbol) ?? [])) }
}

/** The symbols that are asked for and have stored sessions that the run does not write anyway. */
function comparedIn(plans: readonly SymbolPlan[]): Job['compared'] {
  const compared = plans.filter(({ calls, newest, yearsStored, files }) => {
    const planned = new Set(files.flatMap(({ partition }) => (partition.kind === 'year' ? [partition.year] : [])))
    return calls > 0 && newest !== undefined && (planned.size === 0 || yearsStored.some((year) => !planned.has(year)))
  })
  return { symbols: compared.length, wholly: compared.filter(({ isAudited }) => isAudited).length }
}

/** One line of a dry run. Only the files of the run's mode are counted. */
function storedLine({ symbol, days, years, newest }: StoredSessions, mode: 'daily' | 'backfill'): string {
  const files = mode === 'daily' ? `${grouped(days.size)} day files` : `${grouped(years.size)} year files`
  return `${symbol}: ${files} in reach, newest session ${newest ?? 'none'}`
}

function notesOf(plans: readonly SymbolPlan[], { config, period, listed: ofList }: PricesContext): readonly string[] {
  if (period.range === undefined) return ['There is no finished session in these dates: nothing to fetch.']
  const notes = [elsewhereNote(plans), newcomersNote(plans, period, config), unjudgedNote(plans.length, ofList)]
  return notes.filter((note) => note !== undefined)
}

/** A note where a shard has too few symbols to judge the market by, though the list has enough. */
function unjudgedNote(symbols: number, ofList: number): string | undefined {
  if (symbols === 0 || symbols >= MIN_ANSWERS || ofList < MIN_ANSWERS) return undefined
  return `This shard has fewer than ${MIN_ANSWERS} symbols: a session that looks wrong for the whole market is not noticed. Fewer shards notice it.`
}

/** One note for all symbols of other exchanges: the calendar does not know their sessions. */
function elsewhereNote(plans: readonly SymbolPlan[]): string | undefined {
  const symbols = plans.map(({ symbol }) => symbol).filter(tradesElsewhere)
  if (symbols.length === 0) return undefined
  return `The calendar has New York's sessions only. Of symbols that trade elsewhere (${listed(symbols, MAX_SYMBOLS_NAMED)}) bars of other days are kept when a fetch brings them, and no day is called missing: whether such a series is whole is not known.`
}

/** With more symbols than this, the command names the ticker list instead. */
const MAX_SYMBOLS_NAMED = 20

/** One note for all symbols without stored sessions in a daily run without dates: how to fetch their history. */
export function newcomersNote(
  plans: readonly Pick<SymbolPlan, 'symbol' | 'newest'>[],
  period: Period,
  config: Config,
): string | undefined {
  const symbols = plans.filter(({ newest }) => newest === undefined).map(({ symbol }) => symbol)
  if (period.lookbackFrom === undefined || symbols.length === 0) return undefined
  const { lookback } = config.dates
  const nothing = `nothing stored in the last ${period.reachSessions} sessions`
  const [who, whose] =
    symbols.length === 1
      ? [`${symbols[0]} has ${nothing} and gets`, 'Its']
      : [`${grouped(symbols.length)} symbols have ${nothing} and get`, 'Their']
  const command = commandFor(['--backfill', '--backfill-days', '1825'], symbols, config)
  return `${who} the last session only: --lookback ${lookback} fills no sessions before the first stored one. ${whose} history: ${command}`
}

/** One warning for all symbols with the same hole beyond the reach of a daily run without dates: how to fill it. */
export function holeWarnings(
  plans: readonly Pick<SymbolPlan, 'symbol' | 'holeBeyond'>[],
  { range }: Pick<Period, 'range'>,
  config: Config,
): readonly string[] {
  const holes = plans.flatMap(({ symbol, holeBeyond }) => (holeBeyond === undefined ? [] : [{ symbol, ...holeBeyond }]))
  return [...Map.groupBy(holes, ({ from, to }) => `${from} to ${to}`)].map(([dates, ofDates]) => {
    const symbols = ofDates.map(({ symbol }) => symbol)
    const [{ from, to } = { from: '', to: '' }] = ofDates
    const who = symbols.length > 3 ? `${grouped(symbols.length)} symbols have` : `${symbols.join(', ')}: there is`
    const command = commandFor(['--from-date', from, '--to-date', to], symbols, config)
    return `${who} nothing stored from ${dates}, though older and newer sessions are; this run reaches back to ${range?.from} only. To fill it: ${command}`
  })
}

/** The command that fetches these dates of these symbols. */
function commandFor(dates: readonly string[], symbols: readonly string[], config: Config): string {
  const listLocation = tickersLocation(config.tickers)
  const isNamed = listLocation === undefined || symbols.length <= MAX_SYMBOLS_NAMED
  const list = isNamed ? ['--tickers', symbols.join(',')] : ['--tickers-path', listLocation]
  const words = [...dates, ...list, '--out', targetLocation(config.target)]
  if (!config.withAdjClose) words.push('--no-adj-close')
  return `ingest ${words.map(shellWord).join(' ')}`
}
