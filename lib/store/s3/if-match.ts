// The form of a tag in If-Match. RFC 9110 wants quotes, and R2 answers 500 without them; Ceph 16 refuses with them, as if the
// file had changed. AWS takes both. So the first form has quotes, and a refusal is looked into.
import type { Condition, PutOutcome, Upload } from './create-only.ts'

/** What is known of a store, shared by all connections to it. */
export type TagForm = { isPlain: boolean }

type Store = {
  readonly form: TagForm
  readonly put: (file: Upload, condition: Condition | undefined) => Promise<PutOutcome>
  /** The tag that the file has now, without quotes; undefined if there is no file. */
  readonly tagOf: (key: string) => Promise<string | undefined>
}

/** Sends a write; a condition with a tag in the form that the store takes. */
export async function putWithTag(
  file: Upload,
  condition: Condition | undefined,
  { form, put, tagOf }: Store,
): Promise<PutOutcome> {
  if (condition === undefined || condition === 'absent' || form.isPlain) return await put(file, condition)
  const outcome = await put(file, { tag: `"${condition.tag}"` })
  if (outcome !== 'refused' || (await tagOf(file.key)) !== condition.tag) return outcome
  // The file has the tag, so the store compares without quotes.
  form.isPlain = true
  return await put(file, condition)
}
