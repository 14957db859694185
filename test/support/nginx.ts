import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../harness/kit/free-port.mjs'

/** nginx as a resource server that asks clients for certificates, in the folder given. */
export interface Nginx {
  readonly url: string
  /** Reads its files anew, CRLs among them; resolves when the new workers serve. */
  reload(): Promise<void>
  stop(): Promise<void>
}

/** @param lines of the server block: whom it trusts, and how it asks about revocation. Paths are relative to the folder. */
export async function startNginx(folder: string, lines: readonly string[]): Promise<Nginx> {
  const port = await freePort()
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost'].concat(
      ['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', 'server.key', '-out', 'server.pem'],
    ),
    { cwd: folder, stdio: 'ignore' },
  )
  writeFileSync(join(folder, 'nginx.conf'), configuration(folder, port, lines))
  const nginx = spawn('nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log'], { stdio: 'ignore' })
  const ended = once(nginx, 'exit')
  await until(() => isListening(port), 'nginx does not listen')
  return {
    url: `https://127.0.0.1:${port}`,
    async reload() {
      const before = workersEnded(folder)
      nginx.kill('SIGHUP')
      // New workers are there before the old ones are told to end; from an old one's end on, only new ones accept.
      await until(() => workersEnded(folder) > before, 'nginx does not reload')
    },
    async stop() {
      nginx.kill('SIGTERM')
      await ended
    },
  }
}

const workersEnded = (folder: string): number =>
  readFileSync(join(folder, 'error.log'), 'utf8').split(/worker process \d+ exited/).length - 1

async function until(holds: () => boolean | Promise<boolean>, otherwise: string): Promise<void> {
  for (let attempt = 0; attempt < 1200; attempt += 1) {
    if (await holds()) return
    await sleep(50)
  }
  throw new Error(`${otherwise}: see its error.log`)
}

const configuration = (folder: string, port: number, lines: readonly string[]): string => `
daemon off;
master_process on;
worker_processes 1;
user ${process.getuid?.() === 0 ? 'root' : 'nobody'};
pid ${folder}/nginx.pid;
error_log ${folder}/error.log notice;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${folder}/server.pem;
    ssl_certificate_key ${folder}/server.key;
    ssl_session_cache off;
    ssl_session_tickets off;
    ${lines.map((line) => `${line};`).join('\n    ')}
    location / { return 200 "$ssl_client_verify\\n"; }
  }
}
`

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const connected = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'error').then(() => false),
  ]).catch(() => false)
  socket.destroy()
  return connected
}
