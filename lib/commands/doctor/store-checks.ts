// Can a run list, read, create and replace in the store, and is no file overwritten by accident?

import { counted, oneLine } from '../../core/text.ts'
import { targetLocation } from '../../core/config.ts'
import { IngestError } from '../../core/errors.ts'
import { readFooters } from '../../datasets/inventory.ts'
import { isTrusted } from '../../datasets/table/trusted.ts'
import { listTable, readFooterOf, tableRoot } from '../../datasets/table/units.ts'
import { callsLeft, callsTodayText } from '../../report/calls-today.ts'
import { runIdOf } from '../../report/json-schema.ts'
import type { StoredFile } from '../../store/store.ts'
import { readCallsToday } from '../ledger.ts'
import { tableToRead } from '../tables.ts'
import { fail, failureOf, ok, skip, warn, type Check } from './checks.ts'
import type { Context } from './context.ts'
import { PROBE_BYTES, PROBE_KEY } from './store-look.ts'

const store: Check<Context> = {
  name: 'store',
  run: async (context) => {
    const { target } = context.config
    const location = oneLine(targetLocation(target))
    await context.store()
    // A missing right to list is of another check: the store has answered all the same.
    await context.priceFiles().catch(unlessDenied)
    return ok(
      location,
      `${location} ${target.kind === 's3' ? 'answers in the region that is set' : 'is a folder that can be written to'}.`,
    )
  },
}

function unlessDenied(error: unknown): void {
  if (!isDenial(error)) throw error
}

const SAFE = 'No run overwrites what another one has stored'

const write: Check<Context> = {
  name: 'write',
  needs: ['store'],
  run: async (context) => {
    const outcome = await context.create()
    const [unsafe] = context.unsafe
    if (unsafe !== undefined) return warn('not create-only', unsafe, 'Let only one run go on at a time.')
    const what = outcome === 'created' ? 'A file was created' : 'The file of an earlier check is there'
    return ok('create-only', `${what}, and creating it again is refused. ${SAFE}. No right to delete is needed.`)
  },
}

const list: Check<Context> = {
  name: 'list',
  needs: ['store'],
  run: async (context) => {
    const prices = await context.priceFiles()
    const logs = await context.logFiles()
    const value = counted(prices.length + logs.length, 'file')
    return ok(value, `${context.prices.folder(await context.symbol())} and logs/ingest/ can be listed.`)
  },
}

const read: Check<Context> = {
  name: 'read',
  needs: ['list'],
  run: async (context) => {
    const run = await context.lastRun()
    const file = await newestPriceFile(context)
    if (file !== undefined) {
      const [stored] = await readFooters([file], { store: await context.store(), dataset: context.prices })
      if (stored !== undefined && 'problem' in stored) {
        const detail = oneLine(`${file.key} ${stored.problem}.`)
        return warn(file.key, detail, 'Look at that file. A run leaves it as it is, and names it.')
      }
    }
    const found = [run?.key, file?.key].filter((key) => key !== undefined)
    const keys = found.length > 0 ? found : await readProbe(context)
    if (keys.length === 0) return skip('Nothing is stored that could be read.')
    return ok(counted(keys.length, 'file'), `${keys.join(' and ')} can be read.`)
  },
}

/** Of the symbol; files of other keys than those of this program are passed over. */
async function newestPriceFile({ priceFiles, prices, symbol }: Context): Promise<StoredFile | undefined> {
  const [files, name] = [await priceFiles(), await symbol()]
  return files.findLast(({ key }) => prices.partitionOf(name, key) !== undefined)
}

async function readProbe({ store: open, logFiles }: Context): Promise<readonly string[]> {
  if (!(await logFiles()).some(isProbe)) return []
  const bytes = await (await open()).read(PROBE_KEY, undefined, PROBE_BYTES)
  return bytes === undefined ? [] : [PROBE_KEY]
}

function isProbe({ key }: StoredFile): boolean {
  return key === PROBE_KEY
}

const replace: Check<Context> = {
  name: 'replace',
  // What was refused is read, to tell why.
  needs: ['write', 'list', 'read'],
  run: async (context) => {
    if (context.unsafe.length > 0)
      return skip('In a store without create-only writes files are replaced unconditionally.')
    const tag = (await context.logFiles()).find(isProbe)?.tag
    const location = (await context.store()).locate(PROBE_KEY)
    if (tag === undefined) {
      const cure = 'A run relies on listings that show every write at once: use another store.'
      return fail(null, `The listing lacks ${location}, which has just been written.`, cure)
    }
    if ((await context.replace(tag)) === 'conflict') {
      const cure = 'Run again. If it stays, the store does not keep its tags: use another one.'
      return fail(null, `${location} was changed meanwhile, or the store takes no tag that it has listed.`, cure)
    }
    if ((await context.replace(tag)) === 'conflict') {
      return ok('by tag', `A file is replaced if it is unchanged, and only then. ${SAFE}.`)
    }
    const detail = `The store ignores the condition of a replacement (If-Match): ${location} was replaced by an old tag.`
    const cure = 'Two runs at once could overwrite each other: use another store, or let only one run go on at a time'
    return context.own.allowsUnsafeStore
      ? warn('not by tag', detail, `${cure}.`)
      : fail('not by tag', detail, `${cure} and say so by --allow-unsafe-store.`)
  },
}

const table: Check<Context> = {
  name: 'table',
  needs: ['store'],
  run: async (context) => {
    const of = tableToRead(context.prices, await context.store(), context)
    const last = (await listTable(of)).at(-1)
    const footer = last && (await readFooterOf(last, of))
    if (footer === undefined) return ok('none', `${tableRoot(of)} can be listed. The run makes the table.`)
    const value = runIdOf(footer.listedMs)
    const detail = `The table of prices was last compared with a listing of all stored files at ${value}.`
    if (isTrusted(footer.listedMs, context.startMs)) return ok(value, detail)
    return warn(value, detail, 'Run `ingest table`, or leave it to the next run, which then takes longer.')
  },
}

const ledger: Check<Context> = {
  name: 'ledger',
  needs: ['store'],
  run: async (context) => {
    const unsent = await context.unsent()
    if (unsent !== undefined) return failureOf(unsent)
    const today = await readCallsToday(context.vendor, { store: await context.store(), effects: context.effects })
    if (today === undefined) throw new Error('A ledger that a call was taken from is one of a key.')
    const left = callsLeft(today)
    const text = `${callsTodayText(today)}.`
    if (left === undefined) return ok('no limit', `${text} DAILY_CALLS is not set.`)
    const value = `${left} of ${today.dailyCalls}`
    if (left > 0) return ok(value, text)
    return warn(value, text, 'Run after midnight UTC, or set DAILY_CALLS to what the plan allows.')
  },
}

/** The check, whose missing right is named together with all others: the next one would be missing too. */
function withPolicy({ run, ...check }: Check<Context>): Check<Context> {
  return {
    ...check,
    run: async (context) => {
      try {
        return await run(context)
      } catch (error) {
        if (!isDenial(error)) throw error
        const failure = failureOf(error)
        return { ...failure, cure: `${failure.cure} lib/store/README.md has the least policy for a run.` }
      }
    },
  }
}

function isDenial(error: unknown): error is IngestError {
  return error instanceof IngestError && error.data?.isDenied === true
}

export const STORE_CHECKS: readonly Check<Context>[] = [store, ...[write, list, read, replace].map(withPolicy)]

/** Of runs that share their calls. */
export const LEDGER_CHECK: Check<Context> = withPolicy(ledger)

/** Of a run that keeps tables. */
export const TABLE_CHECK: Check<Context> = withPolicy(table)
