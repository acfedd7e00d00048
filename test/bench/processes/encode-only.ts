// Baseline: the rows of a case to Parquet bytes, and nothing else. Prints how many bytes came out.
import { encodeDraft, type Draft } from '../drafts.ts'

const [draftsPath = ''] = process.argv.slice(2)
const drafts = (await Bun.file(draftsPath).json()) as readonly Draft[]
let bytes = 0
for (const draft of drafts) bytes += encodeDraft(draft).bytes.length
console.log(bytes)
