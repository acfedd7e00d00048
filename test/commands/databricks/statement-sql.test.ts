// The SQL that is written once per statement, from a template of one.

import { expect, test } from 'bun:test'
import { statementSql } from '../../../lib/commands/databricks/statement-sql.ts'
import { statementColumns } from '../../../lib/datasets/datasets.ts'
import { FURTHER_STATEMENT } from '../../support/values.ts'

const FURTHER = { ...FURTHER_STATEMENT, columns: statementColumns(FURTHER_STATEMENT) }
const STATEMENTS = [
  FURTHER,
  {
    name: 'short',
    title: 'short reports',
    columns: statementColumns({ ...FURTHER_STATEMENT, amounts: ['total'] }),
  },
]

test('what stands above the line is written once, what stands below it once per statement', () => {
  const template =
    '-- Reports of ${catalog}\n\n-- {{for each statement}}\n-- {{title}}\nSELECT * FROM {{statement}}_files;\n'
  expect(statementSql(template, STATEMENTS)).toBe(`-- Reports of \${catalog}

-- Segment reports
SELECT * FROM segments_files;

-- Short reports
SELECT * FROM short_files;
`)
})

test('the lists are those of the dataset: names, names and types, in lines of their own or as many as fit', () => {
  const template = `-- {{for each statement}}
  {{columns}},
    {{columns with types}}'
  {{columns with types, one per line}}
`
  expect(statementSql(template, STATEMENTS)).toBe(`\
  date, symbol, reportedCurrency, cik, filingDate, acceptedDate, fiscalYear, period, segmentRevenue,
  segmentCostOfRevenue, segmentOperatingIncome, segmentAssets, segmentLiabilities, ingest_ts,
    date DATE, symbol STRING, reportedCurrency STRING, cik STRING, filingDate DATE, acceptedDate TIMESTAMP,
    fiscalYear INT, period STRING, segmentRevenue DOUBLE, segmentCostOfRevenue DOUBLE,
    segmentOperatingIncome DOUBLE, segmentAssets DOUBLE, segmentLiabilities DOUBLE, ingest_ts TIMESTAMP'
  date DATE,
  symbol STRING,
  reportedCurrency STRING,
  cik STRING,
  filingDate DATE,
  acceptedDate TIMESTAMP,
  fiscalYear INT,
  period STRING,
  segmentRevenue DOUBLE,
  segmentCostOfRevenue DOUBLE,
  segmentOperatingIncome DOUBLE,
  segmentAssets DOUBLE,
  segmentLiabilities DOUBLE,
  ingest_ts TIMESTAMP

  date, symbol, reportedCurrency, cik, filingDate, acceptedDate, fiscalYear, period, total, ingest_ts,
    date DATE, symbol STRING, reportedCurrency STRING, cik STRING, filingDate DATE, acceptedDate TIMESTAMP,
    fiscalYear INT, period STRING, total DOUBLE, ingest_ts TIMESTAMP'
  date DATE,
  symbol STRING,
  reportedCurrency STRING,
  cik STRING,
  filingDate DATE,
  acceptedDate TIMESTAMP,
  fiscalYear INT,
  period STRING,
  total DOUBLE,
  ingest_ts TIMESTAMP
`)
})

test('a text without the line stays as it is', () => {
  expect(statementSql('SELECT 1;\n', STATEMENTS)).toBe('SELECT 1;\n')
})
