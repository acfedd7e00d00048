import { describe, expect, test } from 'bun:test'

import { IngestError } from '../../lib/core/errors.ts'
import { MAX_TICKER_LIST_BYTES, parseTickerFlag, parseTickers } from '../../lib/cli/tickers.ts'
import { errorOf } from '../support/values.ts'

const SOURCE = 'tickers.csv'

const symbolsOf = (text: string): readonly string[] => parseTickers(text, SOURCE).symbols

const refusal = (text: string): IngestError => errorOf(() => parseTickers(text, SOURCE))

const badLines = (count: number): string => refusal('A%B\n'.repeat(count)).message

describe('a ticker list', () => {
  test.each([
    ['one symbol', 'AAPL', ['AAPL']],
    ['one a line', 'AAPL\nMSFT\n', ['AAPL', 'MSFT']],
    ['no newline at the end', 'AAPL\nMSFT', ['AAPL', 'MSFT']],
    ['CRLF', 'AAPL\r\nMSFT\r\n', ['AAPL', 'MSFT']],
    ['lone CR', 'AAPL\rMSFT\r', ['AAPL', 'MSFT']],
    ['all of them', 'A\nB\r\nC\rD', ['A', 'B', 'C', 'D']],
    ['a byte order mark', '\uFEFFAAPL\n', ['AAPL']],
    ['a byte order mark before a header', '\uFEFFsymbol\nAAPL\n', ['AAPL']],
    ['lower and mixed case', 'aapl\nmSfT', ['AAPL', 'MSFT']],
    ['blank lines', '\n\n  \nAAPL\n\nMSFT\n\n', ['AAPL', 'MSFT']],
    ['spaces round it', '  AAPL  \n MSFT', ['AAPL', 'MSFT']],
    ['comments', '# mine\nAAPL\n  # more\nMSFT # the other one, "so to say\n', ['AAPL', 'MSFT']],
    ['the first column', 'AAPL,Apple,1\nMSFT,Microsoft,2\n', ['AAPL', 'MSFT']],
    ['trailing commas', 'AAPL,,\nMSFT,\n,,\n', ['AAPL', 'MSFT']],
    ['quotes', '"AAPL"\n "MSFT" ,"Microsoft"\n', ['AAPL', 'MSFT']],
    ['a quoted comma in another column', 'AAPL,"Apple, Inc."\n', ['AAPL']],
    ['a doubled quote in another column', 'AAPL,"the ""fruit"""\n', ['AAPL']],
    ['a quote inside a plain cell', 'AAPL,5" disk\nMSFT\n', ['AAPL', 'MSFT']],
    ['a comment after a quoted symbol', '"AAPL" # it, "yes\nMSFT', ['AAPL', 'MSFT']],
    ['a number sign in another column', 'AAPL,#1\nMSFT', ['AAPL', 'MSFT']],
    [
      'indices, pairs, foreign listings',
      '^GSPC\nEURUSD=X\nBP.L\nRY.TO\n7203.T',
      ['^GSPC', 'EURUSD=X', 'BP.L', 'RY.TO', '7203.T'],
    ],
    ['20 characters, 21 with a caret', `${'A'.repeat(20)}\n^${'B'.repeat(20)}`, ['A'.repeat(20), `^${'B'.repeat(20)}`]],
  ])('%s', (_, text, expected) => {
    expect(parseTickers(text, SOURCE)).toEqual({ symbols: expected, duplicates: [], left: [], dotted: [] })
  })

  test.each(['symbol', 'Symbol', 'SYMBOLS', 'ticker', 'Tickers', '"Symbol"', ' symbol ,name', '# x\n\nticker,y'])(
    'header %p',
    (header) => {
      expect(symbolsOf(`${header}\nAAPL\n`)).toEqual(['AAPL'])
    },
  )

  test('only the first line can be a header', () => {
    expect(refusal('AAPL\nsymbol\n').message).toContain('line 2: "symbol" (a header within the list)')
    expect(refusal('iShares Fund\nsymbol,name\nAAPL,x').message).toContain('line 1: the header stands in line 2')
    expect(refusal('symbol\nAAPL\nSymbol\n').message).toContain('line 3: "Symbol" (a header within the list)')
  })

  test.each([
    ['BRK.B', 'BRK-B'],
    ['brk.a', 'BRK-A'],
    ['BF.B', 'BF-B'],
    ['XYZ.C', 'XYZ-C'],
    ['BRK-B', 'BRK-B'],
    ['XYZ.D', 'XYZ.D'],
    ['VOD.L', 'VOD.L'],
    ['BBD-B.TO', 'BBD-B.TO'],
    ['A.BC', 'A.BC'],
    ['A.B.TO', 'A.B.TO'],
  ])('%s is asked for as %s', (typed, expected) => {
    expect(symbolsOf(typed)).toEqual([expected])
  })

  test('repeats are dropped and told, once each, also those that mapping makes', () => {
    expect(parseTickers('AAPL\nBRK.B\naapl\nbrk-b\nAAPL\nMSFT\n', SOURCE)).toEqual({
      symbols: ['AAPL', 'BRK-B', 'MSFT'],
      duplicates: ['AAPL', 'BRK-B'],
      left: [],
      dotted: ['BRK.B'],
    })
  })

  test('dots that were read as dashes are told, those of exchanges not', () => {
    expect(parseTickers('brk.b\nVOD.L\nBF-B\nXYZ.D\nBRK.A\n', SOURCE).dotted).toEqual(['brk.b', 'BRK.A'])
  })

  test('whatever is taken is a plain symbol, and each once', () => {
    const { symbols } = parseTickers(
      Array.from({ length: 5000 }, (_, index) => `t${index % 3000}.a`).join('\r'),
      SOURCE,
    )
    expect(symbols.length).toBe(3000)
    expect(new Set(symbols).size).toBe(3000)
    for (const symbol of symbols) expect(symbol).toMatch(/^\^?[A-Z0-9][A-Z0-9.=-]{0,19}$/)
  })

  test('the list that ships is good', async () => {
    const text = await Bun.file(new URL('../../tickers.csv', import.meta.url)).text()
    const { symbols, duplicates } = parseTickers(text, SOURCE)
    expect(symbols.length).toBe(10)
    expect(symbols).toContain('AAPL')
    expect(duplicates).toEqual([])
  })
})

describe('a hostile list', () => {
  test.each([
    ['a path', '../../x'],
    ['a path after a symbol', 'AAPL/../..'],
    ['two dots', '..'],
    ['two dots inside', 'A..B'],
    ['two dots that mapping would hide', 'BRK..B'],
    ['one dot', '.'],
    ['only a class share', '.A'],
    ['a caret', '^'],
    ['two carets', '^^GSPC'],
    ['a caret inside', 'A^B'],
    ['a slash', 'A/B'],
    ['a backslash', 'A\\B'],
    ['percent escapes', '%2F..%2F'],
    ['NUL', 'AA\0PL'],
    ['a tab', 'AAPL\tApple'],
    ['a tab before', '\tAAPL'],
    ['a tab after', 'AAPL\t'],
    ['only a tab', '\t'],
    ['a vertical tab', 'AAPL\vMSFT'],
    ['a form feed', 'AAPL\fMSFT'],
    ['an escape sequence', '\u001B[31mAAPL'],
    ['a next-line character', 'AAPL\u0085MSFT'],
    ['a line separator', 'AAPL\u2028MSFT'],
    ['a no-break space', 'AAPL\u00A0'],
    ['a zero-width space', 'AAPL\u200B'],
    ['a second byte order mark', '\uFEFF\uFEFFAAPL'],
    ['a byte order mark later', 'AAPL\n\uFEFFMSFT'],
    ['a blank inside', 'BRK B'],
    ['a sharp s, which upper-cases to SS', 'ß'],
    ['a dotless i, which upper-cases to I', 'ıBM'],
    ['a long s, which upper-cases to S', 'ſpy'],
    ['a ligature, which upper-cases to FI', 'ﬁ'],
    ['the Kelvin sign, which lower-cases to k', '\u212AO'],
    ['full-width letters', 'ＡＡＰＬ'],
    ['a letter of another script', 'ААPL'],
    ['21 characters', 'A'.repeat(21)],
    ['1,100 characters', 'A'.repeat(1_100)],
    ['a formula', '=1+1'],
    ['a formula with a command', "=cmd|'/C calc'!A0"],
    ['a dash first', '-rf'],
    ['another query parameter', 'AAPL&apikey=x'],
    ['a query', 'AAPL?x'],
    ['a fragment', 'AAPL#x'],
    ['a semicolon for a comma', 'AAPL;Apple'],
    ['markup', '<script>'],
    ['a workflow command', '::error::AAPL'],
    ['an address', 'http://169.254.169.254/'],
    ['a prototype’s name', '__proto__'],
    ['an open quote', '"AAPL'],
    ['a lone quote', '"'],
    ['text after a quote', '"AAPL"X'],
    ['a doubled quote', '"AA""PL"'],
    ['a quoted newline', '"AA\nPL"'],
    ['a quoted comment', '"# AAPL"'],
    ['an open quote in another column', 'AAPL,"Apple'],
    ['a quoted newline in another column', 'AAPL,"Apple\nIBM"'],
    ['text after a quote in another column', 'AAPL,"Apple" Inc'],
    ['an empty first cell', ',Apple'],
    ['an empty quoted cell', '"",Apple'],
    ['a UTF-16 file', '\uFFFD\uFFFDA\0A\0P\0L\0'],
  ])('%s is refused', (_, text) => {
    const error = refusal(text)
    expect(error.kind).toBe('usage')
    expect(error.message).toMatch(/^Not a symbol in the ticker list tickers\.csv: line \d+: /)
    // Nothing that a terminal, a log or a workflow would act on, and nothing long.
    expect(error.message).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u)
    expect(error.message.length).toBeLessThan(300)
  })

  test.each([
    ['', 'an empty file'],
    ['\n\r\n \n', 'blank lines'],
    ['# AAPL\n', 'comments'],
    ['symbol\n', 'a header alone'],
    ['\uFEFF', 'a byte order mark alone'],
    [',,,\n', 'commas'],
  ])('%p holds no symbol: %s', (text) => {
    const error = refusal(text)
    expect(error.kind).toBe('usage')
    expect(error.message).toBe('No symbol in the ticker list tickers.csv.')
  })

  test('every bad line is named at once, counted as an editor counts', () => {
    const error = refusal('\uFEFFsymbol\r\n# c\r\nAAPL\rA%B\n\nMSFT\n"X\nA/B,"\n')
    expect(error.message).toBe(
      'Not a symbol in the ticker list tickers.csv: line 4: "A%B", line 7: a quote that is not closed or out of place, ' +
        'line 8: a quote that is not closed or out of place.',
    )
    expect(error.hint).toMatch(/^A symbol is 1 to 20 /)
  })

  test('the first 20 of them, then how many more', () => {
    expect(badLines(20)).toEndWith('line 20: "A%B".')
    expect(badLines(20)).not.toContain('more')
    expect(badLines(21)).toEndWith('line 20: "A%B", and 1 more.')
    expect(badLines(50_000)).toEndWith('line 20: "A%B", and 49,980 more.')
  })

  test('long values and assignments are not repeated, and what cannot be seen is said', () => {
    expect(refusal('/'.repeat(1_000)).message).toEndWith('line 1: 1000 characters.')
    expect(refusal('API_KEY=abc').message).toEndWith('line 1: 11 characters.')
    expect(refusal('AAPL\u200B').message).toEndWith('line 1: "AAPL" (not only printable ASCII).')
    expect(refusal('A\u001B[31mB').message).toEndWith('line 1: "A [31mB" (not only printable ASCII).')
  })

  test('the name of the source cannot forge lines', () => {
    const error = errorOf(() => parseTickers('', 'x\n::error::y'))
    expect(error.message).toBe('No symbol in the ticker list x ::error::y.')
  })

  test('a list as large as may be is read, a larger one is not', () => {
    const full = `AAPL\n${'#'.repeat(MAX_TICKER_LIST_BYTES - 5)}`
    expect(symbolsOf(full)).toEqual(['AAPL'])
    expect(refusal(`${full}#`).message).toBe('More than 1 MiB in the ticker list tickers.csv.')
  })

  test.each([
    ['spaces', ' '.repeat(1_000_000)],
    ['spaces after a symbol', `A${' '.repeat(1_000_000)}B`],
    ['newlines', '\n'.repeat(1_000_000)],
    ['commas', `A${','.repeat(1_000_000)}`],
    ['quotes', '"'.repeat(1_000_001)],
    ['open quotes', `A,${'" '.repeat(500_000)}`],
    ['quoted cells', `A,${'"a",'.repeat(200_000)}`],
    ['comments', `A${' #'.repeat(500_000)}`],
    ['comments after quotes', `"A"${' #'.repeat(500_000)}`],
    ['a quoted cell', `"${'a'.repeat(1_000_000)}"`],
    ['bad lines', '!\n'.repeat(500_000)],
    ['good lines', 'AB\n'.repeat(300_000)],
  ])('a full list of %s takes no quadratic time', (_, text) => {
    const before = process.cpuUsage()
    try {
      parseTickers(text, SOURCE)
    } catch (error) {
      expect(error).toBeInstanceOf(IngestError)
    }
    // Of the processor, which a busy machine does not lengthen; a quadratic one would take an hour of it.
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(10_000)
  })
})

describe('--tickers', () => {
  test.each([
    ['AAPL', ['AAPL'], []],
    ['aapl,msft', ['AAPL', 'MSFT'], []],
    [' AAPL , ^GSPC ', ['AAPL', '^GSPC'], []],
    ['BRK.B,brk-b,AAPL', ['BRK-B', 'AAPL'], ['BRK-B']],
    ['symbol', ['SYMBOL'], []],
  ])('%p', (value, symbols, duplicates) => {
    expect(parseTickerFlag(value)).toMatchObject({ symbols, duplicates, left: [] })
  })

  test.each([
    ['', 'position 1: empty.'],
    [',', 'position 1: empty, position 2: empty.'],
    ['AAPL,', 'position 2: empty.'],
    ['AAPL,,MSFT', 'position 2: empty.'],
    ['A%B,AAPL,..', 'position 1: "A%B", position 3: "..".'],
    ['AAPL\nMSFT', 'position 1: "AAPL MSFT" (not only printable ASCII).'],
    ['"AAPL"', 'position 1: ""AAPL"".'],
    ['#AAPL', 'position 1: "#AAPL".'],
    ['AAPL MSFT', 'position 1: "AAPL MSFT".'],
  ])('refuses %p', (value, expected) => {
    const error = errorOf(() => parseTickerFlag(value))
    expect(error.kind).toBe('usage')
    expect(error.message).toBe(`Not a symbol in --tickers: ${expected}`)
  })
})
