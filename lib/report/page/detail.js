// The panel of one month of one symbol, and how states are drawn. All text goes into the page as text, never as HTML.

import { cureOf, nameOfMonth, stateOfDay, textOfChange, weekdaysOf, WORDS } from './months.js'

/** Top and height, out of 12, of the bars that a state is drawn with: each has a shape beside its colour. */
const SHAPES = {
  s: [[0, 12]],
  p: [[6, 6]],
  m: [
    [0, 2],
    [10, 2],
  ],
  e: [[5.5, 1]],
  c: [
    [0, 5],
    [7, 5],
  ],
  h: [[0, 6]],
  u: [
    [0, 2],
    [5, 2],
    [10, 2],
  ],
}

const SVG = 'http://www.w3.org/2000/svg'

export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties)
  element.append(...children)
  return element
}

/** A letter a column. Columns of one state that follow each other are one bar. */
export function drawing(letters) {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', `0 0 ${letters.length} 12`)
  svg.setAttribute('preserveAspectRatio', 'none')
  svg.setAttribute('aria-hidden', 'true')
  const bars = {}
  for (const { 0: run, index } of letters.matchAll(/(.)\1*/g)) {
    for (const [top, height] of SHAPES[run[0]] ?? []) {
      bars[run[0]] = `${bars[run[0]] ?? ''}M${index} ${top}h${run.length}v${height}h-${run.length}z`
    }
  }
  for (const [state, d] of Object.entries(bars)) {
    const path = document.createElementNS(SVG, 'path')
    path.setAttribute('class', state)
    path.setAttribute('d', d)
    svg.append(path)
  }
  return svg
}

function dayCell(view, symbol, index, { date, isSession }) {
  const state = isSession ? stateOfDay(view, symbol, index, date) : undefined
  const closedWord = date > view.as_of ? 'to come' : 'closed'
  const word = isSession ? (WORDS[state] ?? 'not known') : closedWord
  const day = make(
    'td',
    { title: `${date}: ${word}`, className: isSession ? '' : 'off' },
    String(Number(date.slice(8))),
  )
  const isDrawn = state !== undefined && state !== 'n'
  day.append(isDrawn ? drawing(state) : make('span', { className: 'mark', textContent: isSession ? '?' : '·' }))
  day.append(make('span', { className: 'spoken', textContent: `, ${word}` }))
  return day
}

function calendarOf(view, symbol, index) {
  const body = make('tbody')
  for (const day of weekdaysOf(view, index)) {
    const isNewWeek = day.weekday === 1 || body.lastChild === null
    if (isNewWeek) body.append(make('tr', {}, ...Array.from({ length: day.weekday - 1 }, () => make('td'))))
    body.lastChild.append(dayCell(view, symbol, index, day))
  }
  const head = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri'].map((day) => make('th', { scope: 'col', textContent: day }))
  return make('table', { className: 'days' }, make('thead', {}, make('tr', {}, ...head)), body)
}

const number = (value) => value.toLocaleString('en-US')

function factsOf(symbol) {
  const facts = [
    ['Stored', symbol.first_date === null ? 'nothing' : `${symbol.first_date} to ${symbol.through_date}`],
    ['Sessions', number(symbol.sessions)],
    ['Missing', number(symbol.missing)],
    ['Carried over', symbol.carried_rows === 0 ? null : `${number(symbol.carried_rows)} rows`],
    ['Last compared', symbol.last_compared],
    ['Last mended', symbol.last_mended],
  ]
  const pairs = facts.filter(([, value]) => value !== null)
  return make(
    'dl',
    { className: 'symbol-facts' },
    ...pairs.flatMap(([name, value]) => [make('dt', { textContent: name }), make('dd', { textContent: value })]),
  )
}

function listOf(title, texts) {
  if (texts.length === 0) return []
  return [make('h3', { textContent: title }), make('ul', {}, ...texts.map((text) => make('li', { textContent: text })))]
}

function copyButton(text) {
  const button = make('button', { type: 'button', textContent: 'Copy' })
  const tell = (word) => () => {
    button.textContent = word
  }
  button.addEventListener('click', () => {
    void navigator.clipboard.writeText(text).then(tell('Copied'), tell('Select it and copy'))
  })
  return button
}

function headOf(view, symbol, index, turnTo) {
  const turn = (textContent, ariaLabel, to) => {
    const button = make('button', { type: 'button', textContent, ariaLabel, disabled: to < 0 || to >= view.count })
    button.addEventListener('click', () => turnTo(to))
    return button
  }
  const close = make('button', { type: 'submit', textContent: 'Close' })
  const title = make(
    'h2',
    { id: 'detail-title' },
    symbol.symbol,
    make('small', { textContent: nameOfMonth(view, index) }),
  )
  const [before, after] = [turn('←', 'Month before', index - 1), turn('→', 'Month after', index + 1)]
  return make('form', { method: 'dialog', className: 'detail-head' }, title, before, after, close)
}

/** Fills the panel with one month of one symbol; `turnTo` shows another month of it. */
export function fillDetail(view, symbol, index, { dialog, turnTo }) {
  const state = symbol.letters[index]
  const { sentence, command } = cureOf(view, symbol, index)
  dialog.replaceChildren(
    headOf(view, symbol, index, turnTo),
    make('p', { className: 'state' }, drawing(state), WORDS[state]),
    calendarOf(view, symbol, index),
    make('h3', { textContent: 'What to do' }),
    make('p', { textContent: sentence }),
    ...(command === undefined
      ? []
      : [make('code', { className: 'command', textContent: command }), copyButton(command)]),
    make('h3', { textContent: 'The symbol' }),
    factsOf(symbol),
    ...listOf(
      'Files that count for nothing',
      symbol.unusable.map(({ key, problem }) => `${key} ${problem}`),
    ),
    ...listOf('Its past', view.changes.filter((change) => change.symbol === symbol.symbol).map(textOfChange)),
  )
}
