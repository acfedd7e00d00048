// The reference page: `bun test/cli/reference.make.ts` writes lib/cli/README.md from the tables of the command line.
// reference.test.ts holds the page against them.

import { join } from 'node:path'
import { CONTRADICTIONS } from '../../lib/cli/checks.ts'
import { COMMAND_WORDS, COMMANDS, EXIT_CODES, fallbackOf, type CommandName } from '../../lib/cli/commands.ts'
import type { Setting, Settings } from '../../lib/cli/setting.ts'
import { FLAGS } from '../../lib/cli/settings.ts'
import { VARIABLES } from '../../lib/cli/variables.ts'
import { markdownTable } from '../support/markdown.ts'

export const PAGE = join(import.meta.dir, '../../lib/cli/README.md')

/** The page as text. */
export function pageOf(): string {
  return `${[
    '# The command line',
    'Made by `bun test/cli/reference.make.ts` from the tables in this folder: a test fails when the page and the program differ. `ingest --help` shows the same in short, as wide as the terminal or, elsewhere, 80 columns wide.',
    '## Commands',
    markdownTable(
      ['command', 'what it does'],
      [
        ['`ingest [options]`', 'fetch what is missing and store it'],
        ...COMMAND_WORDS.map((name) => [`\`ingest ${usageOf(name)}\``, COMMANDS[name].description]),
        ['`ingest --help`, `ingest --version`', 'help and version, also for each command; `-h` and `-v` in short'],
      ],
    ),
    'It is started as `bun run ingest.ts …`, as `./ingest.ts …` or, compiled, as `./dist/ingest …`.',
    STRICTNESS,
    '## Options of `ingest`',
    optionTable(FLAGS),
    '### What does not go together',
    lines([
      ...CONTRADICTIONS.map(([a, b]) => `\`${a}\` and \`${b}\``),
      '`--keys` without `--dry-run`',
      '`--to-date` without `--from-date`, and a `--from-date` after the `--to-date`',
      `${listOf(flagsOnly('prices'))} without \`prices\` in \`--dataset\``,
      `${listOf(flagsOnly('statements'))} without statements in \`--dataset\``,
      '`--now` against the vendor’s own host without `--dry-run`',
      'a path in `--out s3://…`: the bucket only, the path is `S3_RAW_PREFIX`',
    ]),
    '### Examples',
    examplesOf('ingest'),
    '### The ticker list',
    TICKER_LIST,
    ...COMMAND_WORDS.flatMap((name) => [
      `## Options of \`ingest ${name}\``,
      optionTable(COMMANDS[name].settings),
      examplesOf(name),
    ]),
    '## Environment',
    markdownTable(
      ['variable', 'meaning', 'default'],
      [...Object.values(VARIABLES), ...Object.values(FLAGS)].flatMap((setting: Setting) => {
        const { flag, variable } = setting
        if (variable === undefined) return []
        const row = flag === undefined ? [meaningOf(setting), fallbackCell(setting)] : [`the same as ${code(flag)}`, '']
        return [[code(variable), ...row]]
      }),
    ),
    ...ENVIRONMENT_NOTES,
    '## Exit codes',
    markdownTable(
      ['code', 'meaning'],
      EXIT_CODES.map(([codes, , full]) => [codes, full]),
    ),
    'Where several hold, the first of this order counts: interrupted, 1 for lost metrics, 3, 1.',
    CLOSED_PIPE,
    '## From the sources, without an install step',
    AUTO_INSTALL,
  ].join('\n\n')}\n`
}

const STRICTNESS =
  'Nothing unknown passes. An unknown command or option, a missing or repeated value, a value that cannot be used, an impossible date, a first date in the future (New York’s) and settings that contradict each other are usage errors: every problem is named at once, the exit code is 2, and nothing was called. The message names what was probably meant, also for words of other programs (`--symbols`, `--start-date`, `--dataset price`, `help demo`, `ingest AAPL MSFT`). A number N is a whole number of at least 1. A value follows its option after a blank or an equals sign. The API key is read from the environment only.'

const CLOSED_PIPE =
  'Where the reader of a pipe goes away (`ingest --help | head -1`), help, a dry run and the commands that look at a lake end quietly with 141, as shells count it (128 and the number of SIGPIPE). A run goes on, says nothing of it and keeps its own code: the metrics document holds what the reader did not take. A closed terminal (SIGHUP) ends a run as SIGTERM does; under `nohup` it goes on.'

const TICKER_LIST = [
  'One symbol a line, or a CSV whose header names the column: `symbol`, `ticker`, or words with one of them (`Ticker Symbol`), in any position. Cells are separated by a comma, a semicolon, a tab or `|`; Excel’s line `sep=;` is understood, and so are blank lines, comments (`#`), quotes, a byte order mark and Windows line ends. Without a header the first column counts, if no other column could be one of symbols.',
  'Symbols are upper-cased. `.A`, `.B` and `.C` at the end become FMP’s dash (`BRK.B` is `BRK-B`), other suffixes stay. A symbol is 1 to 20 letters, digits, single dots, dashes, ampersands and equals signs, with a `^` before an index. Repeated symbols are said and taken once.',
  'Nothing is guessed: a header without such a column, several symbols in a line, another spelling (`NASDAQ:AAPL`, `AAPL US`, `BRK/B`), an ISIN, a name, a rank, another kind of file or encoding is an error before any call. It names the line, the reason and the spelling that is meant. `--skip-bad-tickers` takes the rest of the list and names what it left out.',
  'A list may be 1 MiB large. One in S3 is read with the same credentials as the bucket.',
].join('\n\n')

const ENVIRONMENT_NOTES = [
  'An empty variable is an unset one. A flag goes before its variable. The variable of a switch is `true` or `false`, `1` or `0`, `yes` or `no`. `bun run` reads `.env` in the current folder; the compiled binary reads none, and says so when the key is missing.',
  'Of AWS the usual variables count: `AWS_REGION`, `AWS_PROFILE`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_ROLE_ARN` with `AWS_WEB_IDENTITY_TOKEN_FILE`, and the files that `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE` name. An S3 target without a region is a usage error.',
  'With a custom endpoint (any S3-compatible store) the region defaults to `us-east-1` and addresses are path-style. The store must honour create-only writes (`If-None-Match: *`), which the first write of a run proves.',
  'The runtime reads `HTTPS_PROXY` and `NO_PROXY` for proxies, to FMP and to S3 alike (loopback is never asked through one), and `NODE_EXTRA_CA_CERTS` for certificate authorities of your own.',
]

const AUTO_INSTALL =
  '`bun run ingest.ts …` works in a fresh clone, and `npx -y bun@1.4.5 run ingest.ts …` on a machine with only Node. Where `node_modules` lacks a package, Bun fetches it into its own cache when it is first imported. It takes the version that `bun.lock` names, also for the packages that a package needs, and checks the download against the hash in `bun.lock`. Once the cache holds a package, nobody is asked for it. A package that cannot be fetched ends the program with `Cannot find package` and exit code 1. Checks, builds and releases install from the frozen lock file first (`bun install --frozen-lockfile`).'

function usageOf(name: CommandName): string {
  const settings: readonly Setting[] = Object.values(COMMANDS[name].settings)
  const positional = settings.filter(({ flag = '' }) => !flag.startsWith('--'))
  return [name, ...positional.map(({ flag }) => `[${flag}]`), '[options]'].join(' ')
}

function optionTable(settings: Settings): string {
  return markdownTable(
    ['option', 'meaning', 'default'],
    Object.values(settings).map((setting) => [
      code([setting.flag, setting.hint].filter((part) => part !== undefined).join(' ')),
      meaningOf(setting),
      fallbackCell(setting),
    ]),
  )
}

function meaningOf({ help, details }: Setting): string {
  const parts = [...(help === undefined ? [] : [withCode(help)]), ...(details === undefined ? [] : [details])]
  return parts.join('. ').replaceAll('|', String.raw`\|`)
}

/** Places, flags and variables set as code in a text that has no Markdown yet. */
function withCode(text: string): string {
  return text.replaceAll(/s3:\/\/[\w$/-]+|--[a-z][a-z-]+|\$?\b[A-Z0-9]+_[A-Z0-9_]+|\badjClose\b/g, '`$&`')
}

/** `off` for a switch; a text of its own where no value is meant. */
function fallbackCell(setting: Setting): string {
  if (setting.value === 'switch')
    return setting.variable === undefined ? 'off' : `${code(`$${setting.variable}`)}, else off`
  const fallback = fallbackOf(setting)
  if (fallback === undefined) return ''
  return setting.default === undefined ? withCode(fallback) : fallback.split(', else ').map(code).join(', else ')
}

function flagsOnly(only: 'prices' | 'statements'): readonly string[] {
  const settings: readonly Setting[] = Object.values(FLAGS)
  return settings.filter((setting) => setting.only === only).map(({ flag = '' }) => code(flag))
}

function examplesOf(name: CommandName): string {
  return ['```sh', ...COMMANDS[name].examples.map(([what, line]) => `# ${what}\n${line}`), '```'].join('\n')
}

function listOf(words: readonly string[]): string {
  return [words.slice(0, -1).join(', '), words.at(-1) ?? ''].filter((part) => part !== '').join(' or ')
}

const lines = (items: readonly string[]) => items.map((item) => `- ${item}`).join('\n')
const code = (text: string) => `\`${text}\``

if (import.meta.main) await Bun.write(PAGE, pageOf())
