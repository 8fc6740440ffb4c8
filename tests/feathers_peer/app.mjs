// The FeathersJS application: services, who may call them, who hears of what.
import { randomBytes } from 'node:crypto'

import authentication from '@feathersjs/authentication'
import errors from '@feathersjs/errors'
import express from '@feathersjs/express'
import { feathers } from '@feathersjs/feathers'
import socketio from '@feathersjs/socketio'
import local from '@feathersjs/authentication-local'

import { newId, stamp } from './ids.mjs'
import { logins } from './login.mjs'
import { checkedQuery } from './queries.mjs'
import { EVENTS, routes, sessionStreams } from './routes.mjs'
import { Rows } from './rows.mjs'
import { Messages, Sessions, Tasks, Work } from './work.mjs'

const { authenticate } = authentication
const { hashPassword, protect } = local.hooks
const { NotAuthenticated } = errors
const OPEN = ['authentication', 'authentication/refresh', 'health', 'users']
const BUILD = { buildSha: 'peer', builtAt: null }

const usersMissing = (_kind, id) => new Error(`User not found: ${id}`)
// Runs no authenticate hook, so REST callers are nobody here; a socket carries its user.
const knownUser = (context) => {
  if (context.params.provider && !context.params.user) throw new NotAuthenticated('Authentication required')
}

export function createApp({ tokenLife, rooms, secret }) {
  const app = express(feathers())
  app.set('apiKeys', {})
  app.set('authentication', {
    secret, service: 'users', entity: 'user', entityId: 'user_id',
    authStrategies: ['jwt', 'local', 'api-key'], parseStrategies: ['api-key', 'jwt'],
    jwtOptions: { header: { typ: 'access' }, audience: 'https://agor.dev', issuer: 'agor', algorithm: 'HS256', expiresIn: tokenLife },
    local: { usernameField: 'email', passwordField: 'password', hashSize: 4 }
  })
  app.use(express.json({ limit: '10mb' }))
  app.configure(express.rest())
  app.configure(
    socketio({ maxHttpBufferSize: 1e6, pingInterval: 25_000, pingTimeout: 60_000 }, (io) =>
      io.on('connection', (socket) => socket.emit('server-info', BUILD))
    )
  )

  app.use('users', new Rows({ kind: 'User', id: 'user_id', prefixes: false, missing: usersMissing }))
  logins(app)
  app.use('sessions', new Sessions({ app }), { events: EVENTS.sessions })
  const tasks = new Tasks({ app })
  app.use('tasks', tasks, { events: EVENTS.tasks })
  app.use('messages', new Messages({ app }), { events: EVENTS.messages })
  app.use('boards', new Rows({ kind: 'Board', id: 'board_id' }))
  app.use('branches', new Rows({ kind: 'Branch', id: 'branch_id' }))
  app.use('repos', new Rows({ kind: 'Repo', id: 'repo_id' }))
  app.use('health', {
    async find() {
      return { status: 'ok', timestamp: Date.now(), version: '0.0.0-peer', ...BUILD, auth: { requireAuth: true }, instance: {}, services: {}, features: {} }
    }
  })
  const work = new Work(app, rooms ? 'dispatching' : 'created')
  tasks.work = work
  routes(app, work)
  if (rooms) sessionStreams(app)

  for (const path of Object.keys(app.services)) {
    if (!OPEN.includes(path)) app.service(path).hooks({ before: { all: [authenticate('jwt', 'api-key')] } })
  }
  for (const path of ['sessions', 'tasks', 'boards', 'branches', 'repos', 'users']) {
    app.service(path).hooks({ before: { find: [checkedQuery(path)] } })
  }
  app.service('users').hooks({
    before: { all: [knownUser], create: [hashPassword('password')], patch: [hashPassword('password')] },
    after: { all: [protect('password')] }
  })

  app.on('login', (_result, { connection }) => connection && app.channel('authenticated').join(connection))
  app.publish(() => app.channel('authenticated'))
  // No notFound(): an unknown path is express's own HTML page.
  app.use(express.errorHandler({ logger: false }))
  return { app, work }
}

// The first rows: somebody to log in as and somewhere to make sessions in.
export async function seed(app) {
  const now = stamp()
  const email = 'peer@example.test'
  const password = randomBytes(12).toString('base64url')
  const key = `agor_sk_${randomBytes(24).toString('hex')}`
  const user = await app.service('users').create({
    user_id: newId(), email, password, name: 'Peer', emoji: '🤖', role: 'superadmin', preferences: {},
    onboarding_completed: true, must_change_password: false, created_at: now, updated_at: now
  })
  app.get('apiKeys')[key] = user.user_id
  const owned = { created_by: user.user_id, created_at: now, last_updated: now }
  const board = await app.service('boards').create({ board_id: newId(), name: 'Main board', slug: 'default', ...owned })
  const repo = await app.service('repos').create({ repo_id: newId(), slug: 'peer/repo', name: 'repo', default_branch: 'main', ...owned })
  const branch = await app.service('branches').create({
    branch_id: newId(), repo_id: repo.repo_id, board_id: board.board_id, name: 'main', ref: 'main', path: '/peer/repo',
    filesystem_status: 'ready', archived: false, ...owned
  })
  return { email, password, api_key: key, user_id: user.user_id, branch_id: branch.branch_id }
}
