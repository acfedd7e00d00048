import { expect, test } from 'bun:test'
import { filled, type Part } from '../../../lib/commands/sql/template.ts'

const TEXT = [
  '-- {{lake}}',
  '-- {{where s3}}',
  'ACCESS (',
  '  ENDPOINT {{host}}, SSL {{isHttps}},',
  '  REGION {{region}}',
  ')',
  '-- {{end}}',
  '# {{where raw}}',
  'read({{prices/**/*.parquet}}, {{prices/}})',
  '# {{end}}',
  'always',
  '',
].join('\n')

function fill(parts: readonly Part[], values: Readonly<Record<string, string>>): string {
  return filled(TEXT, new Set(parts), (name, suffix) => {
    const value = values[name]
    return value === undefined ? undefined : `${value}${suffix}`
  })
}

test('keeps what holds for the lake, and fills in values with what stands behind their names', () => {
  expect(fill(['raw', 'folder'], { lake: 'x', prices: 'p' })).toBe('-- x\nread(p/**/*.parquet, p/)\nalways\n')
})

test('leaves out a line of which any value is missing, and no other', () => {
  expect(fill(['s3'], { lake: 'x', isHttps: 'true', region: 'r' })).toBe('-- x\nACCESS (\n  REGION r\n)\nalways\n')
  expect(fill(['s3'], { host: 'h', isHttps: 'true', region: 'r' })).toBe(
    'ACCESS (\n  ENDPOINT h, SSL true,\n  REGION r\n)\nalways\n',
  )
})

test('takes a value as it is, whatever it contains', () => {
  for (const value of ['$&', '{{prices}}', '$1 $$']) expect(fill([], { lake: value })).toBe(`-- ${value}\nalways\n`)
})
