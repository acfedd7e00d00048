// Time as the program uses it to wait and to measure durations, handed in so that nothing else reads a clock.

export interface Clock {
  /** Milliseconds on a clock that never runs backwards. Only differences mean something. */
  elapsedMs(): number
  /** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}
