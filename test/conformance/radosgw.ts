// A real S3 server for a moment: Ceph's gateway over one monitor and one storage daemon that keeps all in memory.
// No manager, no cluster authentication, loopback only, everything in one temporary folder, gone at the end.
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installPackages } from '../support/debian-packages.ts'
import { freePort, runTool, spawnDaemon, type Daemon } from '../support/daemons.ts'

/** What a process needs to know to use the server; handed on to the tests by their environment. */
export type ServerAddress = { readonly url: string; readonly confPath: string }

export type Radosgw = ServerAddress & {
  /** From the first program's start to the first answer over HTTP. */
  readonly startSeconds: number
  /** Memory of the three daemons together. */
  residentMegabytes(): Promise<number>
  /** Ends the daemons, by their process ids, and removes the folder; safe to call twice. */
  stop(): void
}

const START_LIMIT_MS = 120_000

const NEEDED = {
  proof: 'conformance run',
  packages: ['radosgw', 'ceph-mon', 'ceph-osd'],
  programs: ['radosgw', 'radosgw-admin', 'ceph-mon', 'ceph-osd', 'ceph', 'monmaptool'],
  megabytes: 60,
}

/** Installs the server where it is absent and starts it; answers as soon as the gateway does. */
export async function startRadosgw(): Promise<Radosgw> {
  await installPackages(NEEDED)
  const startedMs = performance.now()
  const folder = mkdtempSync(join(tmpdir(), 'ingest-radosgw-'))
  const daemons: Daemon[] = []
  const stop = () => {
    // Nothing in memory is worth a tidy end.
    for (const { child } of daemons) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const address = await bringUp(folder, daemons)
    const startSeconds = (performance.now() - startedMs) / 1_000
    return { ...address, startSeconds, residentMegabytes: () => residentMegabytes(daemons), stop }
  } catch (error) {
    stop()
    throw error
  }
}

async function bringUp(folder: string, daemons: Daemon[]): Promise<ServerAddress> {
  const confPath = join(folder, 'ceph.conf')
  const [monitorPort, gatewayPort] = [await freePort(), await freePort()]
  const [fsid, osdId] = [randomUUID(), randomUUID()]
  for (const name of ['mon', 'osd']) mkdirSync(join(folder, name))
  await Bun.write(confPath, configuration({ folder, fsid, monitorPort, gatewayPort }))
  const launch = (name: string, ...args: string[]) => daemons.push(spawnDaemon(folder, name, args))

  const map = join(folder, 'monmap')
  await runTool('monmaptool', '--create', '--fsid', fsid, '--addv', 'a', `[v1:127.0.0.1:${monitorPort}]`, map)
  await runTool('ceph-mon', '-c', confPath, '-i', 'a', '--mkfs', '--monmap', map)
  launch('ceph-mon', '-c', confPath, '-i', 'a', '-f')
  const ceph = (...args: string[]) => runTool('ceph', '-c', confPath, '--connect-timeout', '30', ...args)
  await ceph('osd', 'new', osdId)
  await ceph('osd', 'crush', 'add', 'osd.0', '1.0', 'root=default', 'host=localhost')
  await runTool('ceph-osd', '-c', confPath, '-i', '0', '--mkfs', '--osd-uuid', osdId)
  launch('ceph-osd', '-c', confPath, '-i', '0', '-f')
  launch('radosgw', '-c', confPath, '-n', 'client.rgw', '-f')
  const url = `http://127.0.0.1:${gatewayPort}`
  await untilAnswering(url, folder, daemons)
  return { url, confPath }
}

type Settings = {
  readonly folder: string
  readonly fsid: string
  readonly monitorPort: number
  readonly gatewayPort: number
}

/** One copy of everything, one placement group a pool, no background work; the rest is as the server comes. */
function configuration({ folder, fsid, monitorPort, gatewayPort }: Settings): string {
  return `[global]
fsid = ${fsid}
mon_initial_members = a
mon_host = v1:127.0.0.1:${monitorPort}
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_msgr2 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
run_dir = ${folder}
admin_socket =
pid_file =
log_file = ${folder}/$name.log
mon_cluster_log_file = ${folder}/cluster.log
crash_dir = ${folder}
mon_data = ${folder}/mon
osd_data = ${folder}/osd
osd_objectstore = memstore
memstore_device_bytes = 1073741824
osd_crush_chooseleaf_type = 0
osd_crush_update_on_start = false
osd_class_update_on_start = false
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
paxos_propose_interval = 0.05
rgw_frontends = beast endpoint=127.0.0.1:${gatewayPort}
rgw_thread_pool_size = 64
rgw_run_sync_thread = false
rgw_enable_gc_threads = false
rgw_enable_lc_threads = false
rgw_enable_quota_threads = false
`
}

async function untilAnswering(url: string, folder: string, daemons: readonly Daemon[]): Promise<void> {
  const deadlineMs = performance.now() + START_LIMIT_MS
  for (;;) {
    const dead = daemons.find(({ child }) => child.exitCode !== null || child.signalCode !== null)
    if (dead !== undefined) throw new Error(`${dead.name} ended at once: ${await saidBy(dead, folder)}`)
    const isUp = await fetch(url, { signal: AbortSignal.timeout(1_000) }).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isUp) return
    if (performance.now() > deadlineMs) {
      throw new Error(`The server gives no answer after ${START_LIMIT_MS / 1_000} s: see test/conformance/radosgw.ts.`)
    }
    await Bun.sleep(100)
  }
}

async function saidBy({ name }: Daemon, folder: string): Promise<string> {
  const text = await Bun.file(join(folder, `${name}.out`)).text()
  return text.trim().slice(-1_000)
}

async function residentMegabytes(daemons: readonly Daemon[]): Promise<number> {
  const pages = await Promise.all(
    daemons.map(async ({ child }) => Number((await Bun.file(`/proc/${child.pid}/statm`).text()).split(' ')[1])),
  )
  return Math.round((pages.reduce((sum, count) => sum + count, 0) * 4_096) / 1_000_000)
}

/** `radosgw-admin` on the server; what it printed. */
export async function radosgwAdmin({ confPath }: ServerAddress, ...args: readonly string[]): Promise<string> {
  return await runTool('radosgw-admin', '-c', confPath, ...args)
}
