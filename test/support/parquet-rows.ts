// The rows of any Parquet file as hyparquet reads them, whose decoder is not the program's.

import { parquetReadObjects } from 'hyparquet'

/** All rows. Rejects if the bytes cannot be decoded. */
export async function rowsByHyparquet(bytes: Uint8Array): Promise<Record<string, unknown>[]> {
  const compressors = { ZSTD: (page: Uint8Array) => Bun.zstdDecompressSync(page) }
  return await parquetReadObjects({ file: new Uint8Array(bytes).buffer, compressors })
}
