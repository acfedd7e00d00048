// The recipes of a page, by the heading that they stand under.

import { join } from 'node:path'

const ROOT = join(import.meta.dir, '../..')

export type Recipe = {
  readonly page: string
  readonly heading: string
  readonly language: 'sql' | 'python'
  readonly code: string
}

/** The recipes of a page, named by its path from the root, in their order. */
export async function readRecipes(page: string): Promise<readonly Recipe[]> {
  const text = await Bun.file(join(ROOT, page)).text()
  return text.split(/^## /m).flatMap((section) => {
    const heading = section.split('\n')[0] ?? ''
    return [...section.matchAll(/^```(sql|python)\n([\s\S]*?)^```$/gm)].map(([, language, code = '']) => ({
      page,
      heading,
      language: language as Recipe['language'],
      code,
    }))
  })
}
