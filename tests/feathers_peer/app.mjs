// The FeathersJS application: services, who may call them, who gets their events.
import authentication from '@feathersjs/authentication'
import errors from '@feathersjs/errors'
import express from '@feathersjs/express'
import { feathers } from '@feathersjs/feathers'
import socketio from '@feathersjs/socketio'
import local from '@feathersjs/authentication-local'

import { EVENTS, publishing } from './events.mjs'
import { identity } from './handshake.mjs'
import { HandshakeWork } from './handshake_work.mjs'
import { health, serverInfo } from './health.mjs'
import { logins } from './login.mjs'
import { memberRules } from './members.mjs'
import { Messages } from './messages.mjs'
import { checkedQuery } from './queries.mjs'
import { handshakeRoutes, juneRoutes, routes } from './routes.mjs'
import { Rows } from './rows.mjs'
import { Sessions } from './sessions.mjs'
import { sessionStreams } from './streams.mjs'
import { Tasks } from './tasks.mjs'
import { Work } from './work.mjs'

const { authenticate } = authentication
const { hashPassword, protect } = local.hooks
const { NotAuthenticated } = errors
const STRATEGIES = ['api-key', 'jwt']
const OPEN = ['authentication', 'authentication/refresh', 'health']
const METHODS = ['find', 'get', 'create', 'patch', 'remove']

const usersMissing = (_kind, id) => new Error(`User not found: ${id}`)
// In June `users` runs no authenticate hook, so REST callers have no user here; a socket carries its user.
const knownUser = (context) => {
  if (context.params.provider && !context.params.user) throw new NotAuthenticated('Authentication required')
}

// `tokenLife` in seconds; `pageLimit`: most rows of one answer to a find of messages.
export function createApp({ version, tokenLife, pageLimit, secret }) {
  const app = express(feathers())
  app.set('version', version)
  app.set('apiKeys', {})
  app.set('authentication', {
    secret, service: 'users', entity: 'user', entityId: 'user_id', authStrategies: ['jwt', 'local', 'api-key'],
    // What FeathersJS itself reads from the headers of a socket's handshake; since `handshake` that is our identity's job.
    parseStrategies: version.handshake ? [] : STRATEGIES,
    jwtOptions: { header: { typ: 'access' }, audience: 'https://agor.dev', issuer: 'agor', algorithm: 'HS256', expiresIn: tokenLife },
    local: { usernameField: 'email', passwordField: 'password', hashSize: 4 }
  })
  app.use(express.json({ limit: '10mb' }))
  app.configure(express.rest({ authentication: { strategies: STRATEGIES } }))
  const info = serverInfo(version)
  app.configure(
    socketio({ maxHttpBufferSize: 1e6, pingInterval: 25_000, pingTimeout: 60_000 }, (io) => {
      if (version.handshake) io.use(identity(app))
      io.on('connection', (socket) => socket.emit('server-info', info))
    })
  )

  const services = useServices(app, version, pageLimit)
  const loginCounter = logins(app)
  const work = version.handshake ? new HandshakeWork(app) : new Work(app)
  services.tasks.work = work
  routes(app, work, version)
  if (version.handshake) {
    handshakeRoutes(app, work)
    sessionStreams(app)
  } else {
    juneRoutes(app)
  }
  guard(app, version)
  publishing(app, version)
  // No notFound(): an unknown path is express's own HTML page.
  app.use(express.errorHandler({ logger: false }))
  return { app, work, loginCounter }
}

function useServices(app, version, pageLimit) {
  const { workspace, workspaces } = version
  const methods = version.handshake ? { methods: METHODS } : {}
  const tasks = new Tasks({ app, version })
  app.use('users', new Rows({ version, kind: 'User', id: 'user_id', prefixes: false, missing: usersMissing }))
  app.use('sessions', new Sessions({ app, version }), { events: EVENTS.sessions })
  app.use('tasks', tasks, { events: EVENTS.tasks, ...methods })
  app.use('messages', new Messages({ app, version, most: pageLimit }), { events: EVENTS.messages, ...methods })
  app.use('boards', new Rows({ version, kind: 'Board', id: 'board_id' }))
  app.use(workspaces, new Rows({ version, kind: workspace === 'branch' ? 'Branch' : 'Worktree', id: `${workspace}_id` }))
  app.use('repos', new Rows({ version, kind: 'Repo', id: 'repo_id' }))
  app.use('health', health(version))
  return { tasks }
}

function guard(app, version) {
  const open = version.handshake ? OPEN : [...OPEN, 'users']
  for (const path of Object.keys(app.services)) {
    if (!open.includes(path)) app.service(path).hooks({ before: { all: [authenticate('jwt', 'api-key')] } })
  }
  for (const path of ['sessions', 'tasks', 'messages', 'boards', version.workspaces, 'repos', 'users']) {
    const check = checkedQuery(path, version)
    if (check) app.service(path).hooks({ before: { find: [check] } })
  }
  app.service('users').hooks({
    before: { all: [knownUser], create: [hashPassword('password')], patch: [hashPassword('password')] },
    after: { all: [protect('password', 'tokens_valid_after')] }
  })
  if (version.handshake) memberRules(app)
}
