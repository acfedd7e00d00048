// How a run ended as a whole: its errors and its exit code.

import type { IngestError } from '../core/errors.ts'
import type { Freshness, Job } from '../pipeline/pipeline.ts'
import type { Metrics } from './contract.ts'

export type Ending = {
  readonly metrics: Metrics
  readonly stoppedBy: IngestError | undefined
  /** Where the metrics document is, or undefined where it could not be written. */
  readonly metricsPlace: string | undefined
  /** Whether there were rejected rows that could not be written beside it. */
  readonly isRejectsFileLost: boolean
  /** Of the dataset of sessions, where the run fetched one. */
  readonly freshness: Freshness | undefined
  readonly jobs: readonly Pick<Job, 'dataset' | 'unit'>[]
}

const RESUMABLE: ReadonlySet<string> = new Set(['quota', 'bandwidth', 'budget'])

/** All errors of a run: those in its metrics, and those of the metrics themselves. */
export function errorsIn({ metrics, metricsPlace, isRejectsFileLost }: Ending): number {
  const ownErrors = [metricsPlace === undefined, isRejectsFileLost].filter(Boolean).length
  return metrics.errors + metrics.run_errors.length + ownErrors
}

/** The exit code of a run that was not interrupted. */
export function exitCodeOf(ending: Ending): 0 | 1 | 3 {
  const { stoppedBy, metricsPlace, isRejectsFileLost } = ending
  if (metricsPlace === undefined || isRejectsFileLost) return 1
  if (stoppedBy !== undefined && RESUMABLE.has(stoppedBy.kind)) return 3
  return errorsIn(ending) > 0 || stoppedBy !== undefined ? 1 : 0
}
