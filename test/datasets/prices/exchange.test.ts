import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../../lib/core/calendar.ts'
import { closedDaysIn, tradesElsewhere, withClosedDays } from '../../../lib/datasets/prices/exchange.ts'
import { span } from '../../support/values.ts'

describe('a symbol', () => {
  test.each([
    'VOD.L',
    'SHOP.TO',
    '0700.HK',
    '7203.T',
    'SAP.DE',
    'RELIANCE.NS',
    'M&M.NS',
    'PE&OLES.MX',
    'BHP.AX',
    'ABC.V',
  ])('of another exchange by its suffix: %s', (symbol) => expect(tradesElsewhere(symbol)).toBe(true))
  test.each(['EURUSD', 'GBPJPY', 'BTCUSD', 'DOGEUSD', 'BTCEUR', 'BTC-USD', 'GCUSD', 'CLUSD', 'GC=F', 'EURUSD=X'])(
    'that trades on other days: %s',
    (symbol) => expect(tradesElsewhere(symbol)).toBe(true),
  )
  test.each(['AAPL', 'BRK-B', 'A', 'USD', 'GOOGL', 'VTSAX', '^GSPC', '^FTSE', 'AAC-UN', 'AAC.U', 'AAC.WS', 'UUSD'])(
    'of New York: %s',
    (symbol) => expect(tradesElsewhere(symbol)).toBe(false),
  )
})

test('the days before a session on which only another exchange may trade are asked for with it', () => {
  const range = span('2024-08-28..2024-09-03')
  expect(withClosedDays([span('2024-09-03..2024-09-03'), span('2024-08-28..2024-08-28')], range, XNYS)).toEqual([
    span('2024-08-31..2024-09-03'),
    span('2024-08-28..2024-08-28'),
  ])
  expect(withClosedDays([span('1990-01-02..1990-01-02')], span('1990-01-01..1990-01-05'), XNYS)).toEqual([
    span('1990-01-02..1990-01-02'),
  ])
  expect(closedDaysIn(range, XNYS).map(String)).toEqual(['2024-08-31', '2024-09-01', '2024-09-02'])
})
