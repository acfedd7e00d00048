// The real program on the real server: a vendor, a bucket, and what a run left there.
import { expect } from 'bun:test'
import type { Bar } from '../support/bars.ts'
import type { Report } from '../support/servers/vendor.ts'
import { KEY, NOW } from '../support/runs/in-process.ts'
import { runCli, type CliResult } from '../support/runs/process.ts'
import { startFakeFmp, type FakeFmp } from '../support/servers/fake-fmp.ts'
import type { Bucket, User } from './bench.ts'
import type { Metrics } from '../../lib/report/contract.ts'

export type Run = CliResult & {
  /** Of the vendor. */
  readonly calls: number
  /** What the run left in the bucket; undefined where it left none. */
  readonly metrics: Metrics | undefined
}

export type RunOptions = {
  readonly env?: Readonly<Record<string, string>>
  /** `NOW` unless told. */
  readonly now?: string
  /** Time passes so many times as fast. */
  readonly warp?: number
}

export type Stage = Disposable & {
  readonly fmp: FakeFmp
  /** Runs the program as `user` on `bucket`. */
  run(args: readonly string[], options?: RunOptions): Promise<Run>
}

type StageOptions = {
  readonly user: User
  readonly bucket: Bucket
  readonly bars?: Record<string, readonly Bar[]>
  /** A test may change them between runs. */
  readonly reports?: Record<string, readonly Report[]>
}

/** A vendor with these bars and reports, gone at the end of the scope that holds it. */
export function setStage({ user, bucket, bars = {}, reports = {} }: StageOptions): Stage {
  const fmp = startFakeFmp({ bars, reports, key: KEY })
  const run = async (args: readonly string[], { env = {}, now = NOW, warp }: RunOptions = {}): Promise<Run> => {
    const before = fmp.requests.length
    const vendor = { FMP_API_KEY: KEY, FMP_BASE_URL: fmp.url, RATE_LIMIT_SECONDS: '0' }
    const result = await runCli(args.includes('--now') ? args : [...args, '--now', now], {
      env: {
        ...vendor,
        S3_BUCKET: bucket.name,
        ...user.env,
        ...(warp === undefined ? {} : { TIME_WARP: String(warp) }),
        ...env,
      },
      ...(warp === undefined ? {} : { preload: 'test/support/runs/time-warp.ts' }),
    })
    const place = /^📋 Metrics: s3:\/\/[^/]+\/(.*)$/m.exec(result.stdout)?.[1]
    const document = place === undefined ? undefined : await bucket.lake.bytes(place)
    const text = document === undefined ? undefined : new TextDecoder().decode(document)
    for (const said of [result.stdout, result.stderr, text ?? '']) {
      for (const secret of [KEY, user.secret, encodeURIComponent(user.secret)]) expect(said).not.toContain(secret)
      expect(said).not.toContain('defect')
    }
    return {
      ...result,
      calls: fmp.requests.length - before,
      metrics: text === undefined ? undefined : (JSON.parse(text) as Metrics),
    }
  }
  return { fmp, run, [Symbol.dispose]: () => fmp.stop() }
}
