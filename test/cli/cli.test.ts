// The strict reading of argv and the help text. What the real program does with them is cli.test.ts's matter.
import { describe, expect, test } from 'bun:test'
import { parseCommandLine, type CommandLine } from '../../lib/cli/cli.ts'
import { helpText } from '../../lib/cli/help.ts'

type RunLine = Extract<CommandLine, { kind: 'run' }>

function runLine(argv: readonly string[]): RunLine {
  const line = parseCommandLine(argv)
  if (line.kind !== 'run') throw new Error(`${argv.join(' ')} is no run but ${line.kind}`)
  return line
}

/** The flags that are there, without their dashes. */
function flagsOf(argv: readonly string[]): Record<string, string> {
  return Object.fromEntries([...runLine(argv).flags].map(([flag, value]) => [flag.replace(/^--/, ''), value]))
}

const VALUE_FLAGS = [
  ['tickers-path', 'list.csv'],
  ['tickers', 'AAPL,MSFT'],
  ['backfill-days', '30'],
  ['from-date', '2024-09-01'],
  ['to-date', '2024-09-30'],
  ['lookback', '7'],
  ['out', 's3://bucket'],
  ['max-calls', '240'],
  ['now', '2024-09-30T23:00:00+02:00'],
] as const

const SWITCHES = ['backfill', 'force', 'no-adj-close', 'dry-run', 'json', 'quiet', 'allow-unsafe-store'] as const

describe('parseCommandLine()', () => {
  test('without arguments is a run with nothing set', () => {
    expect(runLine([])).toMatchObject({ command: 'ingest', problems: [] })
    expect(flagsOf([])).toEqual({})
  })

  test.each([
    [['databricks', 'a b'], { DIR: 'a b' }, []],
    [['databricks', '--force', 'x', '--bucket', 'b'], { DIR: 'x', force: 'true', bucket: 'b' }, []],
    [['databricks', '--bucket=b', '.'], { DIR: '.', bucket: 'b' }, []],
    [['databricks', 'x', 'y', '--dir', 'z'], { DIR: 'x' }, ['unexpected argument "y".', 'unknown option --dir']],
    [['databricks', '--DIR', 'z'], {}, ['unknown option --DIR.']],
    [['databricks', '--', ''], {}, ['unexpected argument "--".', 'unexpected argument "".']],
    [['x'], {}, ['unknown command "x"']],
  ])('takes one word for the folder of databricks, and none elsewhere: %j', (argv, flags, problems) => {
    expect(flagsOf(argv)).toEqual(flags)
    expect(runLine(argv).problems).toEqual(problems.map((problem) => expect.stringContaining(problem)))
  })

  test.each(VALUE_FLAGS)('reads --%s with its value after a blank or an equals sign', (name, value) => {
    expect(flagsOf([`--${name}`, value])).toEqual({ [name]: value })
    expect(flagsOf([`--${name}=${value}`])).toEqual({ [name]: value })
    expect(runLine([`--${name}`, value]).problems).toEqual([])
  })

  test.each(SWITCHES)('reads --%s as a switch', (name) => {
    expect(flagsOf([`--${name}`])).toEqual({ [name]: 'true' })
    expect(runLine([`--${name}`]).problems).toEqual([])
  })

  test('reads all of them together', () => {
    const all = [
      ...SWITCHES.map((name) => `--${name}`),
      ...VALUE_FLAGS.flatMap(([name, value]) => [`--${name}`, value]),
    ]
    const expected = {
      ...Object.fromEntries(SWITCHES.map((name) => [name, 'true'])),
      ...Object.fromEntries(VALUE_FLAGS),
    }
    expect(flagsOf(all)).toEqual(expected)
    expect(runLine(all).problems).toEqual([])
  })

  test('keeps an equals sign, a line break or a leading dash within a value', () => {
    expect(flagsOf(['--out=a=b'])).toEqual({ out: 'a=b' })
    expect(flagsOf(['--tickers', 'EURUSD=X'])).toEqual({ tickers: 'EURUSD=X' })
    expect(flagsOf(['--out=a\nb'])).toEqual({ out: 'a\nb' })
    expect(flagsOf(['--lookback', '-5'])).toEqual({ lookback: '-5' })
  })

  test.each([
    [['--help'], 'ingest'],
    [['-h'], 'ingest'],
    [['--tickers', 'A', '--help'], 'ingest'],
    [['--no-such-flag', '--help'], 'ingest'],
    [['demo', '--help'], 'demo'],
    [['demo', '-h'], 'demo'],
  ] as const)('%p asks for help', (argv, command) => {
    expect(parseCommandLine(argv)).toEqual({ kind: 'help', command })
  })

  test.each([[['--version']], [['-v']], [['demo', '--version']]])('%p asks for the version', (argv) => {
    expect(parseCommandLine(argv)).toEqual({ kind: 'version' })
  })

  test('demo takes --out and nothing else', () => {
    expect(runLine(['demo'])).toMatchObject({ command: 'demo', problems: [] })
    expect(runLine(['demo', '--out', 'x'])).toMatchObject({ command: 'demo', problems: [] })
    expect(flagsOf(['demo', '--out', 'x'])).toEqual({ out: 'x' })
    expect(runLine(['demo', '--force', '--tickers', 'A']).problems).toEqual([
      'unknown option --force.',
      'unknown option --tickers.',
    ])
  })

  test.each([
    [['--strat', 'x'], 'unknown option --strat.'],
    [['--dryrun'], 'unknown option --dryrun (did you mean --dry-run?).'],
    [['--ticker=A'], 'unknown option --ticker (did you mean --tickers?).'],
    [['--dryRun'], 'unknown option --dryRun (did you mean --dry-run?).'],
    [['--no-force'], 'unknown option --no-force.'],
    [['--adj-close'], 'unknown option --adj-close.'],
    [['--api-key', 'x'], 'unknown option --api-key. The API key is read from FMP_API_KEY only.'],
    [['--'], 'unexpected argument "--".'],
    [['ingest'], 'unknown command "ingest" (did you mean ingest without a command?).'],
    [['demos'], 'unknown command "demos" (did you mean demo?).'],
    [['--force', 'demo'], 'the command "demo" must come first.'],
    [[''], 'unexpected argument "".'],
    [['--out'], '--out needs a value (WHERE).'],
    [['--out='], '--out needs a value (WHERE).'],
    [['--out', ''], '--out needs a value (WHERE).'],
    [['--tickers', '--json'], '--tickers needs a value (A,B).'],
    [['--force=true'], '--force takes no value.'],
    [['--no-adj-close=false'], '--no-adj-close takes no value.'],
    [['--force', '--force'], '--force is given more than once.'],
    [['--out', 'a', '--out', 'a'], '--out is given more than once.'],
    [['--out=a', '--out', 'b'], '--out is given more than once.'],
  ])('%p: %s', (argv, problem) => {
    expect(runLine(argv).problems).toEqual([problem])
  })

  test.each([['-x'], ['-abc'], ['-5']])('%p is no option', (argument) => {
    expect(runLine([argument]).problems).toEqual([expect.stringMatching(/^unknown option -.\.$/)])
  })

  test('names every problem, and what is right is still read', () => {
    const argv = ['--bogus', '--json', '--out', '--force', '--force', 'more', '--max-calls=3']
    expect(runLine(argv).problems).toEqual([
      'unknown option --bogus.',
      '--out needs a value (WHERE).',
      '--force is given more than once.',
      'unknown command "more".',
    ])
    expect(flagsOf(argv)).toEqual({ json: 'true', force: 'true', 'max-calls': '3' })
  })

  test('cannot be talked into a flag by an odd name', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'valueOf', '_', 'without-adj-close']) {
      const { problems, flags } = runLine([`--${name}`, 'x'])
      expect(problems).toHaveLength(1)
      expect([...flags]).toEqual([])
    }
  })

  test.each([
    [['--key', 'hunter2hunter2']],
    [['--key=hunter2hunter2']],
    [['--fmp-api-key', 'hunter2hunter2']],
    [['--secret=hunter2hunter2', '--bogus']],
    [['-k', 'hunter2hunter2']],
    [['-khunter2hunter2']],
    [['FMP_API_KEY=hunter2hunter2']],
  ])('%p: what may be a secret is not repeated', (argv) => {
    const { problems } = runLine(argv)
    expect(problems.length).toBeGreaterThan(0)
    expect(problems.join('\n')).not.toContain('hunter2')
  })
})

describe('helpText()', () => {
  test('names every option with its default, and nothing in colours', async () => {
    const help = await helpText('ingest', '1.2.3', 200)
    for (const name of [...VALUE_FLAGS.map(([flag]) => flag), ...SWITCHES]) {
      expect(help).toMatch(new RegExp(`^ +--${name}\\b`, 'm'))
    }
    for (const text of ['default: tickers.csv', 'default: 5', 'default: the last session before today', 'S3_BUCKET)']) {
      expect(help).toContain(text)
    }
    expect(help).toContain('1.2.3')
    expect(help).not.toContain('\u001B')
    expect(help).toEndWith('\n')
  })

  test.each([
    ['FMP_API_KEY', 'required'],
    ['S3_BUCKET', '--out'],
    ['S3_RAW_PREFIX', '(raw)'],
    ['RATE_LIMIT_SECONDS', '(15.0)'],
    ['MAX_WORKERS', '(5)'],
    ['UPLOAD_CONCURRENCY', '('],
    ['API_TIMEOUT_SECONDS', '(30)'],
    ['FMP_API', '(stable)'],
    ['FMP_BASE_URL', '('],
    ['AWS_', ''],
  ])('explains %s with its default %s', async (name, shown) => {
    const help = await helpText('ingest', '1.2.3', 200)
    const line = help.split('\n').find((text) => new RegExp(`^ +${name}(?![A-Z_]*[A-Z])`).test(text))
    expect(line).toContain(shown)
  })

  test.each(['0', '1', '2', '3', '130', '143'])('explains exit code %s', async (code) => {
    expect(await helpText('ingest', '1.2.3')).toMatch(new RegExp(`EXIT CODES[^]*\\b${code}\\b`))
  })

  test.each(['ingest', 'demo'] as const)('shows examples of %s that are right', async (command) => {
    const help = await helpText(command, '1.2.3')
    const examples = [...help.matchAll(/^ +ingest (.*)$/gm)].map(([, rest = '']) => rest.split(/ +/))
    expect(examples.length).toBeGreaterThan(1)
    for (const argv of examples) expect(runLine(argv)).toMatchObject({ command, problems: [] })
  })

  test.each(['--backfill ', '--backfill-days', '--from-date', '--tickers ', '--dry-run', '--max-calls', '--force'])(
    'has an example of %s',
    async (flag) => {
      expect(await helpText('ingest', '1.2.3')).toMatch(new RegExp(`^ +ingest .*${flag}`, 'm'))
    },
  )

  test('of the demo names its one option', async () => {
    const help = await helpText('demo', '1.2.3')
    expect(help).toMatch(/^ +--out=<DIR>.*default: \.\/demo-lake/m)
    expect(help).not.toContain('--force')
  })
})
