// The map: a row of months for each symbol, drawn from the data. It asks nobody: the page's policy forbids the network.

import { drawing, fillDetail, make } from './detail.js'
import { textOfMonth, viewOf, WORDS } from './months.js'

const byId = (id) => document.getElementById(id)
const view = viewOf(JSON.parse(byId('data').textContent))

/** The symbol and the strip of months of each row. */
const rows = new Map()
const TROUBLES = { unreadable: 'unreadable', held: 'held', empty: 'nothing' }
const cursor = make('div', { className: 'cursor' })
let cursorIndex = view.count - 1

/** What is wrong with a symbol in a word, or how many sessions are missing. */
function troubleOf({ state, missing }) {
  return TROUBLES[state] ?? (missing === 0 ? '' : missing.toLocaleString('en-US'))
}

function rowOf(symbol) {
  const strip = make('div', { className: 'strip', tabIndex: -1, role: 'slider' }, drawing(symbol.letters))
  Object.assign(strip, {
    ariaLabel: `Months of ${symbol.symbol}`,
    ariaValueMin: '0',
    ariaValueMax: String(view.count - 1),
  })
  strip.ariaValueNow = strip.ariaValueMax
  const name = make('b', { textContent: symbol.symbol, title: symbol.symbol })
  const label = make('div', { className: 'label' }, name, make('span', { textContent: troubleOf(symbol) }))
  const row = make('div', { className: 'row' }, label, strip)
  rows.set(row, { symbol, strip })
  return row
}

function pointAt(row, index) {
  const { symbol, strip } = rows.get(row)
  cursorIndex = index
  cursor.style.left = `${(index / view.count) * 100}%`
  cursor.style.width = `${100 / view.count}%`
  strip.append(cursor)
  strip.ariaValueNow = String(index)
  strip.ariaValueText = textOfMonth(view, symbol, index)
  byId('readout').textContent = strip.ariaValueText
}

/** One strip at a time can be reached by the tab key; the arrow keys go on from there. */
function makeReachable(row) {
  for (const { strip } of rows.values()) if (strip.tabIndex === 0) strip.tabIndex = -1
  rows.get(row).strip.tabIndex = 0
}

function show(row, index) {
  const { symbol, strip } = rows.get(row)
  const dialog = byId('detail')
  pointAt(row, index)
  makeReachable(row)
  fillDetail(view, symbol, index, { dialog, turnTo: (other) => show(row, other) })
  if (dialog.open) return
  dialog.addEventListener('close', () => strip.focus(), { once: true })
  dialog.showModal()
}

const MONTH_STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -12, PageDown: 12, Home: -Infinity, End: Infinity }

/** The next row that is shown, up or down. */
function neighbour(row, key) {
  const next = (of) => (key === 'ArrowUp' ? of.previousElementSibling : of.nextElementSibling)
  let other = next(row)
  while (other?.hidden === true) other = next(other)
  return other
}

function onKey(event) {
  const row = event.target.closest('.row')
  const { key } = event
  if (key in MONTH_STEPS) {
    pointAt(row, Math.min(view.count - 1, Math.max(0, cursorIndex + MONTH_STEPS[key])))
    cursor.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  } else if (key === 'ArrowUp' || key === 'ArrowDown') {
    const other = neighbour(row, key)
    if (other !== null) {
      makeReachable(other)
      rows.get(other).strip.focus()
    }
  } else if (key === 'Enter' || key === ' ') {
    show(row, cursorIndex)
  } else {
    return
  }
  event.preventDefault()
}

/** Calls `act` with the row and the month under the pointer. */
function onMonth(type, act) {
  byId('rows').addEventListener(type, (event) => {
    const strip = event.target.closest('.strip')
    if (strip === null) return
    const { left, width } = strip.getBoundingClientRect()
    const index = Math.floor(((event.clientX - left) / width) * view.count)
    act(strip.parentElement, Math.min(view.count - 1, Math.max(0, index)))
  })
}

const ORDERS = {
  worst: (a, b) => a.at - b.at,
  name: (a, b) => (a.symbol < b.symbol ? -1 : 1),
  first: (a, b) => ((a.first_date ?? '9') < (b.first_date ?? '9') ? -1 : 1),
}

/** Filters and orders the rows, and filters the table likewise. */
function arrange() {
  const wanted = byId('filter').value.trim().toUpperCase()
  const isWanted = (name) => name.toUpperCase().includes(wanted)
  const entries = [...rows].toSorted(([, a], [, b]) => ORDERS[byId('sort').value](a.symbol, b.symbol))
  for (const [row, { symbol }] of entries) row.hidden = !isWanted(symbol.symbol)
  byId('rows').append(...entries.map(([row]) => row))
  for (const row of document.querySelectorAll('#table tbody tr')) row.hidden = !isWanted(row.cells[0].textContent)
  const [first] = entries.find(([row]) => !row.hidden) ?? []
  byId('none').hidden = first !== undefined
  if (first !== undefined) makeReachable(first)
}

function drawYears() {
  const name = make('b', { textContent: 'Symbol' })
  byId('years').append(make('div', { className: 'label' }, name, make('span', { textContent: 'Missing' })))
  for (let month = view.start; month <= view.last; month += 12) {
    const length = Math.min(12, view.last - month + 1)
    // The number of a year that has just begun has no room.
    const year = make('div', {
      className: 'year',
      textContent: length < 6 && month > view.start ? '' : String(month / 12),
    })
    year.style.flexGrow = String(length)
    byId('years').append(year)
  }
}

const occurs = (state) => state === 's' || view.symbols.some(({ letters }) => letters.includes(state))

function drawLegend() {
  for (const state of 'spmechu') if (occurs(state)) byId('legend').append(make('li', {}, drawing(state), WORDS[state]))
}

function scrollToNewest() {
  byId('scroller').scrollLeft = byId('scroller').scrollWidth
}

document.documentElement.className = 'js'
byId('scroller').style.setProperty('--months', String(view.count))
drawYears()
drawLegend()
byId('rows').append(...view.symbols.map(rowOf))
arrange()
byId('map').hidden = false
scrollToNewest()
byId('rows').addEventListener('keydown', onKey)
byId('rows').addEventListener('focusin', (event) => pointAt(event.target.closest('.row'), cursorIndex))
onMonth('pointermove', pointAt)
onMonth('click', show)
byId('filter').addEventListener('input', arrange)
byId('sort').addEventListener('change', arrange)
byId('large').addEventListener('change', ({ target }) => {
  byId('grid').classList.toggle('large', target.checked)
  scrollToNewest()
})
byId('as-table').addEventListener('change', ({ target }) =>
  document.documentElement.classList.toggle('as-table', target.checked),
)
