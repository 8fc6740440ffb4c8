// Starts the peer on loopback, prints one JSON line when it listens, obeys JSON lines on stdin, goes when stdin ends.
//   node server.mjs [--port 0] [--token-life 900] [--no-session-streams] [--state FILE]
// Orders: {"do":"kick"} namespace disconnect of every socket; {"do":"cut"} their connections just end; {"do":"stop"}.
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

import { createApp, seed } from './app.mjs'

const { values: flags } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    'token-life': { type: 'string', default: '900' },
    'no-session-streams': { type: 'boolean', default: false },
    state: { type: 'string' }
  }
})
const STORES = ['users', 'boards', 'repos', 'branches', 'sessions', 'tasks', 'messages']
const kept = flags.state && existsSync(flags.state) ? JSON.parse(readFileSync(flags.state, 'utf8')) : undefined
const secret = kept?.secret ?? randomBytes(32).toString('hex')
const { app, work } = createApp({ tokenLife: Number(flags['token-life']), rooms: !flags['no-session-streams'], secret })

const server = await app.listen(Number(flags.port), '127.0.0.1')
if (!server.listening) await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject))
if (kept) {
  for (const name of STORES) Object.assign(app.service(name).store, kept.stores[name])
  Object.assign(app.service('sessions').secrets, kept.secrets)
  app.set('apiKeys', { [kept.access.api_key]: kept.access.user_id })
  await work.afterRestart()
}
const access = kept?.access ?? (await seed(app))

function save() {
  const stores = Object.fromEntries(STORES.map((name) => [name, app.service(name).store]))
  writeFileSync(flags.state, JSON.stringify({ secret, access, stores, secrets: app.service('sessions').secrets }))
}

let stopping = false
function stop() {
  if (stopping) return
  stopping = true
  if (flags.state) save()
  app.io.disconnectSockets()
  // The disconnect packets first, then the connections.
  setTimeout(() => {
    app.io.close(() => process.exit(0))
    server.closeAllConnections()
    setTimeout(() => process.exit(0), 1_000).unref()
  }, 50)
}

const ORDERS = {
  kick: () => app.io.disconnectSockets(),
  cut: () => app.io.sockets.sockets.forEach((socket) => socket.conn.close(true)),
  stop
}
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
const orders = createInterface({ input: process.stdin })
orders.on('line', (line) => {
  const deed = JSON.parse(line).do
  ORDERS[deed]?.()
  process.stdout.write(`${JSON.stringify({ [ORDERS[deed] ? 'done' : 'refused']: deed })}\n`)
})
orders.on('close', stop)

process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.address().port}`, ...access })}\n`)
