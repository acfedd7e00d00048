// Listings of a bucket: all keys below a prefix, or one level of them. Both are read page by page.
import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3'
import { IngestError } from '../../core/errors.ts'
import { compareKeys, type Level, type StoredFile } from '../store.ts'
import { operationOn, type Bucket } from './bucket.ts'
import { unexpectedResponse, type Operation } from './errors.ts'

/** Which keys to list; `after` and `until` as in `Store.list`. */
type Keys = { readonly prefix: string; readonly after?: string | undefined; readonly until?: string | undefined }

/** A page of a listing. Without a delimiter it has no folders. */
type Page = Level & { readonly nextToken: string | undefined }

/** As `Store.list` promises. Throws an IngestError if the store fails. */
export async function listFiles(at: Bucket, keys: Keys): Promise<readonly StoredFile[]> {
  const files: StoredFile[] = []
  for await (const page of pagesOf(at, keys)) {
    for (const file of page.files) {
      if (keys.until !== undefined && compareKeys(file.key, keys.until) > 0) return files
      files.push(file)
    }
  }
  return files
}

/** As `Store.listLevel` promises: S3 answers with one folder for all keys that go on after the next slash. */
export async function listLevel(at: Bucket, prefix: string): Promise<Level> {
  const folders: string[] = []
  const files: StoredFile[] = []
  for await (const page of pagesOf(at, { prefix, delimiter: '/' })) {
    folders.push(...page.folders)
    files.push(...page.files)
  }
  return { folders, files }
}

/** S3 may send a page without keys in the middle of a listing, but not many in a row. */
const MAX_EMPTY_PAGES = 10

type Query = Omit<Keys, 'until'> & { readonly delimiter?: string }

async function* pagesOf(at: Bucket, query: Query): AsyncGenerator<Page> {
  let token: string | undefined
  let last: string | undefined
  let emptyPages = 0
  do {
    const page = await listPage(at, query, token)
    const [first, end] = endsOf(page)
    emptyPages = first === undefined ? emptyPages + 1 : 0
    // Keys ascend from page to page, so a listing must end. Without this check a listing that repeats would be read for ever.
    const isRepeating = last !== undefined && first !== undefined && compareKeys(first, last) <= 0
    if (isRepeating || emptyPages > MAX_EMPTY_PAGES) throw endless(at, query.prefix)
    yield page
    last = end ?? last
    token = page.nextToken
  } while (token !== undefined)
}

/** The first and the last entry of a page; undefined if it has none. */
function endsOf({ folders, files }: Page): readonly [first: string | undefined, last: string | undefined] {
  const ends = [folders[0], folders.at(-1), files[0]?.key, files.at(-1)?.key].filter((key) => key !== undefined)
  const sorted = ends.toSorted(compareKeys)
  return [sorted[0], sorted.at(-1)]
}

function endless({ locate, setup }: Bucket, prefix: string): IngestError {
  const hint = `This is no answer of S3: check ${setup.endpointSetting}.`
  return new IngestError(`${locate(prefix)}: the store's listing does not end`, { kind: 'store', scope: 'run', hint })
}

/** One page, from a token or from the start; not from the last key, because a page may end at a key that it does not list. */
async function listPage(at: Bucket, { prefix, after, delimiter }: Query, token: string | undefined): Promise<Page> {
  const operation = operationOn(at, 's3:ListBucket', prefix)
  const start = token === undefined ? { StartAfter: after } : { ContinuationToken: token }
  return await at.request(operation, async () => {
    const command = new ListObjectsV2Command({ Bucket: at.bucket, Prefix: prefix, Delimiter: delimiter, ...start })
    const response = await at.client.send(command, { abortSignal: at.signal })
    const nextToken = nextTokenOf(response, token, operation)
    const { Contents = [], CommonPrefixes = [] } = response
    return {
      folders: CommonPrefixes.map(({ Prefix }) => Prefix ?? noFolder(operation)),
      files: Contents.map((object) => toStoredFile(operation, object)),
      nextToken,
    }
  })
}

/** The token of the next page. Throws where the answer does not say whether there is one. */
function nextTokenOf(
  { IsTruncated, NextContinuationToken: next, Contents = [], CommonPrefixes = [] }: ListObjectsV2CommandOutput,
  token: string | undefined,
  operation: Operation,
): string | undefined {
  const isEmpty = Contents.length === 0 && CommonPrefixes.length === 0
  if (IsTruncated === true && next === undefined && !isEmpty) throw onlyOldListing(operation)
  // An empty body with status 200 must not count as an empty bucket, nor half a listing as a whole one.
  if (IsTruncated === undefined || (IsTruncated && (next === undefined || next === token))) {
    throw unexpectedResponse(operation, 'a listing that does not say whether it goes on')
  }
  return next
}

/** The error of a store that answers as the older ListObjects does. */
function onlyOldListing({ location }: Operation): IngestError {
  const message = `${location}: the store cannot list files by ListObjectsV2 (list-type=2): its listing goes on and has no NextContinuationToken`
  const hint = 'Use a newer version of the store, or another one (lib/store/README.md lists some).'
  return new IngestError(message, { kind: 'store', scope: 'run', hint })
}

function noFolder(operation: Operation): never {
  throw unexpectedResponse(operation, 'a listing with a folder that lacks its name')
}

type Listed = {
  Key?: string | undefined
  Size?: number | undefined
  LastModified?: Date | undefined
  ETag?: string | undefined
}

function toStoredFile(operation: Operation, { Key, Size, LastModified, ETag }: Listed): StoredFile {
  if (Key === undefined || Size === undefined || LastModified === undefined || ETag === undefined) {
    throw unexpectedResponse(operation, 'a listing with an entry that lacks key, size, time or ETag')
  }
  // Without the quotes, which not every store sends (see if-match.ts).
  return { key: Key, sizeBytes: Size, modifiedMs: LastModified.getTime(), tag: ETag.replaceAll('"', '') }
}
