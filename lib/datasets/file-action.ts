// What a run does to the files that it plans.

/**
 * What a run does to a planned file. `create`: nothing is stored, and a file of another run stays. `refresh`: replaces the
 * stored version if it is unchanged. `overwrite`: replaces whatever is there (`--force`).
 */
export type FileAction = 'create' | 'refresh' | 'overwrite'

/** The one place that decides it; `stored` is what the survey found. */
export function actionOn(stored: object | undefined, isForced: boolean): FileAction {
  if (isForced) return 'overwrite'
  return stored === undefined ? 'create' : 'refresh'
}
