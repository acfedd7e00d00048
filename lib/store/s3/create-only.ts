// Create-only check: some stores accept `If-None-Match: *`, ignore it and overwrite. So the first conditional write of a run
// is sent alone and then repeated; a store that refuses the repetition is safe. No other conditional write is sent before.
import { IngestError } from '../../core/errors.ts'

/** A file to be written, with everything that identifies the write. */
export type Upload = { readonly key: string; readonly bytes: Uint8Array; readonly metadata: Record<string, string> }

/** The condition of a write: there is no file, or the file still has this tag. */
export type Condition = 'absent' | { readonly tag: string }

/** `refused`: the condition does not hold. `unsupported`: the store does not have this kind of condition. */
export type PutOutcome = 'stored' | 'refused' | 'unsupported'

type Put = (file: Upload, condition: Condition | undefined) => Promise<PutOutcome>
export type CheckedPut = (file: Upload, condition: Condition | undefined) => Promise<'stored' | 'refused'>

/** What is known of a store, shared by all connections to it; an IngestError once it has failed the check. */
export type CreateOnlySupport = { state: 'unknown' | 'safe' | 'unsafe' | IngestError }

type CheckOptions = {
  readonly support: CreateOnlySupport
  readonly locate: (key: string) => string
  /** Go on without conditions, after one warning, if the store fails the check. */
  readonly allowUnsafe: boolean
  readonly onWarning: (text: string) => void
}

/**
 * `put` after the create-only check. Conditional writes throw an IngestError of scope 'run' once the store has failed the
 * check. If an error ends the check early, the next conditional write repeats it. Unconditional writes are not checked.
 */
export function checkCreateOnly(put: Put, options: CheckOptions): CheckedPut {
  const { support } = options
  const running: { check: Promise<unknown> | undefined } = { check: undefined }

  async function check(file: Upload, condition: Condition): Promise<'stored' | 'refused'> {
    const first = await put(file, 'absent')
    if (first === 'refused') {
      support.state = 'safe'
      return condition === 'absent' ? 'refused' : await send(file, condition)
    }
    if (first === 'unsupported') return fallBack(file)
    if ((await put(file, 'absent')) === 'refused') support.state = 'safe'
    else failCheck(file)
    return 'stored'
  }

  /** Warns once, or throws the error that every later conditional write throws as well. */
  function failCheck(file: Upload): void {
    if (support.state === 'unsafe') return
    if (options.allowUnsafe) {
      support.state = 'unsafe'
      options.onWarning(
        `${options.locate('')}: the store ignores create-only writes; two runs at once can overwrite each other.`,
      )
      return
    }
    support.state = new IngestError(
      `${options.locate(file.key)}: the store ignores create-only writes (If-None-Match).`,
      {
        kind: 'store',
        scope: 'run',
        hint: 'Two runs at once could overwrite each other. Use another store, or accept that with --allow-unsafe-store.',
      },
    )
    throw support.state
  }

  async function fallBack(file: Upload): Promise<'stored' | 'refused'> {
    failCheck(file)
    return send(file, undefined)
  }

  async function send(file: Upload, condition: Condition | undefined): Promise<'stored' | 'refused'> {
    const outcome = await put(file, condition)
    // A store may have one kind of condition and not the other.
    return outcome === 'unsupported' ? fallBack(file) : outcome
  }

  return async (file, condition) => {
    if (condition === undefined) return send(file, undefined)
    while (support.state === 'unknown' && running.check !== undefined) await running.check
    if (support.state instanceof IngestError) throw support.state
    if (support.state !== 'unknown') return send(file, support.state === 'unsafe' ? undefined : condition)
    const checked = check(file, condition)
    running.check = checked.catch(() => undefined)
    try {
      return await checked
    } finally {
      running.check = undefined
    }
  }
}
