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
  /** Is told that the store fails the check, in place of `onWarning`. */
  readonly onUnsafe?: (text: string) => void
}

/**
 * `put` after the create-only check. Conditional writes throw an IngestError of scope 'run' once the store has failed the
 * check. An error that ends the check early ends the writes that wait for it too; the next conditional write repeats the
 * check. Unconditional writes are not checked.
 */
export function checkCreateOnly(put: Put, options: CheckOptions): CheckedPut {
  const { support } = options
  const running: { check: Promise<IngestError | undefined> | undefined } = { check: undefined }

  async function check(file: Upload, condition: Condition): Promise<'stored' | 'refused'> {
    const first = await put(file, 'absent')
    if (first === 'refused') {
      support.state = 'safe'
      return condition === 'absent' ? 'refused' : await send(file, condition)
    }
    if (first === 'unsupported') return fallBack(file, 'absent')
    if ((await put(file, 'absent')) === 'refused') support.state = 'safe'
    else failCheck(file, 'ignores create-only writes (If-None-Match)')
    return 'stored'
  }

  /** Warns once, or throws the error that every later conditional write throws as well. */
  function failCheck(file: Upload, how: string): void {
    if (support.state === 'unsafe') return
    if (options.allowUnsafe) {
      support.state = 'unsafe'
      const tell = options.onUnsafe ?? options.onWarning
      tell(`${options.locate('')}: the store ${how}; two runs at once can overwrite each other.`)
      return
    }
    support.state = new IngestError(`${options.locate(file.key)}: the store ${how}.`, {
      kind: 'store',
      scope: 'run',
      hint: 'Two runs at once could overwrite each other. Use another store (lib/store/README.md lists some), or accept that with --allow-unsafe-store.',
    })
    throw support.state
  }

  async function fallBack(file: Upload, condition: Condition | undefined): Promise<'stored' | 'refused'> {
    const lacking = condition === 'absent' ? 'create-only writes (If-None-Match)' : 'conditional writes (If-Match)'
    failCheck(file, `has no ${lacking}`)
    return send(file, undefined)
  }

  async function send(file: Upload, condition: Condition | undefined): Promise<'stored' | 'refused'> {
    const outcome = await put(file, condition)
    // A store may have one kind of condition and not the other.
    return outcome === 'unsupported' ? fallBack(file, condition) : outcome
  }

  return async (file, condition) => {
    if (condition === undefined) return send(file, undefined)
    while (support.state === 'unknown' && running.check !== undefined) {
      const failure = await running.check
      // The store is out of reach or refuses: each of the waiting writes would wait for the same again.
      if (failure !== undefined) throw failure
    }
    if (support.state instanceof IngestError) throw support.state
    if (support.state !== 'unknown') return send(file, support.state === 'unsafe' ? undefined : condition)
    const checked = check(file, condition)
    running.check = checked.then(
      () => undefined,
      (error: unknown) => (error instanceof IngestError ? error : undefined),
    )
    try {
      return await checked
    } finally {
      running.check = undefined
    }
  }
}
