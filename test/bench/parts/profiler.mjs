// @ts-check
// Preloaded into a broker by `--import`: SIGUSR2 begins a CPU profile, the next one writes it.
import { writeFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { Session } from 'node:inspector/promises'

const file = process.env['PROFILE'] ?? 'broker.cpuprofile'
const session = new Session()
session.connect()
await session.post('Profiler.enable')
await session.post('Profiler.setSamplingInterval', { interval: 500 })

// Samples are taken by the wall clock: what waits for a core would count as busy in whatever it did last.
try {
  setPriority(constants.priority.PRIORITY_HIGHEST)
} catch {
  process.stderr.write('not allowed to raise the priority: shares are blurred where the machine has others to serve\n')
}

let running = false
let written = 0
process.on('SIGUSR2', () => void toggle())

async function toggle() {
  running = !running
  if (running) {
    await session.post('Profiler.start')
    return
  }
  const { profile } = await session.post('Profiler.stop')
  written += 1
  writeFileSync(file.replace(/\.cpuprofile$/, `.${String(written)}.cpuprofile`), JSON.stringify(profile))
}
