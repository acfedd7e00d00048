// What `ingest why` tells of one cell: the document of `--json`.

import { DATASET_NAMES } from '../core/config.ts'
import { CELL_EVENTS } from './cell-events.ts'
import {
  anyObject,
  count,
  date,
  flag,
  instant,
  list,
  object,
  oneOf,
  orNull,
  RUN_ID,
  text,
  type TypeOf,
} from './json-schema.ts'

/** Incremented when a field changes its meaning or is removed. */
export const WHY_VERSION = 1

const STATES = [
  'stored',
  'carried',
  'unreadable',
  'rejected',
  'held',
  'missing',
  'no_data',
  'not_stored',
  'closed',
  'future',
] as const

const HASH = ['equal', 'differs', 'absent'] as const

const RANGE = object(
  { from: date('The first date'), to: date('The last date') },
  'A range of dates, both ends included',
)

const OBJECT = object(
  {
    key: text('Its key'),
    kind: oneOf(
      ['year', 'day', 'document'],
      'What it holds: the sessions of a year, one session, or the periods of one date',
    ),
    size_bytes: count('Its size'),
    problem: orNull(text('Why it cannot be relied on; null where it can. All below is then empty or null')),
    rows: list(
      anyObject('A row by the names of its columns'),
      'Its rows of the date; none in a year file that lacks it',
    ),
    is_carried: flag('Whether the row was carried over from an older file, because FMP no longer has it'),
    ingest_ts: orNull(instant('The start of the run that wrote it, in whole seconds')),
    run: orNull(text('The key of the metrics document of that run; null where there is none')),
    rows_in_file: orNull(count('All rows of the object')),
    asked: orNull(RANGE),
    rows_hash: oneOf(HASH, 'The hash of its rows in the footer, against its rows'),
    bytes_hash: oneOf(HASH, 'The hash of its bytes that the store keeps, against its bytes; a folder keeps none'),
  },
  'An object that may hold the cell',
)

const EVENT = object(
  {
    run_id: RUN_ID,
    run: orNull(text('The key of its metrics document; null where there is none')),
    event: oneOf(
      CELL_EVENTS,
      'stored: for the first time. filled: later than sessions after it. corrected: the one row anew. mended: its year anew, FMP has multiplied its past. carried: likewise by this program, FMP no longer has it. rewritten: anew for another reason. compared: found equal, the last time. doubted: a change that was not taken. left: on an older base. held, session_held: waits. rejected: broke a hard rule. no_bar: asked for in vain. failed: the symbol failed',
    ),
    detail: text('More of it'),
  },
  'What a run did with the cell',
)

const NEXT = object(
  {
    on: orNull(date("New York's date of the run; null where none will look at the cell")),
    action: oneOf(
      ['fetch', 'along', 'compare', 'none'],
      'fetch: it asks FMP for the cell. along: because it asks for newer ones. compare: what is stored is compared. none: it does not look at it',
    ),
    detail: text('More of it, with the command that does it now where there is one'),
  },
  'What the next nightly run does with the cell',
)

const ASKED = object(
  {
    rows: list(anyObject('A row by the names of the columns'), "FMP's rows of the date now, as they would be stored"),
    problem: orNull(text("Why FMP's row cannot be stored; null where it can, or there is none")),
    differs: orNull(flag('Whether the stored row differs; null where either is missing')),
    verdict: orNull(
      text('What has become of the stored rows around it, by the rule of a run; null where none could be compared'),
    ),
    detail: text('What was asked, and how much was compared'),
    calls: count('API calls made, retries included'),
  },
  'What FMP has now',
)

export const WHY = object(
  {
    schema_version: count('Incremented when a field changes its meaning or is removed'),
    run_id: RUN_ID,
    target: text('The folder, or s3://bucket'),
    dataset: oneOf(DATASET_NAMES, 'The dataset'),
    symbol: text('The symbol'),
    date: date('The session, or the end of the fiscal period'),
    as_of: date('The last finished session'),
    day: oneOf(
      ['session', 'weekend', 'holiday', 'period_end'],
      'What kind of day it is in New York; period_end for statements',
    ),
    finished: orNull(instant('When the session is finished, and may be stored; null for other days')),
    state: oneOf(
      STATES,
      "stored: a row of FMP counts. carried: a row that FMP no longer has. unreadable: an object is there and cannot be relied on. rejected: FMP's row broke a hard rule. held: it waits. missing: between stored sessions, FMP had no bar or was not asked. no_data: FMP was asked for its year, or its period, and had nothing. not_stored: before or after all that is stored. closed: no session. future: not finished",
    ),
    reason: text('The state in a sentence'),
    objects: list(OBJECT, 'The objects that hold the cell, or could'),
    winner: orNull(text('The key of the object whose row counts; null where none does')),
    winner_reason: orNull(text('Why that one')),
    history: list(EVENT, 'What the runs did with it, oldest first'),
    runs_read: count('Metrics documents that were read'),
    runs_unreadable: count('Metrics documents that could not be read'),
    runs_left_out: count('Runs since the session that were not read, because there are so many'),
    next: NEXT,
    fmp: orNull(ASKED),
  },
  'The life of one cell',
)

export type Why = TypeOf<typeof WHY>
