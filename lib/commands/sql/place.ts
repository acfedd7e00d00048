// Where a lake is, as its readers need it: the folders of its datasets, and how its bucket is reached.

import type { SqlSettings } from '../../core/config.ts'
import { usageError } from '../../core/errors.ts'
import { statementNamed } from '../../datasets/datasets.ts'
import { createPrices } from '../../datasets/prices/schema.ts'
import { createStatement } from '../../datasets/statements/schema.ts'
import type { Setup } from '../../store/s3/setup.ts'

/** How a bucket is reached. */
export type Bucket = {
  readonly name: string
  readonly region: string
  /** Undefined: AWS's own. */
  readonly endpoint: URL | undefined
  readonly isPathStyle: boolean
}

/** `prices` and `income` are tables or, for raw lines, the stored files; `aapl` are the stored files of AAPL. */
type FolderName = 'prices' | 'income' | 'aapl'

export type Place = {
  /** Undefined for a lake in a folder. */
  readonly bucket: Bucket | undefined
  /** Absolute paths, or keys of the bucket, with slashes between their parts and none at the end. */
  readonly folders: Readonly<Record<FolderName, string>>
}

/** The place of a lake in a folder: an absolute path with slashes between its parts. */
export function folderPlace(folder: string, settings: SqlSettings): Place {
  const { prices, income, aapl } = keysOf(settings)
  const path = (key: string) => `${folder.replace(/\/$/, '')}/${key}`
  return { bucket: undefined, folders: { prices: path(prices), income: path(income), aapl: path(aapl) } }
}

/** The place of a lake in a bucket. Throws a usage error for an endpoint that no reader can be given. */
export function bucketPlace(name: string, setup: Setup, settings: SqlSettings): Place {
  const { region, isPathStyle } = setup
  return { bucket: { name, region, endpoint: endpointOf(setup), isPathStyle }, folders: keysOf(settings) }
}

function keysOf({ prefix, tablePrefix, readsRaw }: SqlSettings): Place['folders'] {
  const rawPrices = createPrices({ api: 'stable', withAdjClose: true, prefix }).root
  const rawIncome = createStatement(statementNamed('income'), { prefix }).root
  const aapl = `${rawPrices}symbol=AAPL`
  if (readsRaw) return { prices: trimmed(rawPrices), income: trimmed(rawIncome), aapl }
  const table = (dataset: string) => (tablePrefix === '' ? dataset : `${tablePrefix}/${dataset}`)
  return { prices: table('prices'), income: table('income'), aapl }
}

function trimmed(root: string): string {
  return root.replace(/\/$/, '')
}

/** A password in the address would be printed, and readers join the host, not a path, with the bucket's name. */
function endpointOf({ endpoint, endpointSetting }: Setup): URL | undefined {
  if (endpoint === undefined) return undefined
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  const isPlain = url !== undefined && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`
  if (!isPlain) throw usageError(`${endpointSetting} is not of the form https://host or https://host:port.`)
  return url
}
