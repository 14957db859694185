#!/usr/bin/env node
import { processIo } from './io.js'
import { run } from './program.js'

// A pipe that was closed (`errand evidence tail | head`) is the end of our work, not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

process.exitCode = await run(process.argv.slice(2), processIo())
