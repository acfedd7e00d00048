import { afterEach, beforeEach, expect, test } from 'bun:test'
import { chmod, mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { openFolderStore } from '../../../lib/store/folder/folder.ts'
import { createReplaceLock } from '../../../lib/store/folder/replace-lock.ts'
import { makeTempFolder } from '../../support/lakes/temp-folder.ts'
import { ROOT } from '../../support/runs/process.ts'
import { failureOf } from '../../support/values.ts'

let temp: Awaited<ReturnType<typeof makeTempFolder>>
let path: string

beforeEach(async () => {
  temp = await makeTempFolder()
  path = join(temp.path, 'replace.lock')
})

afterEach(async () => await temp.remove())

const LIB = JSON.stringify(join(ROOT, 'lib/store/folder'))

/** A process of its own, whose first line of output is awaited. */
async function start(script: string) {
  const child = Bun.spawn([process.execPath, '--eval', script], { stdout: 'pipe', stderr: 'inherit' })
  const reader = child.stdout.getReader()
  return { child, firstLine: async () => new TextDecoder().decode((await reader.read()).value).trim() }
}

/** A process that takes the lock and keeps it. */
async function startHolder() {
  const { child, firstLine } = await start(`
    const { createReplaceLock } = await import(${LIB} + '/replace-lock.ts')
    await createReplaceLock(${JSON.stringify(path)}).run(async () => {
      console.log('held')
      await new Promise((resolve) => setTimeout(resolve, 600_000))
    })`)
  expect(await firstLine()).toBe('held')
  return child
}

test('processes that add to one file at the same time lose nothing', async () => {
  const [processes, additions] = [4, 40]
  const store = await openFolderStore({ folder: temp.path, nowMs: Date.now })
  await store.create('p/count', Buffer.from('0'), {})
  const script = `
    const { openFolderStore } = await import(${LIB} + '/folder.ts')
    const store = await openFolderStore({ folder: ${JSON.stringify(temp.path)}, nowMs: Date.now })
    for (let left = ${additions}; left > 0; ) {
      const [{ tag }] = await store.list('p/')
      const count = Number(Buffer.from(await store.read('p/count', undefined, 99)).toString())
      const result = await store.replace('p/count', Buffer.from(String(count + 1)), {}, tag)
      if (result === 'replaced') left -= 1
    }
    console.log('done')`
  const started = await Promise.all(Array.from({ length: processes }, async () => await start(script)))
  expect(await Promise.all(started.map(async ({ firstLine }) => await firstLine()))).toEqual(
    Array.from({ length: processes }, () => 'done'),
  )
  const bytes = await store.read('p/count', undefined, 99)
  expect(Buffer.from(bytes ?? []).toString()).toBe(String(processes * additions))
})

test('a process that is killed releases the lock', async () => {
  const holder = await startHolder()
  const lock = createReplaceLock(path)
  const taken = lock.run(async () => 'taken')
  holder.kill('SIGKILL')
  expect(await taken).toBe('taken')
})

test('a lock that another process does not release is named with its cure', async () => {
  const holder = await startHolder()
  const error = await failureOf(createReplaceLock(path, 2).run(async () => 'taken'))
  holder.kill('SIGKILL')
  expect(error.message).toBe(
    `${path}: another process, on this machine or another one, has held this lock for 0.01 seconds, so no file can be replaced`,
  )
  expect(error.hint).toStartWith(
    `Let that process go on, or end it (here fuser ${path} gives its id), and run again. If `,
  )
})

test('what fails under the lock releases it', async () => {
  const lock = createReplaceLock(path)
  const problem = new Error('no space')
  expect(await lock.run(async () => await Promise.reject(problem)).catch((error: unknown) => error)).toBe(problem)
  expect(await createReplaceLock(path, 1).run(async () => 'taken')).toBe('taken')
})

const IN_THE_WAY = 'Let no run go on, remove what has this name, and run again.'

test.each([
  ['a folder', async () => await mkdir(path), 'SQLITE_CANTOPEN', IN_THE_WAY],
  ['a foreign file', async () => await Bun.write(path, 'x'.repeat(5_000)), 'SQLITE_NOTADB', IN_THE_WAY],
])('%s in place of the lock is named with its cure, which helps', async (_what, put, code, hint) => {
  await put()
  const lock = createReplaceLock(path)
  const error = await failureOf(lock.run(async () => 'taken'))
  expect(error.message).toBe(
    `${path}: this file cannot be locked, and without its lock no file is replaced safely (${code})`,
  )
  expect(error.hint).toBe(hint)
  await rm(path, { recursive: true })
  expect(await lock.run(async () => 'taken')).toBe('taken')
})

test('an error that is not about the lock stays what it is', async () => {
  await Bun.write(path, '')
  const error = await createReplaceLock(join(path, 'inside'))
    .run(async () => 'taken')
    .catch((caught: unknown) => caught)
  expect(error).toMatchObject({ code: 'ENOTDIR' })
})

test('a user who may only read the file is told so: to SQLite that is a transaction, and no lock', async () => {
  await Bun.write(path, '')
  await chmod(path, 0o444)
  await chmod(temp.path, 0o755)
  // The superuser may write everywhere, so the process runs as another one.
  const drop = process.getuid?.() === 0 ? 'process.setgid(65534); process.setuid(65534);' : ''
  const { firstLine } = await start(`
    const { createReplaceLock } = await import(${LIB} + '/replace-lock.ts')
    ${drop}
    await createReplaceLock(${JSON.stringify(path)}).run(async () => console.log('taken')).catch((error) => console.log(error.message, error.hint))`)
  expect(await firstLine()).toBe(
    `${path}: this file cannot be locked, and without its lock no file is replaced safely (EACCES) Give this user write access to it.`,
  )
})

test('the file has the mode that the umask gives, so that a group may share it', async () => {
  await createReplaceLock(path).run(async () => undefined)
  expect((await stat(path)).mode & 0o666).toBe(0o666 & ~process.umask())
})

test('a lock whose file a user has removed is taken at the file that has its name', async () => {
  const lock = createReplaceLock(path)
  await lock.run(async () => undefined)
  await rm(path)
  await lock.run(async () => undefined)
  await rm(path)
  const holder = await startHolder()
  const error = await failureOf(createReplaceLock(path, 2).run(async () => 'taken'))
  const taken = lock.run(async () => 'taken')
  expect(await Promise.race([taken, Bun.sleep(0).then(() => 'waits')])).toBe('waits')
  holder.kill('SIGKILL')
  expect(error.message).toContain('has held this lock')
  expect(await taken).toBe('taken')
})
