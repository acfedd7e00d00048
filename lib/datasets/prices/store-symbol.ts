// Stores the files of one symbol in the order that keeps its series right wherever a kill ends it.

import { IngestError } from '../../core/errors.ts'
import type { SymbolOutcome } from '../../core/outcome.ts'
import type { EncodedFile } from '../../parquet/parquet.ts'
import type { UploadSlot } from '../../pipeline/pipeline.ts'
import { buildOutcome, type FileResult, type OutcomeFacts } from './outcome.ts'
import { writeFile, type FileRows, type WriteContext } from './write.ts'

export type StoreContext = WriteContext & {
  /** Encodes a file. Rejects with a defect only. */
  readonly encode: (file: FileRows) => Promise<EncodedFile>
}

/** Stores the files. `facts` holds the results of the files that need no write. */
export async function storeSymbol(
  groups: readonly FileRows[],
  facts: OutcomeFacts,
  context: StoreContext & { readonly slot: UploadSlot },
): Promise<SymbolOutcome> {
  const { slot, encode } = context
  const writer = {
    prepare: encode,
    write: async (file: FileRows, encoded: EncodedFile) => await writeFile(file, encoded, context),
  }
  // Stored files are replaced before new ones are created. The oldest stored year may claim empty years before it. If a kill
  // came after older files were created and before it is replaced, it would no longer be the oldest and never claim them.
  const [stored, fresh] = [groups.filter(({ file }) => file.stored), groups.filter(({ file }) => !file.stored)]
  const { mends = [], corrections = [] } = facts.reaction ?? {}
  // A mend comes before everything else, its newest year last: until then the newest stored row is stale, and a run that
  // follows a kill sees it and mends again.
  const mended = await slot.uploadOldestFirst(mends, writer)
  if (mended.some(({ result }) => !isStoredResult(result))) {
    return buildOutcome({ ...facts, results: [...mended, ...notReached(groups), ...facts.results] })
  }
  const corrected = await slot.uploadAll(corrections, writer)
  const replaced = await slot.uploadAll(stored, writer)
  const created = await (facts.plan.writesOldestFirst ? slot.uploadOldestFirst : slot.uploadAll)(fresh, writer)
  return buildOutcome({ ...facts, results: [...mended, ...corrected, ...replaced, ...created, ...facts.results] })
}

/** Files that are not tried, because a mend before them was not stored. */
function notReached(groups: readonly FileRows[]): readonly FileResult[] {
  return groups.map((group) => ({ ...group, result: undefined }))
}

function isStoredResult(result: FileResult['result']): boolean {
  return result !== undefined && !(result instanceof IngestError)
}
