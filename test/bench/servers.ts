// The fakes as the benchmark sees them: started, asked what they were asked, ended.
import { join } from 'node:path'

/** Requests by operation since they were last asked for. */
type Counts = Readonly<Record<string, number>>

type Stats = {
  readonly counts: Counts
  readonly maxInFlight: number
  /** CPU of the server since its start. */
  readonly cpuMs: number
}

export type Vendor = { readonly url: string; take(): Promise<Stats> }

export type Sink = {
  readonly url: string
  /** How long every answer takes at least, from now on. */
  setLatency(latencyMs: number): Promise<void>
  /** An empty bucket. */
  reset(): Promise<void>
  /** Remembers the objects that are there. */
  keep(): Promise<void>
  /** Puts back the objects that were there at the last `keep`. */
  restore(): Promise<void>
  take(): Promise<Stats & { readonly keys: number; readonly bytes: number }>
}

/** A cause and a cure, for the one who runs the benchmark. */
export class BenchError extends Error {
  override readonly name = 'BenchError'
  readonly exitCode: number

  constructor(message: string, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Builds the fakes and returns the path of their one binary. */
export async function buildFakes(folder: string): Promise<string> {
  if (Bun.which('go') === null) {
    const cure = 'install Go 1.22 or later (golang-go in Debian, go in Homebrew) and run it again'
    throw new BenchError(`The benchmark's servers are written in Go, which is not on the PATH: ${cure}.`, 2)
  }
  const path = join(folder, 'bench-servers')
  const built = Bun.spawn(['go', 'build', '-o', path, '.'], {
    cwd: join(import.meta.dir, 'fakes'),
    // The toolchain that is there and nothing else: a benchmark downloads nothing.
    env: { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '', GOWORK: 'off', CGO_ENABLED: '0' },
    stdout: 'ignore',
    stderr: 'pipe',
  })
  const [stderr, code] = await Promise.all([built.stderr.text(), built.exited])
  if (code !== 0) throw new BenchError(`The benchmark's servers cannot be built:\n${stderr}`)
  return path
}

export async function startVendor(fakes: string, sessionsPath: string): Promise<Vendor> {
  const url = await startServer([fakes, 'vendor', '-sessions', sessionsPath])
  return { url, take: async () => await askJson<Stats>(`${url}/_stats`) }
}

export async function startSink(fakes: string): Promise<Sink> {
  const url = await startServer([fakes, 'bucket'])
  const take = async () => await askJson<Awaited<ReturnType<Sink['take']>>>(`${url}/_admin/stats`)
  return {
    url,
    setLatency: async (latencyMs) => void (await ask(`${url}/_admin?latency=${latencyMs}ms`)),
    reset: async () => void (await ask(`${url}/_admin/reset`)),
    keep: async () => void (await ask(`${url}/_admin/keep`)),
    restore: async () => void (await ask(`${url}/_admin/restore`)),
    take,
  }
}

/** Held for as long as the benchmark lives: a collected process has its stdin closed. */
const running: Bun.Subprocess[] = []

/** The server ends when this process does, because its stdin does. */
async function startServer(command: readonly string[]): Promise<string> {
  const child = Bun.spawn([...command], { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' })
  running.push(child)
  void child.exited.then((code) => console.error(`The ${command[1]} ended with ${child.signalCode ?? code}.`))
  for await (const chunk of child.stdout) {
    const port = Number(new TextDecoder().decode(chunk))
    if (port > 0) return `http://127.0.0.1:${port}`
  }
  throw new BenchError(`${command[1]} did not start.`)
}

async function ask(url: string): Promise<string> {
  const response = await fetch(url)
  const text = await response.text()
  if (!response.ok) throw new BenchError(`${url} answers ${response.status}: ${text}`)
  return text
}

async function askJson<T>(url: string): Promise<T> {
  return JSON.parse(await ask(url)) as T
}
