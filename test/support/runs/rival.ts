// `RIVAL_FILE=path bun --preload ./test/support/runs/rival.ts ingest.ts databricks …` runs the real program beside another
// that writes this file once the program has looked whether anything is there. `NO_LINKS=1` makes the file system one
// without hard links, as exFAT is.

import { mkdirSync, writeFileSync } from 'node:fs'
import type * as fileSystemModule from 'node:fs/promises'
import { dirname } from 'node:path'
import process from 'node:process'

const rivalFile = process.env['RIVAL_FILE']
const fileSystem: typeof fileSystemModule = process.getBuiltinModule('node:fs/promises')
const { mkdtemp } = fileSystem

Object.assign(fileSystem, {
  mkdtemp: async (prefix: string) => {
    if (rivalFile !== undefined) {
      mkdirSync(dirname(rivalFile), { recursive: true })
      writeFileSync(rivalFile, 'theirs')
    }
    return await mkdtemp(prefix)
  },
  ...(process.env['NO_LINKS'] === '1'
    ? { link: async () => await Promise.reject(Object.assign(new Error('EPERM'), { code: 'EPERM' })) }
    : {}),
})
