// The file of --env-file: what is read, and what is refused by its line, without a word of its values.

import { describe, expect, test } from 'bun:test'
import { addVariables, parseEnvFile } from '../../lib/cli/env-file.ts'

const read = (text: string) => parseEnvFile('env', { text, mode: 0o100600 })

describe('a line', () => {
  const SECRET = 'hunter2+/=='
  const understood: readonly [line: string, value: string | undefined][] = [
    [`KEY=${SECRET}`, SECRET],
    [`export KEY=${SECRET}`, SECRET],
    [`  KEY=${SECRET}  `, SECRET],
    [`KEY=${SECRET}\r`, SECRET],
    [`\uFEFFKEY=${SECRET}`, SECRET],
    [`KEY='${SECRET} $HOME \\n "#"'`, `${SECRET} $HOME \\n "#"`],
    [`KEY="${SECRET} a \\"b\\" \\\\ '#'"`, `${SECRET} a "b" \\ '#'`],
    ['KEY=0.25 # 300 calls a minute', '0.25'],
    ['KEY="0.25" # 300 calls a minute', '0.25'],
    ['KEY=a#b', 'a#b'],
    ['KEY=', ''],
    ["KEY=''", ''],
    ['KEY= # nothing', ''],
    ['KEY=s3://bucket/key?x=1&y=2', 's3://bucket/key?x=1&y=2'],
    ['# KEY=x', undefined],
    ['   ', undefined],
  ]
  test.each(understood)('%j gives %j', (line, value) => {
    const { variables, problems } = read(line)
    expect({ value: variables.get('KEY'), problems }).toEqual({ value, problems: [] } as never)
  })

  const refused: readonly [line: string, says: string][] = [
    [`KEY ${SECRET}`, 'expected NAME=VALUE'],
    [SECRET, 'expected NAME=VALUE'],
    ['hunter2', 'there is no equals sign'],
    [`KEY = ${SECRET}`, 'without blanks around the equals sign'],
    [`KEY= ${SECRET}`, 'no blanks around the equals sign'],
    [`2KEY=${SECRET}`, 'a name of letters, digits and _'],
    [`MY-KEY=${SECRET}`, 'a name of letters, digits and _'],
    [`set KEY=${SECRET}`, 'a name of letters, digits and _'],
    ['KEY=hunter2 hunter3', 'put it in single quotes'],
    ['KEY=$hunter2', 'put it in single quotes'],
    ['KEY="${hunter2}"', 'put it in single quotes'],
    ['KEY=`hunter2`', 'put it in single quotes'],
    ['KEY="hunter2\\n"', 'put it in single quotes'],
    ['KEY=hunter2\\', 'put it in single quotes'],
    ['KEY="hunter2', 'end it with one, in the same line'],
    ["KEY='hunter2", 'end it with one, in the same line'],
    ["KEY='hunter2'hunter3", 'end it with one, in the same line'],
    ['KEY=hunter2\u0000', 'control characters'],
    ['NODE_EXTRA_CA_CERTS=/hunter2', 'read when the program starts'],
    ['export LD_PRELOAD=/hunter2', 'read when the program starts'],
  ]
  test.each(refused)('%j is refused by its number: %s', (line, says) => {
    const { variables, problems } = read(`# first\nA=b\n${line}\n`)
    expect(problems).toEqual([expect.stringMatching(/^--env-file env, line 3: .*\.$/)])
    expect(problems[0]).toContain(says)
    expect(problems[0]).not.toContain('hunter2')
    expect([...variables]).toEqual([['A', 'b']])
  })

  test('that is wrong does not keep the others from being named, and a name counts once', () => {
    expect(read('A=1\nB C\nA=2\nD="').problems).toEqual([
      '--env-file env, line 2: expected NAME=VALUE, there is no equals sign.',
      '--env-file env, line 3: A is set in line 1 already.',
      '--env-file env, line 4: the value of D begins with a double quote: end it with one, in the same line.',
    ])
  })
})

describe('the rights to the file', () => {
  test.each([0o600, 0o400, 0o700, 0o100600, undefined])('%p will do', (mode) => {
    expect(parseEnvFile('env', { text: 'A=1', mode })).toEqual({ variables: new Map([['A', '1']]), problems: [] })
  })

  test.each([
    [0o100644, '0644'],
    [0o100640, '0640'],
    [0o100604, '0604'],
    [0o100620, '0620'],
    [0o100602, '0602'],
    [0o100610, '0610'],
    [0o100777, '0777'],
    [0o104600 | 0o1, '4601'],
  ])('%p are too many', (mode, shown) => {
    expect(parseEnvFile('/etc/env', { text: 'A=1\nwrong', mode })).toEqual({
      variables: new Map(),
      problems: [
        `--env-file /etc/env is open to other users of this machine (mode ${shown}), and it holds secrets: chmod 600 /etc/env.`,
      ],
    })
  })
})

test('what the environment sets goes first, and an empty variable counts as not set', () => {
  const environment: Record<string, string | undefined> = { A: 'mine', B: '', C: undefined }
  addVariables(environment, read('A=file\nB=file\nC=file\nD=file'))
  expect(environment).toEqual({ A: 'mine', B: 'file', C: 'file', D: 'file' })
})
