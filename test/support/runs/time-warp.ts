// `TIME_WARP=200 bun --preload ./test/support/runs/time-warp.ts ingest.ts …` runs the real program with time that passes
// 200 times as fast: timers ring sooner, and the clocks move on in step, so that a wait of two minutes is over in under
// a second and everything that measures it agrees. AbortSignal.timeout is left alone: it guards real sockets. Out of
// reach on Bun are the named functions of node:timers/promises, which the program therefore must not wait with.

const factor = Number(process.env['TIME_WARP'] ?? 1)
if (!(factor >= 1)) throw new Error(`TIME_WARP must be a number of at least 1, not ${process.env['TIME_WARP']}.`)

const RealDate = Date
const realNow = performance.now.bind(performance)
const startedMs = realNow()
const startedAt = RealDate.now()

/** Milliseconds of warped time since this script was loaded, with fractions: whole ones would be steps of `factor`. */
const passedMs = (): number => (realNow() - startedMs) * factor
const warpedNow = (): number => Math.floor(startedAt + passedMs())

// Rounded up: a timer that rings before its time is set again, by p-queue for one.
const shorten = (ms: unknown): number => Math.ceil((Number(ms) || 0) / factor)

type Timer = (callback: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => NodeJS.Timeout

function warpTimer(real: Timer): Timer {
  return (callback, ms, ...args) => real(callback, shorten(ms), ...args)
}

globalThis.setTimeout = Object.assign(warpTimer(setTimeout as Timer), setTimeout) as typeof setTimeout
globalThis.setInterval = Object.assign(warpTimer(setInterval as Timer), setInterval) as typeof setInterval

// A proxy, so that every other use of Date stays what it is, `instanceof` and the call without `new` included.
globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [warpedNow()] : args, newTarget),
  apply: () => new RealDate(warpedNow()).toString(),
  get: (target, name, receiver) => (name === 'now' ? warpedNow : Reflect.get(target, name, receiver)),
})

performance.now = () => startedMs + passedMs()

const realNanoseconds = Bun.nanoseconds()
const realSleep = Bun.sleep.bind(Bun)
Object.assign(Bun, {
  nanoseconds: () => realNanoseconds + Math.floor(passedMs() * 1e6),
  sleep: (ms: number | Date) => realSleep(shorten(ms instanceof Date ? ms.getTime() - warpedNow() : ms)),
})
