// Reads price files with DuckDB: all columns of all rows, or the rows of one symbol, five times. Prints the median of what a
// reading took once the library was loaded, and the rows.
import { DuckDBInstance } from '@duckdb/node-api'
import { median } from '../rounds.ts'

const READINGS = 5

const [glob = '', symbol = ''] = process.argv.slice(2)
const connection = await (await DuckDBInstance.create()).connect()
const columns = ['open', 'high', 'low', 'close', '"adjClose"', 'volume'].map((name) => `sum(${name})`)
const sums = ['count(*)', 'max(symbol)', 'max(date)', 'max(ingest_ts)', ...columns].join(', ')
const where = symbol === '' ? '' : `WHERE symbol = '${symbol}'`
const sql = `SELECT ${sums} FROM read_parquet('${glob}', hive_partitioning = false) ${where}`
await connection.runAndReadAll('SELECT 1')
const taken: { readonly wallMs: number; readonly cpuMs: number }[] = []
let rows = 0
for (let reading = 0; reading < READINGS; reading += 1) {
  const [begunMs, cpuBefore] = [performance.now(), process.cpuUsage()]
  const reader = await connection.runAndReadAll(sql)
  rows = Number(reader.getRows()[0]?.[0])
  const { user, system } = process.cpuUsage(cpuBefore)
  taken.push({ wallMs: performance.now() - begunMs, cpuMs: (user + system) / 1_000 })
}
const [wallMs, cpuMs] = [median(taken.map((one) => one.wallMs)), median(taken.map((one) => one.cpuMs))]
console.log(JSON.stringify({ rows, wallMs, cpuMs }))
