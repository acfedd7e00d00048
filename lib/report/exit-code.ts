// How a run ended as a whole: its errors and its exit code.

import type { IngestError } from '../core/errors.ts'
import type { Freshness, Job } from '../pipeline/pipeline.ts'
import type { Metrics } from './contract.ts'

export type Ending = {
  readonly metrics: Metrics
  readonly stoppedBy: IngestError | undefined
  /** Where the metrics document is, or undefined where it could not be written. */
  readonly metricsLocation: string | undefined
  /** Whether there were rejected rows that could not be written beside it. */
  readonly isRejectsFileLost: boolean
  /** Of the dataset of sessions, where the run fetched one. */
  readonly freshness: Freshness | undefined
  readonly jobs: readonly Pick<Job, 'dataset' | 'unit'>[]
}

const RESUMABLE_KINDS: ReadonlySet<string> = new Set(['quota', 'bandwidth', 'budget'])

/** All errors of a run: those in its metrics, and those of the metrics themselves. */
export function errorsIn({ metrics, metricsLocation, isRejectsFileLost }: Ending): number {
  const ownErrors = [metricsLocation === undefined, isRejectsFileLost].filter(Boolean).length
  return metrics.errors + metrics.run_errors.length + ownErrors
}

/** The exit code of a run that was not interrupted. */
export function exitCodeOf(ending: Ending): 0 | 1 | 3 {
  const { stoppedBy, metricsLocation, isRejectsFileLost } = ending
  if (metricsLocation === undefined || isRejectsFileLost) return 1
  if (stoppedBy !== undefined && RESUMABLE_KINDS.has(stoppedBy.kind)) return 3
  return errorsIn(ending) > 0 || stoppedBy !== undefined ? 1 : 0
}
