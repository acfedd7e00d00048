// The settings of the commands that look at a lake: those that all share, and each command's own.

import { FLAGS, type Settings } from './settings.ts'
import { VARIABLES } from './variables.ts'

/** What every command that looks at a lake takes, by the same flags and variables as a run. */
export const LAKE = {
  out: { ...FLAGS.out, help: 'the folder or s3://bucket of the lake' },
  tickers: { ...FLAGS.tickers, help: 'these symbols only' },
  tickersPath: {
    flag: '--tickers-path',
    variable: 'TICKERS_PATH',
    hint: 'PATH',
    value: 'listPath',
    otherwise: 'all symbols of the lake',
    help: 'the symbols of a CSV file: a path or s3://bucket/key',
  },
  skipsBadTickers: FLAGS.skipsBadTickers,
  isJson: {
    ...FLAGS.isJson,
    help: 'a JSON document on stdout instead of text',
    details: '`ingest schema` describes it.',
  },
  isQuiet: {
    ...FLAGS.isQuiet,
    help: 'nothing at all when the exit code is 0',
    details: 'What `--json` prints is asked for and stays in any case.',
  },
  envFile: FLAGS.envFile,
  nowMs: {
    ...FLAGS.nowMs,
    help: 'look as at this instant, in ISO with a zone',
    details: 'Sessions that are finished later count as not there yet.',
  },
} as const satisfies Settings

/** Of `ingest status`, beside `LAKE`. */
export const STATUS = {
  maxBehind: {
    flag: '--max-behind',
    hint: 'N',
    value: 'countOrNone',
    default: '1',
    help: 'how many finished sessions the newest stored one may be behind before the exit code is 1',
    details:
      'Sessions are counted by the calendar, so a weekend or a holiday is none. A run stores the last session before today: from 18:30 in New York on, the lake is one behind.',
  },
} as const satisfies Settings

/** Of `ingest doctor`, beside `LAKE`: what a run would take. */
export const DOCTOR = {
  tickersPath: FLAGS.tickersPath,
  noAdjClose: FLAGS.noAdjClose,
  allowsUnsafeStore: FLAGS.allowsUnsafeStore,
} as const satisfies Settings

/** The same with what it reads from the environment only. */
export const DOCTOR_SETTINGS = {
  ...DOCTOR,
  credentialsEnd: VARIABLES.credentialsEnd,
  sessionToken: VARIABLES.sessionToken,
  profile: VARIABLES.profile,
  roleDurationSeconds: VARIABLES.roleDurationSeconds,
} as const satisfies Settings
