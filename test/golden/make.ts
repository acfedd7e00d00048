#!/usr/bin/env bun
// Makes the goldens anew: `bun test/golden/make.ts`. To be run when a file's format changes on purpose, and its
// differences read before they are committed. No test runs it.

import { GOLDEN_CASES } from './cases.ts'
import { goldenText } from './read.ts'

for (const { name, bytes } of GOLDEN_CASES) {
  const path = `${import.meta.dir}/${name}.json`
  await Bun.write(path, await goldenText(bytes))
  console.log(`made ${path}`)
}
