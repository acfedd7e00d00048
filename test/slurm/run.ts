// `bun run test:slurm`: a real S3 server, a real Slurm of two nodes on this machine, and the project's own batch script as
// an array of eight tasks, which are killed. Seeds are the arguments (1, 2 and 3 unless told), or TEST_SEED. It needs root,
// and installs both servers from the system's packages where they are absent.

import { join } from 'node:path'
import { startRadosgw, type ServerAddress } from '../conformance/radosgw.ts'

const FOLDER = import.meta.dir
const ROOT = join(FOLDER, '../..')
const WORK = join(ROOT, 'node_modules/.cache/slurm')

function seedsOf(args: readonly string[]): readonly string[] {
  const { TEST_SEED } = process.env
  if (args.length > 0) return args
  return TEST_SEED === undefined ? ['1', '2', '3'] : [TEST_SEED]
}

async function compile(): Promise<string> {
  const child = Bun.spawn([process.execPath, 'build.ts', '--outdir', WORK], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if ((await child.exited) !== 0) throw new Error('The program could not be compiled.')
  return join(WORK, 'ingest')
}

function play(seed: string, program: string, { url, confPath }: ServerAddress): Bun.Subprocess {
  return Bun.spawn([process.execPath, '--no-env-file', join(FOLDER, 'play.ts'), program], {
    cwd: ROOT,
    env: { ...process.env, TEST_SEED: seed, CONFORMANCE_S3_URL: url, CONFORMANCE_S3_CONF: confPath },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}

/** 0 if every check of every seed has passed. */
async function main(): Promise<number> {
  const program = await compile()
  const server = await startRadosgw()
  process.on('exit', server.stop)
  let isStopped = false
  let child: Bun.Subprocess | undefined
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      isStopped = true
      child?.kill('SIGTERM')
      server.stop()
    })
  }
  const failed: string[] = []
  for (const seed of seedsOf(process.argv.slice(2))) {
    if (isStopped) break
    const begunMs = performance.now()
    child = play(seed, program, server)
    if ((await child.exited) !== 0) failed.push(seed)
    console.log(`  ${Math.round((performance.now() - begunMs) / 1_000)} s`)
  }
  server.stop()
  const words = failed.map((seed) => `TEST_SEED=${seed}`).join(', ')
  if (failed.length > 0) console.log(`Failed: ${words}`)
  else console.log(isStopped ? 'Stopped.' : 'Every check has passed.')
  return failed.length === 0 && !isStopped ? 0 : 1
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  return 1
})
