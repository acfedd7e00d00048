// Some stores take `If-None-Match: *`, ignore it and overwrite. So the first conditional write of a run goes alone and
// proves that the store refuses to create a file twice; until then no other conditional write is sent.
import { IngestError } from '../../core/errors.ts'

/** A file on its way to the store, with everything that identifies the write. */
export type Upload = { readonly key: string; readonly bytes: Uint8Array; readonly metadata: Record<string, string> }

/** What must hold for a write to be done: no file there, or one that still has this tag. */
export type Condition = 'absent' | { readonly tag: string }

/** `refused`: the condition does not hold. `unsupported`: the store has no such conditions. */
export type PutOutcome = 'stored' | 'refused' | 'unsupported'

type Put = (file: Upload, condition: Condition | undefined) => Promise<PutOutcome>
export type ProvenPut = (file: Upload, condition: Condition | undefined) => Promise<'stored' | 'refused'>

/** What is known of a store, whichever connection it was learnt by. */
export type Known = { verdict: 'open' | 'proven' | 'unsafe' | IngestError }

type ProofOptions = {
  readonly known: Known
  readonly locate: (key: string) => string
  /** Go on, without conditions and after one warning, with a store that fails the proof. */
  readonly allowUnsafe: boolean
  readonly onWarning: (text: string) => void
}

/**
 * `put` with the proof before it. Conditional writes throw an IngestError of scope 'run' once the store has failed the
 * proof; a proof that an error cut short is taken up by the next conditional write. Unconditional writes just pass.
 */
export function proveFirst(put: Put, options: ProofOptions): ProvenPut {
  const { known } = options
  const state: { proving: Promise<unknown> | undefined } = { proving: undefined }

  async function prove(file: Upload, condition: Condition): Promise<'stored' | 'refused'> {
    const first = await put(file, 'absent')
    if (first === 'refused') {
      known.verdict = 'proven'
      return condition === 'absent' ? 'refused' : await send(file, condition)
    }
    if (first === 'unsupported') return fallBack(file)
    if ((await put(file, 'absent')) === 'refused') known.verdict = 'proven'
    else giveUpProof(file)
    return 'stored'
  }

  /** One warning, or the error that every later conditional write gets as well. */
  function giveUpProof(file: Upload): void {
    if (known.verdict === 'unsafe') return
    if (options.allowUnsafe) {
      known.verdict = 'unsafe'
      options.onWarning(
        `${options.locate('')}: the store ignores create-only writes; two runs at once can overwrite each other.`,
      )
      return
    }
    known.verdict = new IngestError(
      `${options.locate(file.key)}: the store ignores create-only writes (If-None-Match).`,
      {
        kind: 'store',
        scope: 'run',
        hint: 'Two runs at once could overwrite each other. Use another store, or accept that with --allow-unsafe-store.',
      },
    )
    throw known.verdict
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
    while (known.verdict === 'open' && state.proving !== undefined) await state.proving
    if (known.verdict instanceof IngestError) throw known.verdict
    if (known.verdict !== 'open') return send(file, known.verdict === 'unsafe' ? undefined : condition)
    const proof = prove(file, condition)
    state.proving = proof.catch(() => undefined)
    try {
      return await proof
    } finally {
      state.proving = undefined
    }
  }
}
