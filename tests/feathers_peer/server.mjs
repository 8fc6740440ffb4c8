// Starts the peer on loopback, prints one JSON line when it listens, obeys JSON lines on stdin, ends when stdin ends.
//   node server.mjs [--api-version worktrees|branches|handshake] [--port 0] [--state FILE] [--token-life 900] [--page-limit N]
// Orders: {"do":"kick"} namespace disconnect of every socket; {"do":"cut"} their connections just end; {"do":"revoke"} every
// token issued so far is void, and a kick; {"do":"logins"} counts the successful logins; {"do":"stop"}.
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

import { createApp } from './app.mjs'
import { revokeTokens } from './login.mjs'
import { seed } from './seed.mjs'
import { DEFAULT_VERSION, VERSIONS } from './versions.mjs'

const { values: flags } = parseArgs({
  options: {
    'api-version': { type: 'string', default: DEFAULT_VERSION },
    port: { type: 'string', default: '0' },
    'token-life': { type: 'string', default: '900' },
    'page-limit': { type: 'string' },
    state: { type: 'string' }
  }
})
const version = VERSIONS[flags['api-version']]
if (!version) throw new Error(`--api-version is one of ${Object.keys(VERSIONS).join(', ')}`)
const STORES = ['users', 'boards', 'repos', version.workspaces, 'sessions', 'tasks', 'messages']
const kept = flags.state && existsSync(flags.state) ? JSON.parse(readFileSync(flags.state, 'utf8')) : undefined
const secret = kept?.secret ?? randomBytes(32).toString('hex')
const pageLimit = flags['page-limit'] && Number(flags['page-limit'])
const { app, work, loginCounter } = createApp({ version, tokenLife: Number(flags['token-life']), pageLimit, secret })

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

// Newer daemons close the connection behind the disconnect packet.
const kick = () => app.io.disconnectSockets(version.handshake)

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
  kick,
  cut: () => app.io.sockets.sockets.forEach((socket) => socket.conn.close(true)),
  revoke() {
    revokeTokens(app)
    kick()
  },
  logins: () => ({ count: loginCounter.count }),
  stop
}
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
const orders = createInterface({ input: process.stdin })
orders.on('line', (line) => {
  const { do: order } = JSON.parse(line)
  const answer = ORDERS[order]?.()
  process.stdout.write(`${JSON.stringify(ORDERS[order] ? { done: order, ...answer } : { refused: order })}\n`)
})
orders.on('close', stop)

process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.address().port}`, ...access })}\n`)
