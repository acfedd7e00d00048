// The stores of machines that share a lake: each operation is seen by a witness, a machine may be gone at any of them, and two
// machines take turns as dice decide.

import type { Store } from '../../../lib/store/store.ts'
import type { Random } from '../random.ts'
import type { Witness } from './witness.ts'

/** A machine is gone at its n-th operation of this kind; of a write with or without its having been carried out. */
export type Death = { readonly at: number; readonly of: 'any' | 'table' | 'rawWrite'; readonly isDone: boolean }

export type Machine = {
  readonly store: Store
  /** Resolves when the machine is gone and nothing of it is under way any more. */
  readonly died: Promise<'died'>
  readonly isDead: () => boolean
  /** Operations so far on files of the table. */
  readonly tableOperations: () => number
}

export type MachineOptions = {
  readonly witness: Witness
  readonly death?: Death | undefined
  /** Gives an operation its turn; at once unless told. */
  readonly turn?: Turn
  /** Called before each operation. */
  readonly onOperation?: (() => void) | undefined
}

type Turn = <T>(act: () => Promise<T>) => Promise<T>

type Operation = { readonly key: string; readonly isWrite: boolean }

/** The result of an operation that does not happen. */
const GONE = Symbol('gone')

const never = async () => await new Promise<never>(() => undefined)

export function createMachine(inner: Store, options: MachineOptions): Machine {
  const { witness, death, turn = async (act) => await act(), onOperation } = options
  const { promise: died, resolve } = Promise.withResolvers<'died'>()
  let [counted, tableOperations, underWay, isDead] = [0, 0, 0, false]
  const endOne = () => {
    underWay -= 1
    if (isDead && underWay === 0) resolve('died')
  }
  const operate = async <T>({ key, isWrite }: Operation, act: () => Promise<T>): Promise<T> => {
    if (isDead) return await never()
    const result = await turn(async () => {
      underWay += 1
      if (isDead) return GONE
      onOperation?.()
      const isTable = key.startsWith('tables/')
      tableOperations += isTable ? 1 : 0
      const isRawWrite = isWrite && key.startsWith('raw/')
      const counts = death?.of === 'any' || (death?.of === 'table' ? isTable : isRawWrite)
      counted += counts ? 1 : 0
      const isFatal = counts && counted === death?.at
      isDead = isFatal
      return isFatal && !death.isDone ? GONE : await act()
    }).finally(endOne)
    return result === GONE || isDead ? await never() : result
  }
  const write = async <T>(key: string, bytes: Uint8Array, act: () => Promise<T>): Promise<T> =>
    await operate({ key, isWrite: true }, async () => {
      const result = await act()
      if (result === 'created' || result === 'replaced') await witness.wrote(key, bytes.slice())
      return result
    })
  const look = async <T>(key: string, act: () => Promise<T>) => await operate({ key, isWrite: false }, act)
  const store: Store = {
    ...inner,
    list: async (prefix, ...rest) => await look(prefix, async () => await inner.list(prefix, ...rest)),
    listLevel: async (prefix) => await look(prefix, async () => await inner.listLevel(prefix)),
    read: async (key, ...rest) => await look(key, async () => await inner.read(key, ...rest)),
    readWithMetadata: async (key, limit) => await look(key, async () => await inner.readWithMetadata(key, limit)),
    create: async (key, bytes, metadata) =>
      await write(key, bytes, async () => await inner.create(key, bytes, metadata)),
    replace: async (key, bytes, ...rest) =>
      await write(key, bytes, async () => await inner.replace(key, bytes, ...rest)),
  }
  return { store, died, isDead: () => isDead, tableOperations: () => tableOperations }
}

/** So many turns of the event loop without a new operation, and all machines wait. */
const QUIET_TURNS = 4

export type Turns = {
  readonly turn: Turn
  /** Plays until all runs have ended. */
  readonly play: (runs: readonly Promise<unknown>[]) => Promise<void>
}

/** Lets one operation happen at a time, whose the dice say. */
export function createTurns(random: Random): Turns {
  const waiting: (() => Promise<unknown>)[] = []
  let arrivals = 0
  const quiet = async () => {
    for (let turn = 0, known = arrivals; turn < QUIET_TURNS; turn += 1) {
      await new Promise<void>((resolve) => void setImmediate(resolve))
      if (known === arrivals) continue
      known = arrivals
      turn = -1
    }
  }
  return {
    turn: async (act) =>
      await new Promise((resolve, reject) => {
        arrivals += 1
        waiting.push(async () => await act().then(resolve, reject))
      }),
    async play(runs) {
      const state = { isOver: false }
      void Promise.allSettled(runs).then(() => (state.isOver = true))
      while (!state.isOver) {
        await quiet()
        const [next] = waiting.splice(Math.floor(random() * waiting.length), 1)
        await next?.()
      }
    },
  }
}
