// The end of a run as a whole: its number of errors and its exit code.

import type { IngestError } from '../core/errors.ts'
import type { Freshness, Job } from '../pipeline/pipeline.ts'
import type { Metrics } from './contract.ts'

/** How a run ended. */
export type Ending = {
  readonly metrics: Metrics
  readonly stoppedBy: IngestError | undefined
  /** The path or URL of the metrics document; undefined if it could not be written. */
  readonly metricsLocation: string | undefined
  /** The path or URL of the rejects file, if one was written. */
  readonly rejectsLocation?: string | undefined
  /** Whether there are rejected rows whose file could not be written. */
  readonly isRejectsFileLost: boolean
  /** The freshness of the dataset of sessions, if the run has one. */
  readonly freshness: Freshness | undefined
  readonly jobs: readonly Pick<Job, 'dataset' | 'unit'>[]
}

/** Errors that end when a quota is renewed: the next run goes on. */
const RESUMABLE_KINDS: ReadonlySet<string> = new Set(['quota', 'bandwidth', 'budget'])

/** The number of errors of a run: those in its metrics, and failed writes of the metrics and the rejects file. */
export function errorsIn({ metrics, metricsLocation, isRejectsFileLost }: Ending): number {
  const lostFiles = [metricsLocation === undefined, isRejectsFileLost].filter(Boolean).length
  return metrics.errors + metrics.run_errors.length + lostFiles
}

/** The exit code of a run that was not interrupted. */
export function exitCodeOf(ending: Ending): 0 | 1 | 3 {
  const { stoppedBy, metricsLocation, isRejectsFileLost } = ending
  if (metricsLocation === undefined || isRejectsFileLost) return 1
  if (stoppedBy !== undefined && RESUMABLE_KINDS.has(stoppedBy.kind)) return 3
  return errorsIn(ending) > 0 || stoppedBy !== undefined ? 1 : 0
}
