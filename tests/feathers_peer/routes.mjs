// The daemon's custom routes. Each is a FeathersJS service, so it also announces its answer as "<template> created".
import errors from '@feathersjs/errors'

const { BadRequest } = errors
const DEFAULT_EVENTS = ['created', 'updated', 'patched', 'removed']

export const EVENTS = {
  sessions: ['permission:request', 'permission:timeout'],
  tasks: ['queued', 'failed', 'tool:start', 'tool:complete', 'thinking:chunk'],
  messages: [
    'queued', 'streaming:start', 'streaming:chunk', 'streaming:end', 'streaming:error',
    'thinking:start', 'thinking:chunk', 'thinking:end', 'permission_resolved'
  ]
}

// Relays whatever was posted, checked against nothing but the list of the service's events; the rest is dropped.
const relay = (app, service) => ({
  async create({ event, data }) {
    if ([...DEFAULT_EVENTS, ...EVENTS[service]].includes(event)) app.service(service).emit(event, data)
    return { success: true }
  }
})

export function routes(app, work) {
  const route = (path, methods) => app.use(path, methods)

  route('sessions/:id/prompt', { create: (data, { route, user }) => work.prompt(route.id, data, user) })
  route('sessions/:id/stop', { create: (_data, { route }) => work.stop(route.id) })
  route('sessions/:id/tasks/queue', {
    async find({ route }) {
      const data = work.queue(route.id)
      return { total: data.length, data }
    }
  })
  route('sessions/:id/permission-decision', { create: (data, { route }) => work.decide(route.id, data) })
  route('tasks/:id/run', { create: (data, { route }) => work.run(route.id, data) })
  route('tasks/:id/complete', { create: (data, { route }) => work.end(route.id, 'completed', data?.report ? { report: data.report } : {}) })
  route('tasks/:id/fail', { create: (_data, { route }) => work.end(route.id, 'failed') })
  route('messages/streaming', relay(app, 'messages'))
  route('tasks/streaming', relay(app, 'tasks'))

  route('messages/bulk', {
    async create(messageList) {
      const messages = app.service('messages')
      return Promise.all(messageList.map((row) => messages._create(messages.fill(row))))
    }
  })
  route('tasks/bulk', {
    async create(taskList) {
      if (taskList.some((row) => !row.created_by)) throw new Error('Failed to bulk create tasks: created_by is required')
      const tasks = app.service('tasks')
      return Promise.all(taskList.map((row) => tasks._create(tasks.fill(row))))
    }
  })
}

// Only sockets that joined a session's room get its stream events (the newest daemons).
export function sessionStreams(app) {
  const room = (session) => app.channel(`session-streams/${session}`)
  const streamed = (event) => /^(streaming|thinking|tool):/.test(event)
  for (const service of ['messages', 'tasks']) {
    for (const event of EVENTS[service].filter(streamed)) app.service(service).publish(event, (data) => room(data?.session_id))
  }
  app.use('session-streams', {
    async create({ session_id: id }, { connection }) {
      if (!connection) throw new BadRequest('Session streams are for sockets')
      const session = app.service('sessions').resolve(id)
      room(session).join(connection)
      return { session_id: session }
    },
    async remove(session, { connection }) {
      if (connection) room(session).leave(connection)
      return { session_id: session }
    }
  })
}
