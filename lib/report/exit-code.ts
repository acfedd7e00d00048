// How a run ended: its status and its exit code.

import type { IngestError } from '../core/errors.ts'
import type { Freshness } from '../pipeline/pipeline.ts'
import type { Metrics } from './contract.ts'

/** The result of a run, for its reports. */
export type Ending = {
  readonly metrics: Metrics
  readonly stoppedBy: IngestError | undefined
  /** The path or URL of the metrics document; undefined if it could not be written. */
  readonly metricsLocation: string | undefined
  /** The path or URL of the rejects file, if one was written. */
  readonly rejectsLocation?: string | undefined
  /** The freshness of the dataset of sessions, if the run has one. */
  readonly freshness: Freshness | undefined
}

/** What decides the status and the exit code. */
export type EndFacts = {
  readonly stoppedBy: IngestError | undefined
  /** The signal that interrupted the run, as its exit code; undefined if none did. */
  readonly interruptCode: InterruptCode | undefined
  /** Failed writes of the metrics and of the rejects file. */
  readonly lostFiles: readonly IngestError[]
}

/** 128 and the signal's number: SIGINT, SIGTERM. SIGHUP counts as SIGTERM. */
export type InterruptCode = 130 | 143

/** Errors that end when a quota is renewed: the next run goes on. */
const RESUMABLE_KINDS: ReadonlySet<string> = new Set(['quota', 'bandwidth', 'budget'])

/** Whether an error ends when a quota is renewed. */
export function isResumable({ kind }: IngestError): boolean {
  return RESUMABLE_KINDS.has(kind)
}

/** The status and the exit code of a run with this number of errors. */
export function endOf(
  errors: number,
  { stoppedBy, interruptCode, lostFiles }: EndFacts,
): Pick<Metrics, 'status' | 'exit_code'> {
  if (interruptCode !== undefined) return { status: 'interrupted', exit_code: interruptCode }
  const endsLater = stoppedBy !== undefined && isResumable(stoppedBy)
  if (endsLater && lostFiles.length === 0) return { status: 'stopped', exit_code: 3 }
  return errors > 0 || stoppedBy !== undefined ? { status: 'failed', exit_code: 1 } : { status: 'ok', exit_code: 0 }
}
