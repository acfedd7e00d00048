// Lists as spreadsheets, screeners, index providers and exchanges export them: each is read right, or refused with the reason
// in plain words and the line. None is shortened or guessed. The first seven are the files of users, in test/fixtures/cases.

import { describe, expect, test } from 'bun:test'
import { IngestError } from '../../lib/core/errors.ts'
import { runInProcess } from '../support/runs/in-process.ts'
import { parseTickerFlag, parseTickers } from '../../lib/cli/tickers.ts'

const fixture = async (name: string) => await Bun.file(`${import.meta.dir}/../fixtures/cases/${name}.csv`).text()

function refusalOf(read: () => unknown): IngestError {
  try {
    read()
  } catch (error) {
    if (error instanceof IngestError) return error
    throw error
  }
  throw new Error('The list was taken')
}

describe('a list of a user', () => {
  test.each([
    ['name-first', ['AAPL', 'MSFT', 'BRK-B']],
    ['rank-first', ['AAPL', 'MSFT', 'BRK-B']],
    ['excel-sep-line', ['AAPL']],
    ['india-ampersand', ['RELIANCE.NS', 'M&M.NS', 'M&MFIN.NS', 'J&KBANK.NS', 'L&TFH.NS']],
    ['mexico-penoles', ['PE&OLES.MX']],
  ])('%s is read right', async (name, expected) => {
    expect(parseTickers(await fixture(name), 'x.csv')).toMatchObject({ symbols: expected, duplicates: [], left: [] })
  })

  test.each([
    ['index-first', 'line 1: Index, Stock, Acronym, Last Value.'],
    ['eodhd-code', 'line 1: Code, Name, Country, Exchange, Currency, Type, Isin.'],
  ])('%s is refused by its header', async (name, expected) => {
    const text = await fixture(name)
    const error = refusalOf(() => parseTickers(text, 'x.csv'))
    expect(error.message).toBe(`No column symbol or ticker in the header of the ticker list x.csv: ${expected}`)
    expect(error.hint).toMatch(/^Name the column that holds the symbols "symbol"/)
  })
})

describe('an export is read right:', () => {
  test.each([
    [
      'semicolons of a European spreadsheet',
      'Symbol;Name;Kurs\r\nAAPL;Apple, Inc.;1,5\r\nSAP.DE;SAP;2\r\n',
      ['AAPL', 'SAP.DE'],
    ],
    ['tabs', 'Ticker\tName\nAAPL\tApple\n', ['AAPL']],
    ['pipes of an exchange', 'Symbol|Security Name|Test Issue\nAAPL|Apple - Common|N\n', ['AAPL']],
    ['a separator that Excel states', 'sep=;\nName;Symbol\nApple, Inc.;AAPL\n', ['AAPL']],
    ['every cell quoted', '"Symbol","Name"\n"AAPL","Apple, Inc."\n', ['AAPL']],
    ['a header of two words', 'Company,Ticker Symbol,Weight\nApple,AAPL,7%\n', ['AAPL']],
    ['an exchange named beside it', 'NASDAQ Symbol,Name\nAAPL,Apple\n', ['AAPL']],
    ['an exact header beside a looser one', 'Symbol,Old Symbol\nMETA,FB\n', ['META']],
    ['an index column without a name', ',symbol,name\n0,AAPL,Apple\n1,MSFT,Microsoft\n', ['AAPL', 'MSFT']],
    ['a column of numbers called #', '#,Symbol\n1,AAPL\n2,MSFT\n', ['AAPL', 'MSFT']],
    ['the last column', 'Sector,Name,Ticker\nTech,Apple,AAPL\n', ['AAPL']],
    ['trailing separators', 'Name,Symbol,,\nApple,AAPL,,,,\n', ['AAPL']],
    ['names in another encoding', 'Symbol,Name\nNESN.SW,Nestl\uFFFD\n', ['NESN.SW']],
    ['a name that begins with #', 'Symbol,Name\nAAPL,#1 in phones\n', ['AAPL']],
    ['booleans and blanks that are symbols', 'Symbol\nTRUE\nNA\nNAN\nON\n', ['TRUE', 'NA', 'NAN', 'ON']],
    ['comments before the header', '# from the screener\n\nSymbol,Name\nAAPL,Apple\n', ['AAPL']],
    ['names beside symbols without a header', 'AAPL,Apple,1\nMSFT,"Microsoft, Corp.",2\n', ['AAPL', 'MSFT']],
  ])('%s', (_, text, expected) => {
    expect(parseTickers(text, 'x.csv')).toMatchObject({ symbols: expected, duplicates: [], left: [] })
  })
})

describe('an export is refused with its reason:', () => {
  test.each([
    ['a name first, without a header', 'Apple,AAPL\n', /line 1: "Apple" and "AAPL"/],
    ['a rank first, without a header', '1,AAPL,Apple\n', /line 1: "1" and "AAPL"/],
    ['several symbols in a line', 'AAPL,MSFT,GOOG\n', /line 1: "AAPL" and "MSFT"/],
    ['several in small letters', 'aapl,msft\n', /line 1: "aapl" and "msft"/],
    ['a column that could be one', 'AAPL,NASDAQ\n', /line 1: "AAPL" and "NASDAQ"/],
    ['a header in words of its own', 'Instrument,Waehrung\nAAPL,USD\n', /header of .*line 1: Instrument, Waehrung/],
    ['a header of one word', 'Name\nAAPL\n', /header of .*line 1: Name/],
    [
      'two columns of symbols',
      'Yahoo Ticker,Reuters Ticker\nAAPL,AAPL.O\n',
      /Several columns of symbols.*Yahoo Ticker, Reuters Ticker/,
    ],
    ['titles before the header', 'Fund Holdings as of,May\n\nTicker,Name\nAAPL,Apple\n', /the header stands in line 3/],
    ['files put together', 'Symbol\nAAPL\nSymbol\nMSFT\n', /line 3: "Symbol" \(a header within the list\)/],
    ['a comma in a name without quotes', 'Name,Symbol\nApple, Inc.,AAPL\n', /line 2: 3 cells below a header of 2/],
    ['an exchange before it', 'NASDAQ:AAPL\n', /"NASDAQ:AAPL" \(write it without the exchange before it: AAPL\)/],
    ['an exchange before it, in small letters', 'nyse:ibm\n', /write it without the exchange before it: ibm/],
    ['a dollar sign', '$AAPL\n', /write it without the \$: AAPL/],
    ["Bloomberg's spelling", 'AAPL US Equity\n', /Bloomberg's spelling: write AAPL/],
    ["Bloomberg's short spelling", 'AAPL US\n', /Bloomberg's spelling: write AAPL/],
    ["Reuters' spelling", 'AAPL.OQ\n', /Reuters' spelling: write AAPL/],
    ["EODHD's spelling", 'AAPL.US\n', /write US symbols without a suffix: AAPL/],
    ["FactSet's spelling", 'AAPL-US\n', /write US symbols without a suffix: AAPL/],
    ['a slash for a class share', 'BRK/B\n', /write class shares with a dash: BRK-B/],
    ['a blank for a class share', 'BRK B\n', /write class shares with a dash: BRK-B/],
    ['a caret for a preferred share', 'BAC^L\n', /write preferred shares as BAC-PL/],
    ['an ISIN', 'US0378331005\n', /an ISIN, not a symbol/],
    ['a CUSIP', '037833100\n', /a number/],
    ['a CUSIP with a letter', '38259P508\n', /a CUSIP, not a symbol/],
    ['a FIGI', 'BBG000B9XRY4\n', /a FIGI, not a symbol/],
    ['a rank alone', 'symbol\n1\n', /line 2: "1" \(a number; where shares have numbers/],
    ['a number with a decimal', 'symbol\n700.0\n', /a number; where shares/],
    ['a date that a spreadsheet made', 'symbol\n1-Mar\n', /a date that a spreadsheet made of a symbol/],
    ['a number that a spreadsheet made', 'symbol\n1.00E+05\n', /a number that a spreadsheet made of a symbol/],
    ['the mark of an empty cell', 'symbol,name\nN/A,Apple\n', /the mark of an empty cell/],
    ['a dash for an empty cell', 'symbol,name\n-,Cash\n', /the mark of an empty cell/],
    ['an empty cell', 'name,symbol\nApple,\n', /line 2: empty/],
    ['a name in the column of symbols', 'symbol\nAAPL\nMicrosoft\n', /line 3: "Microsoft" \(it looks like a name/],
    ['a footer', 'Symbol|Name\nAAPL|Apple\nFile Creation Time: 1128|\n', /line 3: "File Creation Time: 1128"/],
    ['semicolons without a header', 'AAPL;Apple\n', /";" separates cells only below a header/],
    ['a tab without a header', 'AAPL\tApple\n', /a tab separates cells only below a header/],
    ['an encoding in the column of symbols', 'symbol\nP\uFFFDX\n', /line 2: "P\uFFFDX" \(not only printable ASCII\)/],
    [
      'UTF-16',
      new TextDecoder().decode(Buffer.from('\uFEFFSymbol\r\nAAPL\r\n', 'utf16le')),
      /line 1: the file is UTF-16/,
    ],
    ['an Excel workbook', 'PK\u0003\u0004\u0014\0', /the file is an Excel workbook or a zip file/],
    ['a compressed file', new TextDecoder().decode(Bun.gzipSync('AAPL\n')), /the file is compressed/],
    ['a web page', '<!DOCTYPE html>\n<html></html>', /the file is a web page or XML/],
    ['JSON', '["AAPL","MSFT"]', /the file is JSON/],
    ['JSON of objects', '{"symbols": ["AAPL"]}', /the file is JSON/],
    ['a PDF', '%PDF-1.7\n', /the file is a PDF/],
    ['a query in a symbol', 'AAPL&apikey=x\n', /"AAPL&apikey=x"/],
    ['an ampersand at an end', 'AAPL&\n', /"AAPL&"/],
  ])('%s', (_, text, expected) => {
    const error = refusalOf(() => parseTickers(text, 'x.csv'))
    expect(error.kind).toBe('usage')
    expect(error.message).toMatch(expected)
    expect(error.message).toContain('the ticker list x.csv')
    expect(error.message).toMatch(/line \d+/)
    expect(error.hint).toBeDefined()
  })
})

const hintOf = (text: string) => refusalOf(() => parseTickers(text, 'x.csv')).hint

describe('--skip-bad-tickers', () => {
  test('takes the rest and names what it left, each with its line and reason', () => {
    const text = 'symbol,name\nAAPL,Apple\nNASDAQ:MSFT,Microsoft\n-,Cash\nIBM,IBM\n'
    expect(parseTickers(text, 'x.csv', { skipsBad: true })).toEqual({
      symbols: ['AAPL', 'IBM'],
      duplicates: [],
      left: [
        'line 3: "NASDAQ:MSFT" (write it without the exchange before it: MSFT)',
        'line 4: "-" (the mark of an empty cell)',
      ],
      dotted: [],
    })
    expect(parseTickerFlag('AAPL,A%B', { skipsBad: true })).toEqual({
      symbols: ['AAPL'],
      duplicates: [],
      left: ['position 2: "A%B"'],
      dotted: [],
    })
  })

  test.each([
    ['a list without one symbol', 'symbol\n-\n', /line 2: "-"/],
    ['a header that names no column', 'Name,Sector\nApple,Tech\n', /No column symbol/],
    ['a column that is not certain', 'Apple,AAPL\n', /More than one symbol/],
    ['another kind of file', '<html>', /a web page/],
  ])('still refuses %s', (_, text, expected) => {
    expect(refusalOf(() => parseTickers(text, 'x.csv', { skipsBad: true })).message).toMatch(expected)
  })

  test('is named where it would help, and only there', () => {
    expect(hintOf('AAPL\nA%B\n')).toContain('--skip-bad-tickers takes the rest.')
    expect(hintOf('A%B\n')).not.toContain('--skip-bad-tickers')
  })
})

test('a run with --skip-bad-tickers warns of each line that it left out and goes on', async () => {
  const options = { listText: 'symbol,name\nAAPL,Apple\n-,Cash\n', vendor: () => Response.json([]) }
  const args = ['--tickers-path', 'list.csv', '--out', 'x', '--dry-run']
  const strict = await runInProcess({ ...options, args })
  expect({ code: strict.code, calls: strict.calls }).toEqual({ code: 2, calls: 0 })
  expect(strict.stderr).toContain('--skip-bad-tickers takes the rest.')
  const run = await runInProcess({ ...options, args: [...args, '--skip-bad-tickers'] })
  expect({ code: run.code, calls: run.calls }).toEqual({ code: 0, calls: 0 })
  expect(run.stderr).toContain('⚠️ Left out of the ticker list: line 3: "-" (the mark of an empty cell).\n')
  expect(run.stdout).toContain('Files: 1\n')
})
