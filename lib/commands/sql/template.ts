// Fills the texts of this folder. A text is code of its language: what is to be filled in stands in double braces, and what
// is only for some lakes between two comments.

/** What holds for a lake: the texts between `{{where NAME}}` and `{{end}}` of these names are kept. */
export type Part = 'folder' | 's3' | 'raw' | 'table'

/**
 * The value of a name, as code; undefined where there is none. `suffix` is what stands after the name in the braces, as
 * `/*.parquet` in `{{prices/*.parquet}}`.
 */
export type ValueOf = (name: string, suffix: string) => string | undefined

const PART = /^(?:--|#) \{\{where (\w+)\}\}$/
const END = /^(?:--|#) \{\{end\}\}$/
const PLACE = /\{\{(\w+)(\/[^}]*)?\}\}/g

/** Fills a text. A line with a name that has no value is left out. Of several empty lines in a row at most two stay. */
export function filled(text: string, parts: ReadonlySet<Part>, valueOf: ValueOf): string {
  let isKept = true
  const lines = text.split('\n').flatMap((line): readonly string[] => {
    const part = PART.exec(line)?.[1]
    const isMark = part !== undefined || END.test(line)
    if (isMark) isKept = part === undefined || parts.has(part as Part)
    return isMark || !isKept ? [] : filledLine(line, valueOf)
  })
  return `${lines
    .join('\n')
    .replaceAll(/\n{4,}/g, '\n\n\n')
    .trim()}\n`
}

function filledLine(line: string, valueOf: ValueOf): readonly string[] {
  const values = [...line.matchAll(PLACE)].map(([, name = '', suffix = '']) => valueOf(name, suffix))
  if (values.includes(undefined)) return []
  let index = 0
  return [line.replaceAll(PLACE, () => values[index++] ?? '')]
}
