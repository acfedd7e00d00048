// Time as the program uses it for waiting and measuring, handed in so that nothing else reads a clock.

export interface Clock {
  /** Milliseconds on a clock that never runs backwards, for durations. */
  elapsedMs(): number
  /** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}
