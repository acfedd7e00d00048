// `bun run test:s3`: starts a real S3 server, runs the conformance tests on it, ends it. Arguments go to `bun test`
// (`bun run test:s3 -t policy`). Installs the server from the system's packages where it is absent.
import { join } from 'node:path'
import { startRadosgw } from './radosgw.ts'

const FOLDER = import.meta.dir
const ROOT = join(FOLDER, '../..')
const TEST_LIMIT_MS = 120_000

/** The exit code of the tests; the server is gone when it is known. */
async function main(): Promise<number> {
  const server = await startRadosgw()
  process.on('exit', server.stop)
  const child = spawnTests(server)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      child.kill('SIGTERM')
      server.stop()
    })
  }
  console.log(`radosgw at ${server.url}: up in ${server.startSeconds.toFixed(1)} s`)
  const code = await child.exited
  console.log(`radosgw used ${await server.residentMegabytes().catch(() => '?')} MB and is stopped.`)
  server.stop()
  return code
}

function spawnTests({ url, confPath }: { readonly url: string; readonly confPath: string }): Bun.Subprocess {
  const files = [...new Bun.Glob('*.conformance.ts').scanSync(FOLDER)].toSorted()
  const paths = files.map((file) => `./test/conformance/${file}`)
  const options = ['--timeout', String(TEST_LIMIT_MS), ...process.argv.slice(2)]
  return Bun.spawn([process.execPath, '--no-env-file', 'test', ...options, ...paths], {
    cwd: ROOT,
    env: { ...process.env, CONFORMANCE_S3_URL: url, CONFORMANCE_S3_CONF: confPath },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  return 1
})
