// What a run does with the files that it plans.

/**
 * What a run does with a planned file. `create`: writes a new file, and leaves one that another run created meanwhile.
 * `refresh`: replaces the stored version if nobody has changed it, or whatever file of this program is found there where no
 * version is known. `overwrite`: replaces any version (`--force`).
 */
export type FileAction = 'create' | 'refresh' | 'overwrite'

/** The action for one planned file; `stored` is what the survey found at its key. */
export function actionOn(stored: object | undefined, isForced: boolean): FileAction {
  if (isForced) return 'overwrite'
  return stored === undefined ? 'create' : 'refresh'
}
