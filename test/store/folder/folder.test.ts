// What only the folder store does: temporary files, durability, refusals of the file system.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { mkdir, readdir, stat, symlink, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describeError, IngestError } from '../../../lib/core/errors.ts'
import type { Store } from '../../../lib/store/store.ts'
import { noHardLinks, toFolderError } from '../../../lib/store/folder/errors.ts'
import { openFolderStore } from '../../../lib/store/folder/folder.ts'
import { makeTempFolder, type TempFolder } from '../../support/lakes/temp-folder.ts'
import { failureOf } from '../../support/values.ts'

const ONE = new TextEncoder().encode('one')
const ROOT = join(import.meta.dir, '../../..')

let temp: TempFolder
let lake: string
let store: Store
beforeEach(async () => {
  temp = await makeTempFolder()
  lake = join(temp.path, 'lake')
  store = await openFolderStore({ folder: lake, nowMs: Date.now })
})
afterEach(() => temp.remove())

/** Every path under the folder, temporary ones included. */
async function paths(): Promise<string[]> {
  return (await readdir(lake, { recursive: true })).toSorted()
}

/** Runs a program against the store in a process of its own; `code` sees `store` and `bytes`. */
async function runElsewhere(code: string, prelude = ''): Promise<{ pid: number; output: string; exit: number | null }> {
  const program = `
    import { openFolderStore } from ${JSON.stringify(join(ROOT, 'lib/store/folder/folder.ts'))}
    const store = await openFolderStore({ folder: ${JSON.stringify(lake)}, nowMs: Date.now })
    const bytes = new Uint8Array(200_000)
    ${code}`
  const script = join(temp.path, 'program.ts')
  await Bun.write(script, program)
  const command = `${prelude} exec ${process.execPath} --no-env-file ${script}`
  const env = { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' }
  const child = Bun.spawn(['sh', '-c', command], { cwd: ROOT, env, stdout: 'pipe', stderr: 'pipe' })
  const output = (await new Response(child.stdout).text()) + (await new Response(child.stderr).text())
  await child.exited
  return { pid: child.pid, output, exit: child.exitCode }
}

describe('opening', () => {
  test('writes nothing, nor do listings and reads', async () => {
    expect(await store.list('p/')).toEqual([])
    expect(await store.read('p/a', undefined, 10)).toBeUndefined()
    expect(existsSync(lake)).toBe(false)
  })

  test('keeps the folder as it was typed, for people', async () => {
    const named = await openFolderStore({ folder: './lake', nowMs: Date.now })
    expect(named.locate('p/a')).toBe('lake/p/a')
  })
})

const openToRead = async (folder: string) => await openFolderStore({ folder, mustExist: true, nowMs: Date.now })

describe('opening only to read', () => {
  test.each([
    ['nowhere', 'there is no such folder'],
    ['a-file', 'this is a file and no folder'],
    ['a-file/below', 'a file stands where a folder is needed'],
  ])('refuses %s, and makes nothing', async (name, says) => {
    await Bun.write(join(temp.path, 'a-file'), 'x')
    const folder = join(temp.path, name)
    const error = await failureOf(openToRead(folder))
    expect(error).toMatchObject({ kind: 'store', scope: 'run' })
    expect(describeError(error)).toStartWith(`${folder}: ${says}`)
    expect(await readdir(temp.path)).toEqual(['a-file'])
  })

  test('takes a folder that may not be written to, also by way of a link', async () => {
    await mkdir(join(temp.path, 'real'), { mode: 0o555 })
    await symlink('real', join(temp.path, 'link'))
    expect(await (await openToRead(join(temp.path, 'link'))).list('')).toEqual([])
    expect(await readdir(join(temp.path, 'real'))).toEqual([])
  })
})

describe('temporary files', () => {
  test('are gone after every outcome', async () => {
    await store.create('p/a', ONE, {})
    await store.create('p/a', ONE, {})
    await store.replace('p/a', ONE, {})
    await store.replace('p/a', ONE, {}, 'stale')
    await mkdir(join(lake, 'p/folder/inside'), { recursive: true })
    expect((await failureOf(store.replace('p/folder', ONE, {}))).message).toContain(join(lake, 'p/folder'))
    const lock = '.ingest-tmp/replace.lock'
    expect(await paths()).toEqual(['.ingest-tmp', lock, 'p', 'p/a', 'p/folder', 'p/folder/inside'])
    expect(await store.leftovers?.()).toEqual([])
  })

  test('of a killed process are removed by the next run, its file stays unseen', async () => {
    const { pid, output } = await runElsewhere(`
      import fs from 'node:fs/promises'
      // Large enough for the loop to see the temporary file before it is done with.
      const running = store.create('p/a', new Uint8Array(32_000_000), {}).then(() => console.log('too late'))
      const seen = () => fs.readdir(${JSON.stringify(join(lake, '.ingest-tmp'))}).catch(() => [])
      const kill = async () => {
        while ((await seen()).length === 0) await 0
        process.kill(process.pid, 'SIGKILL')
      }
      await Promise.race([running, kill()])`)
    const [left = ''] = await readdir(join(lake, '.ingest-tmp'))
    expect({ left, output }).toEqual({ left: expect.stringMatching(new RegExp(`^${pid}\\.`)), output: '' })
    expect(await store.list('p/')).toEqual([])
    await store.create('p/b', ONE, {})
    expect(await readdir(join(lake, '.ingest-tmp'))).toEqual([])
  })

  test('of processes that run stay, unless older than a day; so do those of other machines', async () => {
    const ownUuid = crypto.randomUUID()
    const gone = Bun.spawnSync(['true']).pid
    const ages: [name: string, hours: number][] = [
      [`${process.pid}.${hostname()}.${ownUuid}`, 1],
      [`${process.pid}.${hostname()}.${crypto.randomUUID()}`, 25],
      [`${gone}.${hostname()}.${crypto.randomUUID()}`, 0],
      [`${gone}.other.example.${ownUuid}`, 1],
      [`${gone}.other.example.${crypto.randomUUID()}`, 25],
      ['of somebody else', 1],
      ['of somebody else, old', 25],
      ['replace.lock', 25],
    ]
    for (const [name, hours] of ages) {
      const path = join(lake, '.ingest-tmp', name)
      await Bun.write(path, 'x')
      const time = new Date(Date.now() - hours * 3_600_000)
      await utimes(path, time, time)
    }
    await store.create('p/a', ONE, {})
    const left = (await readdir(join(lake, '.ingest-tmp'))).toSorted()
    const kept = [
      `${process.pid}.${hostname()}.${ownUuid}`,
      `${gone}.other.example.${ownUuid}`,
      'of somebody else',
      'replace.lock',
    ]
    expect(left).toEqual(kept.toSorted())
  })

  test('never go through a symbolic link, a dangling one or a file', async () => {
    const elsewhere = join(temp.path, 'elsewhere')
    await mkdir(elsewhere)
    await mkdir(lake)
    for (const target of [elsewhere, join(temp.path, 'nowhere')]) {
      await symlink(target, join(lake, '.ingest-tmp'))
      const error = await failureOf(store.create('p/a', ONE, {}))
      expect(error).toMatchObject({ kind: 'store', scope: 'run' })
      expect(error.message).toContain('.ingest-tmp is not a folder of its own')
      await Bun.file(join(lake, '.ingest-tmp')).delete()
    }
    await Bun.write(join(lake, '.ingest-tmp'), 'x')
    expect((await failureOf(store.create('p/a', ONE, {}))).message).toContain('not a folder of its own')
    expect(await readdir(elsewhere)).toEqual([])
    expect(existsSync(join(temp.path, 'nowhere'))).toBe(false)
  })

  test('are prepared again after a failure', async () => {
    await mkdir(lake)
    await Bun.write(join(lake, '.ingest-tmp'), 'x')
    await failureOf(store.create('p/a', ONE, {}))
    await Bun.file(join(lake, '.ingest-tmp')).delete()
    expect(await store.create('p/a', ONE, {})).toBe('created')
  })
})

describe('a listing', () => {
  test('shows regular files only', async () => {
    await store.create('p/a', ONE, {})
    await mkdir(join(lake, 'p/empty'))
    await symlink(join(lake, 'p/a'), join(lake, 'p/link'))
    await symlink(lake, join(lake, 'p/loop'))
    Bun.spawnSync(['mkfifo', join(lake, 'p/pipe')])
    await Bun.write(join(lake, '.ingest-tmp', 'left'), 'x')
    expect((await store.list('p/')).map(({ key }) => key)).toEqual(['p/a'])
    expect((await store.list('')).map(({ key }) => key)).toEqual(['p/a'])
    expect(await store.read('p/pipe', undefined, 10)).toBeUndefined()
    expect(await store.read('p/link', undefined, 10)).toBeUndefined()
    expect(await store.read('p/empty', undefined, 10)).toBeUndefined()
  })

  test('does not enter folders outside the asked stretch', async () => {
    await store.create('p/b/x', ONE, {})
    // Folders that cannot be listed: a file stands in the way of what a walk would open.
    await symlink('nowhere', join(lake, 'p/a'))
    await symlink('nowhere', join(lake, 'p/c'))
    expect((await store.list('p/', 'p/azz', 'p/b/zz')).map(({ key }) => key)).toEqual(['p/b/x'])
  })

  test('through a file says so', async () => {
    await store.create('p', ONE, {})
    const error = await failureOf(store.list('p/a/'))
    expect(error.message).toContain('ENOTDIR')
  })

  test('gives another tag when a file of equal size and time replaces one', async () => {
    const time = new Date(1_700_000_000_000)
    await store.create('p/a', ONE, {})
    await utimes(join(lake, 'p/a'), time, time)
    const [first] = await store.list('p/')
    await store.replace('p/a', new TextEncoder().encode('two'), {})
    await utimes(join(lake, 'p/a'), time, time)
    expect((await store.list('p/'))[0]?.tag).not.toBe(first?.tag)
  })
})

describe('many reads at once', () => {
  test.each([
    ['as many as files may be open', undefined, /^300 read/],
    ['fewer, where told so', 4, /^300 read/],
    ['too many, where told so', 1_000, /^IngestError .*too many open files \(EMFILE\)/],
  ])('open %s', async (_, concurrency, expected) => {
    const keys = Array.from({ length: 300 }, (_value, index) => `p/${index}`)
    // Their ends are read: small files are read as a whole, and the runtime opens few of those at once.
    for (const key of keys) await Bun.write(join(lake, key), ONE)
    const { output } = await runElsewhere(
      `
      const option = ${JSON.stringify({ concurrency })}
      const limited = await openFolderStore({ folder: ${JSON.stringify(lake)}, nowMs: Date.now, ...option })
      await Promise.all(${JSON.stringify(keys)}.map((key) => limited.read(key, { suffixBytes: 2 }, 10))).then(
        (read) => console.log(read.filter((bytes) => bytes?.length === 2).length, 'read'),
        (error) => console.log(error.name, error.message))`,
      'ulimit -n 80;',
    )
    expect(output).toMatch(expected)
  })
})

describe('a key', () => {
  test.each(['../a', 'p/../../a', '..', '/etc/passwd', 'p//a', './a', 'p/.', '', 'p/', 'p/\0', '.ingest-tmp/a'])(
    '%j is refused',
    async (key) => {
      expect((await failureOf(store.create(key, ONE, {}))).kind).toBe('store')
      expect((await failureOf(store.replace(key, ONE, {}))).kind).toBe('store')
      expect((await failureOf(store.read(key, undefined, 9))).kind).toBe('store')
      expect(existsSync(lake)).toBe(false)
    },
  )

  test('as a prefix may not leave the folder either', async () => {
    for (const prefix of ['../', 'p/../../', '/etc/']) {
      expect((await failureOf(store.list(prefix))).message).toContain('no key')
    }
  })
})

describe('a refusal of the file system', () => {
  const CODES: [code: string, message: RegExp, hint: RegExp][] = [
    ['ENOSPC', /disk is full/, /Make room/],
    ['EDQUOT', /quota/, /Make room/],
    ['EACCES', /permission denied/, /write access to \/lake\/p\./],
    ['EPERM', /permission denied/, /write access/],
    ['EROFS', /read-only/, /--out/],
    ['ENOTDIR', /file stands where a folder/, /--out/],
    ['ENAMETOOLONG', /too long/, /shorter/],
    ['EXDEV', /second name/, /local disk/],
    ['ENOENT', /removed meanwhile/, /--out/],
    ['EIO', /disk reports an error/, /Look at the disk/],
    ['EMFILE', /too many open files/, /UPLOAD_CONCURRENCY/],
  ]

  test.each(CODES)('%s has path, cause and cure, and ends the run', (code, message, hint) => {
    const error = toFolderError(Object.assign(new Error('raw'), { code }), '/lake/p/a')
    expect(error).toBeInstanceOf(IngestError)
    expect(error).toMatchObject({ kind: 'store', scope: 'run' })
    const { message: said, hint: cure } = error as IngestError
    expect(said).toStartWith('/lake/p/a: ')
    expect(said).toMatch(message)
    expect(said).toContain(code)
    expect(cure).toMatch(hint)
  })

  test('that no list foresees is one of the store too, with its code', () => {
    const odd = Object.assign(new Error('raw'), { code: 'EWEIRD', errno: -4_242 })
    const error = toFolderError(odd, '/lake/p/a')
    expect(error).toMatchObject({ name: 'IngestError', kind: 'store', scope: 'run', cause: odd })
    expect(describeError(error as IngestError)).toBe(
      '/lake/p/a: the file system refuses (EWEIRD). Look at the disk or the mount, then run again.',
    )
  })

  test('of a hard link speaks of the file system', () => {
    const error = noHardLinks('/lake/p/a', Object.assign(new Error('raw'), { code: 'EPERM' }))
    expect(describeError(error)).toMatch(/second name.*EPERM.*hard links/)
  })

  test('that is a bug stays one', () => {
    for (const bug of [new TypeError('bug'), Object.assign(new Error('bug'), { code: 'ERR_INVALID_ARG_TYPE' })]) {
      expect(toFolderError(bug, '/lake')).toBe(bug)
    }
  })

  test('a file where the folder, or a part of the key, should be', async () => {
    await Bun.write(lake, 'x')
    expect(await failureOf(store.create('p/a', ONE, {}))).toMatchObject({ kind: 'store', scope: 'run' })
    await Bun.file(lake).delete()
    await store.create('p/a', ONE, {})
    const error = await failureOf(store.create('p/a/b', ONE, {}))
    expect(error).toMatchObject({ kind: 'store', scope: 'run' })
    expect(error.message).toContain(join(lake, 'p/a/b'))
    expect(await paths()).toEqual(['.ingest-tmp', 'p', 'p/a'])
  })

  test('a name that is too long', async () => {
    const error = await failureOf(store.create(`p/${'n'.repeat(300)}`, ONE, {}))
    expect(error.message).toContain('ENAMETOOLONG')
    expect(await paths()).toEqual(['.ingest-tmp', 'p'])
  })

  test('a write that breaks off in the middle leaves neither file nor temporary file', async () => {
    // ulimit counts blocks of 512 or 1,024 bytes: the file's 200,000 bytes do not fit either way.
    const { output } = await runElsewhere(
      `
      process.on('SIGXFSZ', () => {})
      await store.create('p/a', bytes, {}).then(
        (outcome) => console.log(outcome),
        (error) => console.log(error.name, error.message, error.scope))`,
      'ulimit -f 100;',
    )
    expect(output).toMatch(/IngestError .*p\/a: the file is larger than allowed here \(EFBIG\) run/)
    expect(await paths()).toEqual(['.ingest-tmp', 'p'])
  })

  test('a folder that is not this user’s', async () => {
    await mkdir(lake, { mode: 0o555 })
    const isSuperuser = process.getuid?.() === 0
    // The superuser may write everywhere, so the store runs as another one.
    const prelude = isSuperuser ? `chmod 755 ${temp.path}; cd /; ` : ''
    const drop = isSuperuser ? 'process.setgid(65534); process.setuid(65534);' : ''
    const { output } = await runElsewhere(
      `${drop}
      await store.create('p/a', bytes, {}).then(console.log, (error) => console.log(error.name, error.message, error.hint))`,
      prelude,
    )
    expect(output).toMatch(/IngestError .*permission denied \(EACCES\) Give this user write access/)
    expect(await paths()).toEqual([])
  })
})

test('files are readable by whom the umask lets', async () => {
  await store.create('p/a', ONE, {})
  const { mode } = await stat(join(lake, 'p/a'))
  expect(mode & 0o666).toBe(0o666 & ~process.umask())
})
