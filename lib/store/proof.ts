// Some stores take `If-None-Match: *`, ignore it and overwrite. So the first conditional write of a run goes alone and
// proves that the store refuses to create a file twice; until then no other conditional write is sent.
import { IngestError } from '../errors.ts'

/** A file on its way to the store, with everything that identifies the write. */
export type Upload = { readonly key: string; readonly bytes: Uint8Array; readonly metadata: Record<string, string> }

/** What must hold for a write to be done: no file there, or one that still has this tag. */
export type Condition = 'absent' | { readonly tag: string }

/** `refused`: the condition does not hold. `unsupported`: the store has no such conditions. */
export type PutOutcome = 'stored' | 'refused' | 'unsupported'

type Put = (file: Upload, condition: Condition | undefined) => Promise<PutOutcome>
type ProvenPut = (file: Upload, condition: Condition | undefined) => Promise<'stored' | 'refused'>

type ProofOptions = {
  readonly locate: (key: string) => string
  /** Go on, without conditions and after one warning, with a store that fails the proof. */
  readonly allowUnsafe: boolean
  readonly onWarning: (text: string) => void
}

type State = { verdict: 'open' | 'proven' | 'unsafe' | IngestError; proving: Promise<unknown> | undefined }

/**
 * `put` with the proof before it. Conditional writes throw an IngestError of scope 'run' once the store has failed the
 * proof; a proof that an error cut short is taken up by the next conditional write. Unconditional writes just pass.
 */
export function proveFirst(put: Put, options: ProofOptions): ProvenPut {
  const state: State = { verdict: 'open', proving: undefined }

  async function prove(file: Upload, condition: Condition): Promise<'stored' | 'refused'> {
    const first = await put(file, 'absent')
    if (first === 'refused') {
      state.verdict = 'proven'
      return condition === 'absent' ? 'refused' : await send(file, condition)
    }
    if (first === 'unsupported') return fallBack(file)
    if ((await put(file, 'absent')) === 'refused') state.verdict = 'proven'
    else giveUpProof(file)
    return 'stored'
  }

  /** One warning, or the error that every later conditional write gets as well. */
  function giveUpProof(file: Upload): void {
    if (state.verdict === 'unsafe') return
    if (options.allowUnsafe) {
      state.verdict = 'unsafe'
      options.onWarning(
        `${options.locate('')}: the store ignores create-only writes; two runs at once can overwrite each other.`,
      )
      return
    }
    state.verdict = new IngestError(
      `${options.locate(file.key)}: the store ignores create-only writes (If-None-Match).`,
      {
        kind: 'store',
        scope: 'run',
        hint: 'Two runs at once could overwrite each other. Use another store, or accept that with --allow-unsafe-store.',
      },
    )
    throw state.verdict
  }

  async function fallBack(file: Upload): Promise<'stored' | 'refused'> {
    giveUpProof(file)
    return send(file, undefined)
  }

  async function send(file: Upload, condition: Condition | undefined): Promise<'stored' | 'refused'> {
    const outcome = await put(file, condition)
    // A store may have one kind of condition and lack the other.
    return outcome === 'unsupported' ? fallBack(file) : outcome
  }

  return async (file, condition) => {
    if (condition === undefined) return send(file, undefined)
    while (state.verdict === 'open' && state.proving !== undefined) await state.proving
    if (state.verdict instanceof IngestError) throw state.verdict
    if (state.verdict !== 'open') return send(file, state.verdict === 'unsafe' ? undefined : condition)
    const proof = prove(file, condition)
    state.proving = proof.catch(() => undefined)
    try {
      return await proof
    } finally {
      state.proving = undefined
    }
  }
}
