import { describe, expect, test } from '@jest/globals'
import { existsSync, readFileSync } from 'node:fs'
import { validate } from 'dockerfile-utils'
import { V8_FLAGS } from '../../../config/tooling/launch.mjs'
import { at } from '../../../config/tooling/paths.mjs'

const text = readFileSync(at('deploy/Dockerfile'), 'utf8')

interface Instruction {
  readonly name: string
  readonly words: string
}

/** Instructions by stage, continuation lines joined. */
function stagesOf(dockerfile: string): readonly (readonly Instruction[])[] {
  const lines = dockerfile
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
  const stages: Instruction[][] = []
  for (const line of lines) {
    const [, name = '', words = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? []
    if (name === 'FROM') stages.push([])
    stages.at(-1)?.push({ name, words })
  }
  return stages
}

const stages = stagesOf(text)
const [build = [], packages = [], final = []] = stages
const wordsOf = (stage: readonly Instruction[], name: string): readonly string[] =>
  stage.filter((instruction) => instruction.name === name).map(({ words }) => words)
const exec = (words: string): readonly string[] => JSON.parse(words.replace(/^.*?CMD (?=\[)/, '')) as string[]

describe('deploy/Dockerfile', () => {
  test('a linter has nothing to say', () => {
    expect(validate(text)).toEqual([])
  })

  test('the linter would say something of a mistake', () => {
    expect(validate(text.replace('--interval=10s', '--intervall=10s'))).not.toEqual([])
  })

  test('three stages: what is built, the packages of production, and what runs', () => {
    expect(stages).toHaveLength(3)
    expect(wordsOf(build, 'RUN').map(exec)).toContainEqual(['node', 'config/tooling/run.mjs', 'build'])
    expect(wordsOf(packages, 'RUN').map(exec)).toEqual([expect.arrayContaining(['install', '--omit=dev'])])
  })

  test('no script of a package runs', () => {
    const installs = [...wordsOf(build, 'RUN'), ...wordsOf(packages, 'RUN')].filter((words) => words.includes('"npm"'))
    expect(installs).toHaveLength(2)
    for (const words of installs) expect(exec(words)).toContain('--ignore-scripts')
  })

  test('what runs is not root, and is named by numbers', () => {
    expect(wordsOf(final, 'USER')).toEqual(['10001:10001'])
    const after = final.slice(final.findIndex(({ name }) => name === 'USER') + 1).map(({ name }) => name)
    expect(after).not.toContain('RUN')
    expect(after).not.toContain('COPY')
  })

  test('node is started as the launcher starts it, and is the process that gets the signals', () => {
    expect(wordsOf(final, 'ENTRYPOINT').map(exec)).toEqual([['node', ...V8_FLAGS, 'dist/cli/main.js']])
    expect(wordsOf(final, 'CMD').map(exec)).toEqual([['serve']])
    expect(wordsOf(final, 'STOPSIGNAL')).toEqual(['SIGTERM'])
  })

  test('the health check is a program of ours, without a shell', () => {
    expect(wordsOf(final, 'HEALTHCHECK').map(exec)).toEqual([['node', 'deploy/health.mjs']])
  })

  test('no secret is in it: neither ARG nor ENV has any', () => {
    const names = [...text.matchAll(/^(?:ARG|ENV|\s{4})\s*(\w+)=/gm)].map(([, name]) => name)
    expect(names.sort()).toEqual(['ERRAND_CONFIG', 'NODE_ENV', 'NODE_IMAGE'])
  })

  test('what is copied from the repository is there, and the ignore file lets it in', () => {
    const ignore = readFileSync(at('deploy/Dockerfile.dockerignore'), 'utf8').split('\n')
    expect(ignore).toContain('*')
    const sources = stages
      .flatMap((stage) => wordsOf(stage, 'COPY'))
      .filter((words) => !words.startsWith('--from='))
      .flatMap((words) => words.split(' ').slice(0, -1))
    expect(sources).toContain('package-lock.json')
    for (const source of sources) {
      expect({ source, there: existsSync(at(source)) }).toEqual({ source, there: true })
      expect(ignore).toContain(`!${source}`)
    }
  })
})
