// The daemon's custom routes. Each is a FeathersJS service, so before `handshake` it also announces its answer as
// "<template> created".
import { DEFAULT_EVENTS, EVENTS } from './events.mjs'
import { publicUser } from './login.mjs'

// Relays whatever was posted, checked against nothing but the list of the service's events; the rest is dropped.
const relay = (app, service) => ({
  async create({ event, data }) {
    if ([...DEFAULT_EVENTS, ...EVENTS[service]].includes(event)) app.service(service).emit(event, data)
    return { success: true }
  }
})

// The answer to a prompt in the days of worktrees.
function envelope(task, { stream } = {}) {
  const answer = { success: true, taskId: task.task_id, status: task.status }
  if (task.status !== 'queued') return { ...answer, streaming: stream !== false }
  return { ...answer, queued: true, queue_position: task.queue_position, message: task }
}

export function routes(app, work, version) {
  app.use('sessions/:id/prompt', {
    async create(data, { route, user }) {
      const task = await work.prompt(route.id, data, user)
      return version.envelope ? envelope(task, data) : task
    }
  })
  app.use('sessions/:id/stop', { create: (data, { route }) => work.stop(route.id, data ?? {}) })
  app.use('sessions/:id/tasks/queue', {
    async find({ route }) {
      const data = work.queue(route.id)
      return { total: data.length, data }
    }
  })
  app.use('sessions/:id/permission-decision', { create: (data, { route, user }) => work.decide(route.id, data, user) })
  app.use('tasks/:id/run', { create: (data, { route }) => work.run(route.id, data) })
  app.use('tasks/:id/complete', { create: (data, { route }) => work.end(route.id, 'completed', data?.report ? { report: data.report } : {}) })
  app.use('tasks/:id/fail', { create: (_data, { route }) => work.end(route.id, 'failed') })
  app.use('messages/streaming', relay(app, 'messages'))
  app.use('tasks/streaming', relay(app, 'tasks'))
}

// Removed since.
export function juneRoutes(app) {
  app.use('messages/bulk', {
    async create(messageList) {
      const messages = app.service('messages')
      return Promise.all(messageList.map((row) => messages._create(messages.fill(row))))
    }
  })
  app.use('tasks/bulk', {
    async create(taskList) {
      if (taskList.some((row) => !row.created_by)) throw new Error('Failed to bulk create tasks: created_by is required')
      const tasks = app.service('tasks')
      return Promise.all(taskList.map((row) => tasks._create(tasks.fill(row))))
    }
  })
}

export function handshakeRoutes(app, work) {
  app.use('sessions/:id/initialize', { create: (data, { route, user }) => work.initialize(route.id, data, user) })
  app.use('sessions/:id/archive', { create: (_data, { route }) => work.archive(route.id, true) })
  app.use('sessions/:id/unarchive', { create: (_data, { route }) => work.archive(route.id, false) })
  app.use('api/v1/user/me', {
    async find({ user, authentication: { strategy } }) {
      const key = strategy === 'api-key' ? { key_id: 'peer' } : {}
      return { user: publicUser(user), role: user.role, tenant_id: 'default', auth_strategy: strategy, ...key }
    }
  })
}
