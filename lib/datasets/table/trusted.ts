// Whether a run may rely on a table: on what its footers say of the raw files, without listing them.

import type { StoredFile } from '../../store/store.ts'
import type { TableFooter } from './footer.ts'
import { listOpenRuns } from './open-runs.ts'
import { listTable, readFooterOf, type TableContext } from './units.ts'

/** After so long all raw files are listed again: nobody may have told the table of what other programs changed. */
const TRUSTED_MS = 7 * 86_400_000

/** Whether a table that was listed wholly at an instant still need not be. */
export function isTrusted(listedMs: number, nowMs: number): boolean {
  return listedMs <= nowMs && nowMs - listedMs < TRUSTED_MS
}

/** A table that a run may rely on, as it was found. */
export type TrustedTable = {
  readonly files: readonly StoredFile[]
  /** Of the last file by name. */
  readonly footer: TableFooter
  /** Whether this run is noted as open. */
  readonly isNoted: boolean
}

/**
 * Opens a table, by one listing, one footer and the list of open runs. Undefined if it is not there, if it was not compared with a
 * listing of all raw files for a week, or if another run has not finished with it. Rejects with an IngestError if the store fails
 * or the table's last file is damaged.
 */
export async function openTrusted(context: TableContext): Promise<TrustedTable | undefined> {
  const files = await listTable(context)
  const last = files.at(-1)
  const footer = last && (await readFooterOf(last, context))
  const openRuns = await listOpenRuns(context)
  const isAlone = openRuns.every(({ id }) => id === context.runId)
  if (footer === undefined || !isTrusted(footer.listedMs, context.nowMs) || !isAlone) return undefined
  return { files, footer, isNoted: openRuns.length > 0 }
}
