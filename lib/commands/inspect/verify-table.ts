// The table of a dataset beside its stored files, as `ingest verify` looks at both.

import type { Dataset } from '../../core/dataset.ts'
import { IngestError } from '../../core/errors.ts'
import { lookAtTable, type TableLook } from '../../datasets/table/verify.ts'
import { tableToRead } from '../tables.ts'
import type { Lake } from './look.ts'
import type { Walk } from './verify-walk.ts'

/** The table of a dataset; undefined where it may not be listed: a lake without tables needs no right to. */
export async function openTable(dataset: Dataset, lake: Lake, { isDeep, range }: Walk): Promise<TableLook | undefined> {
  const { store, listed, warn, config } = lake
  try {
    return await lookAtTable(tableToRead(dataset, store, lake), {
      isDeep,
      range,
      symbols: listed,
      shard: config.shard,
    })
  } catch (error) {
    if (!(error instanceof IngestError) || error.data?.isDenied !== true) throw error
    warn(`The table of ${dataset.name} was not looked at: ${error.message}`)
    return undefined
  }
}
