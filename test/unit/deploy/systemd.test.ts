import { describe, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { V8_FLAGS } from '../../../config/tooling/launch.mjs'
import { at, root } from '../../../config/tooling/paths.mjs'

const text = readFileSync(at('deploy/errand.service'), 'utf8')
const settings = text
  .split('\n')
  .filter((line) => /^[A-Za-z]+=/.test(line))
  .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const)
const valuesOf = (name: string): readonly string[] => settings.filter(([key]) => key === name).map(([, value]) => value)

const hardening = [
  ['DynamicUser', 'yes'],
  ['NoNewPrivileges', 'yes'],
  ['CapabilityBoundingSet', ''],
  ['AmbientCapabilities', ''],
  ['ProtectSystem', 'strict'],
  ['ProtectHome', 'yes'],
  ['PrivateTmp', 'yes'],
  ['PrivateDevices', 'yes'],
  ['ProtectKernelTunables', 'yes'],
  ['ProtectKernelModules', 'yes'],
  ['ProtectControlGroups', 'yes'],
  ['RestrictNamespaces', 'yes'],
  ['RestrictSUIDSGID', 'yes'],
  ['LockPersonality', 'yes'],
  ['SystemCallArchitectures', 'native'],
  ['RestrictAddressFamilies', 'AF_INET AF_INET6 AF_UNIX'],
  ['StateDirectory', 'errand'],
  ['StateDirectoryMode', '0700'],
  ['UMask', '0077'],
  ['LimitCORE', '0'],
] as const

describe('deploy/errand.service', () => {
  test.each(hardening)('%s=%s', (name, value) => {
    expect(valuesOf(name)).toEqual([value])
  })

  test('system calls: those of a service, without privileged ones and those that change limits', () => {
    expect(valuesOf('SystemCallFilter')).toEqual(['@system-service', '~@privileged @resources'])
  })

  test('memory may be written and then run: V8 compiles', () => {
    expect(valuesOf('MemoryDenyWriteExecute')).toEqual(['no'])
  })

  test('node is started as the launcher starts it', () => {
    expect(valuesOf('ExecStart')).toEqual([`/usr/bin/node ${V8_FLAGS.join(' ')} /opt/errand/dist/cli/main.js serve`])
  })

  test('a stop takes no longer than it is given', () => {
    const within = /STOP_WITHIN_MS = ([\d_]+)/.exec(readFileSync(at('src/compose.ts'), 'utf8'))?.[1]?.replace('_', '')
    expect(Number.parseInt(valuesOf('TimeoutStopSec')[0] ?? '') * 1000).toBeGreaterThan(Number(within))
  })

  test('no secret is in it', () => {
    expect(valuesOf('Environment')).toEqual(['NODE_ENV=production', 'ERRAND_CONFIG=/etc/errand/errand.yaml'])
  })

  test('systemd itself, where there is one, reads it without a warning and finds it little exposed', () => {
    const program = ['/usr/bin/systemd-analyze', '/bin/systemd-analyze'].find((path) => existsSync(path))
    // Elsewhere the rows above are what there is; docs/operating.md says how to ask by hand.
    if (program === undefined) return
    const folder = mkdtempSync(join(tmpdir(), 'errand-unit-'))
    const unit = join(folder, 'errand.service')
    // verify wants programs and folders that exist.
    writeFileSync(
      unit,
      text
        .replaceAll('/usr/bin/node', process.execPath)
        .replace('WorkingDirectory=/opt/errand', `WorkingDirectory=${root}`),
    )
    const ask = (...args: readonly string[]): string =>
      execFileSync('/bin/sh', ['-c', '"$0" "$@" 2>&1', program, ...args], { encoding: 'utf8' })
    try {
      expect(ask('verify', unit)).toBe('')
      const exposure = /Overall exposure level for errand.service: ([\d.]+)/.exec(
        ask('security', '--offline=true', unit),
      )
      expect(Number(exposure?.[1] ?? Number.NaN)).toBeLessThanOrEqual(1.5)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
