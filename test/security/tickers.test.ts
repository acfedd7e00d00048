// Ticker lists as an attacker would write them: symbols that want to be paths, URLs or commands, lists that are something
// else, lists from places where nothing should be read. What a parser alone can prove is in tickers.test.ts.

import { describe, expect, test } from 'bun:test'
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { runInProcess } from '../support/runs/in-process.ts'
import { leaksIn } from '../support/leaks.ts'
import { disposableFolder } from '../support/lakes/lake.ts'
import { KEY, NOW } from '../support/runs/in-process.ts'
import { barsFor, dayKey } from '../support/bars.ts'
import { metricsOf, setS3Stage, setStage } from '../support/runs/stage.ts'
import { runCli } from '../support/runs/process.ts'

const DAY = '2024-09-16'

const nobody = (): Response => {
  throw new Error('Nothing should have been asked.')
}

/** What must never become a key or a URL; each stands on a line of its own. */
const NO_SYMBOLS = [
  ['../../x', 'AAPL/../..', '..', '.', 'A/B', 'A\\B', '%2F..%2F', 'A%00', 'A\u0000B', 'A\u0001B', 'A\u001B[2J'],
  ['AAPL&apikey=x', 'AAPL?x', 'AAPL#x', 'A:B', 's3://x/y', '=cmd|/c calc', '@SUM(1+1)', '-A', '^', 'A..B', '""'],
  [
    'A'.repeat(1_100),
    'ÄPFEL',
    'ＡＡＰＬ',
    'A\u202eB',
    'A\u200bB',
    'ﬁ',
    '\uFEFFA',
    'A B',
    'A\tB',
    'A;B',
    '$(id)',
    '`id`',
  ],
]

describe.concurrent('a symbol that is none', () => {
  test.each(NO_SYMBOLS.map((symbols) => [symbols.length, symbols] as const))(
    'is refused by its line before any call, and nothing is made (%d of them)',
    async (_count, symbols) => {
      await using stage = await setStage()
      await using folder = await disposableFolder()
      await Bun.write(join(folder.path, 'list.csv'), ['AAPL', ...symbols].join('\n'))
      const run = await stage.run(['--tickers-path', 'list.csv'], { cwd: folder.path })
      expect({ code: run.code, stdout: run.stdout, calls: run.requests }).toEqual({ code: 2, stdout: '', calls: [] })
      const named = [...run.stderr.matchAll(/line (\d+): /g)].map(([, line]) => Number(line))
      expect(named).toEqual(symbols.map((_symbol, index) => index + 2))
      expect(await stage.lake.keys()).toEqual([])
    },
  )

  test('is refused on the command line by its position', async () => {
    const run = await runCli(['--tickers', 'AAPL,../x,MSFT,A&=b', '--out', 'x'], { env: { FMP_API_KEY: KEY } })
    expect(run.code).toBe(2)
    expect(run.stderr).toMatch(/position 2: "\.\.\/x", position 4: "A&=b"/)
  })
})

describe.concurrent('symbols that are allowed and odd', () => {
  const ODD = ['^GSPC', 'BRK-B', 'SHOP.TO', 'EURUSD=X', 'A=', 'CON', '0700.HK', 'A.-=']

  test('each have a key of their own inside the prefix, and come back out of the file as they are', async () => {
    await using stage = await setS3Stage({ bars: barsFor(ODD, DAY, DAY) })
    const run = await stage.run(['--tickers', ODD.join(',')])
    expect({ code: run.code, files: new Set(run.changed).size }).toEqual({ code: 0, files: ODD.length })
    for (const key of run.changed) {
      expect(key).toMatch(/^raw\/prices\/symbol=[A-Z0-9%.-]+\/year=2024\/month=09\/[A-Z0-9%.-]+-2024-09-16\.parquet$/)
      expect(key.split('/')).not.toContain('..')
      expect(Buffer.byteLength(key)).toBeLessThan(1_024)
    }
    expect(
      metricsOf(run)
        .results.map(({ symbol }) => symbol)
        .toSorted(),
    ).toEqual(ODD.toSorted())
  })

  test.each(['stable', 'v3'])('are one value of one parameter in the URL (%s)', async (api) => {
    await using stage = await setStage({ bars: barsFor(ODD, DAY, DAY) })
    const run = await stage.run(['--tickers', ODD.join(',')], { env: { FMP_API: api } })
    expect(run.code).toBe(0)
    const expected = api === 'v3' ? ['apikey', 'from', 'to'] : ['from', 'symbol', 'to']
    for (const { url } of run.requests) {
      expect([...url.searchParams.keys()].toSorted()).toEqual(expected)
      expect(url.pathname.split('/')).toHaveLength(api === 'v3' ? 5 : 4)
      expect(url.hash).toBe('')
    }
    expect(new Set(run.requests.map(({ symbol }) => symbol))).toEqual(new Set(ODD))
  })

  test('in either case are one symbol, one key and one call', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL'], DAY, DAY) })
    const run = await stage.run(['--tickers', 'aapl,AAPL,Aapl', '--no-adj-close'])
    expect({ changed: run.changed, calls: run.requests.length }).toEqual({ changed: [dayKey('AAPL', DAY)], calls: 1 })
  })
})

describe.concurrent('a list from elsewhere', () => {
  test.each([
    ['http://169.254.169.254/latest/meta-data/'],
    ['https://example.com/list.csv'],
    ['file:///etc/passwd'],
    ['ftp://x/y'],
    ['FILE:///etc/passwd'],
    ['gs://bucket/key'],
    ['s3://bucket'],
    ['s3:///key'],
    ['data://text'],
  ])('%s is refused by its scheme, and nothing is read', async (path) => {
    const run = await runInProcess({ args: ['--tickers-path', path, '--out', 'x'], vendor: nobody, listText: 'A' })
    expect({ code: run.code, stdout: run.stdout }).toEqual({ code: 2, stdout: '' })
    expect(run.stderr).toMatch(/--tickers-path .*expected a path or s3:\/\/bucket\/key/)
  })

  test('in S3 is read by its key and not beside it, capped, and a compressed one is no list', async () => {
    await using stage = await setS3Stage({ bars: barsFor(['A'], DAY, DAY) })
    stage.s3.put('lists/huge.csv', new Uint8Array(3 << 20).fill(0x41))
    stage.s3.put('lists/list.csv.gz', Bun.gzipSync(Buffer.from('A\n'.repeat(100_000))))
    const huge = await stage.run(['--tickers-path', 's3://test-bucket/lists/huge.csv'])
    expect({ code: huge.code, calls: huge.requests.length }).toEqual({ code: 2, calls: 0 })
    expect(huge.stderr).toMatch(/huge\.csv.*3,145,728 bytes/)
    const packed = await stage.run(['--tickers-path', 's3://test-bucket/lists/list.csv.gz'])
    expect(packed.code).toBe(2)
    expect(packed.stderr).toContain('line 1')
    // Dots cannot climb out of the bucket, whatever a URL library makes of them.
    const climbing = await stage.run(['--tickers-path', 's3://test-bucket/../other-bucket/list.csv'])
    expect([1, 2]).toContain(climbing.code)
    expect(climbing.requests).toEqual([])
    expect(stage.s3.requests.filter(({ operation }) => operation !== 'get' && operation !== 'list')).toEqual([])
  })

  test.each([
    ['endless', '/dev/zero'],
    ['endless and random', '/dev/urandom'],
    ['a folder', '/dev'],
  ])('that is %s (%s) ends at the cap', async (_name, path) => {
    await using stage = await setStage()
    const run = await stage.run(['--tickers-path', path, '--dry-run'])
    expect({ code: run.code, stdout: run.stdout }).toEqual({ code: 2, stdout: '' })
    expect(run.stderr).toContain(path)
  })

  test('that is a file of secrets shows no secret', async () => {
    await using folder = await disposableFolder()
    const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
    const pem = `-----BEGIN PRIVATE KEY-----\n${secret}${secret.slice(0, 24)}\n-----END PRIVATE KEY-----\n`
    const files: Record<string, string> = {
      '.env': `FMP_API_KEY=${secret}\nAWS_SECRET_ACCESS_KEY="${secret}"\nexport X=${secret}\n`,
      credentials: `[default]\naws_secret_access_key = ${secret}\n`,
      'key.pem': pem,
      'settings.json': `{"key":"${secret}"}\n`,
      'settings.yaml': `key: ${secret}\n`,
      passwd: `root:${secret.slice(0, 18)}:0:0::/root:/bin/sh\n`,
    }
    const args = ['--tickers-path', 'list.csv', '--out', 'x']
    for (const [name, listText] of Object.entries(files)) {
      const run = await runInProcess({ args, vendor: nobody, listText })
      expect({ name, code: run.code, names: run.stderr.includes('line 1') }).toEqual({ name, code: 2, names: true })
      expect(leaksIn(new Map([[name, run.stderr]]), [secret])).toEqual([])
    }
    await Bun.write(join(folder.path, '.env'), files['.env'] ?? '')
    await symlink(join(folder.path, '.env'), join(folder.path, 'list.csv'))
    const linked = await runCli(args, { cwd: folder.path, env: { FMP_API_KEY: KEY } })
    expect(linked.code).toBe(2)
    expect(leaksIn(new Map([['stderr', linked.stderr]]), [secret])).toEqual([])
  })
})

describe.concurrent('a list that is a bomb', () => {
  test('is read or refused in a moment', async () => {
    await using folder = await disposableFolder()
    const lists: readonly (string | Uint8Array)[] = [
      'A\n'.repeat(500_000),
      `A${','.repeat(1_048_000)}`,
      new Uint8Array(1_000_000),
      Buffer.from(`\uFEFF${'AAPL\r\n'.repeat(1_000)}`, 'utf16le'),
    ]
    const args = ['--tickers-path', 'list.csv', '--out', 'x', '--dry-run', '--now', NOW]
    const before = process.cpuUsage()
    for (const list of lists) {
      const listText = new TextDecoder().decode(typeof list === 'string' ? Buffer.from(list) : list)
      const run = await runInProcess({ args, vendor: nobody, listText })
      expect([0, 2]).toContain(run.code)
      expect(run.stderr.length).toBeLessThan(5_000)
    }
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(30_000)
    await Bun.write(join(folder.path, 'list.csv'), lists[0] ?? '')
    const real = await runCli(args, { cwd: folder.path })
    expect({ code: real.code, isShort: real.stderr.length < 5_000 }).toEqual({ code: 0, isShort: true })
  })

  test('formulas of a spreadsheet are no symbols, and no output is a spreadsheet', async () => {
    await using folder = await disposableFolder()
    await Bun.write(join(folder.path, 'list.csv'), 'symbol\n=1+1\n"=HYPERLINK(""http://x"")"\n+1\n@x\n')
    await using stage = await setStage()
    const run = await stage.run(['--tickers-path', 'list.csv'], { cwd: folder.path })
    expect(run.code).toBe(2)
    for (const line of [2, 3, 4, 5]) expect(run.stderr).toContain(`line ${line}`)
  })
})
