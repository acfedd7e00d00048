// Checks the stored documents of one symbol and statement.

import { mapLimit } from '../../core/concurrency.ts'
import { primaryKeyOf, type Row } from '../../core/dataset.ts'
import type { Finding } from '../../core/findings.ts'
import { refetchWords } from '../cures.ts'
import { MAX_FOOTERS_IN_FLIGHT, type PartitionFile, type SymbolFiles } from '../inventory.ts'
import { checkFile, strayFinding, type CheckedFile, type Fault, type FileCheckContext } from '../verify-file.ts'
import type { DocumentDataset } from './schema.ts'

type DocumentFile = PartitionFile<DocumentDataset>

/** What is wrong with the documents of a symbol. Throws an IngestError if the store fails. */
export async function checkDocuments(
  { symbol, files, strays }: SymbolFiles<DocumentDataset>,
  context: FileCheckContext<DocumentDataset>,
): Promise<readonly Finding[]> {
  const findings = await mapLimit(files, MAX_FOOTERS_IN_FLIGHT, async (file) => {
    const checked = await checkFile(file, symbol, context)
    return checked === undefined ? [] : findingsOf(checked, symbol, context)
  })
  return [...strays.map(({ key }) => strayFinding(key, symbol)), ...findings.flat()]
}

function findingsOf(
  { file, faults, footer, rows = [] }: CheckedFile<DocumentFile>,
  symbol: string,
  { dataset }: FileCheckContext<DocumentDataset>,
): readonly Finding[] {
  const { key, partition } = file
  const { from, to } = footer?.span ?? { from: partition.date, to: partition.date }
  const other = from === partition.date ? to : from
  const misdated: readonly Fault[] =
    other === partition.date ? [] : [{ kind: 'wrong_date', date: other, detail: `has a row of ${other}` }]
  const own = rows.map(({ row }) => row)
  const cure = { words: refetchWords(dataset, symbol, partition) }
  return [...faults, ...misdated, ...faultsOfDocument(own, dataset)].map((fault) => {
    const removes = fault.kind === 'wrong_date' || fault.kind === 'duplicate_date' ? key : undefined
    return { symbol, key, date: partition.date, ...fault, cure: { ...cure, removes } }
  })
}

/** What is wrong with the rows of a document: a period that comes twice, an amount that is no number. */
function faultsOfDocument(rows: readonly Row[], dataset: DocumentDataset): readonly Fault[] {
  const keys = rows.map((row) => primaryKeyOf(dataset, row))
  const twice = keys.find((key, index) => keys.indexOf(key) !== index)
  const infinite = rows.flatMap((row) =>
    Object.keys(row).filter((name) => typeof row[name] === 'number' && !Number.isFinite(row[name])),
  )
  return [
    ...(twice === undefined ? [] : [{ kind: 'duplicate_date', detail: `has ${twice} more than once` } as const]),
    ...(infinite.length === 0 ? [] : [{ kind: 'bad_value', detail: `${infinite[0]} is no number` } as const]),
  ]
}
