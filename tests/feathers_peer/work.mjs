// Sessions at work as a client notices them: prompt, queue, run, stop, complete. No agent: what runs goes on until it is
// stopped, completed or failed by a route, and stream events are posted by a test. One change at a time per session, as the
// daemon's per-session lock does it. These are June's rules; handshake_work.mjs has today's.
import errors from '@feathersjs/errors'

import { isFull, newId, shortForm, stamp } from './ids.mjs'
import { notFound } from './rows.mjs'

const { BadRequest, Conflict, NotFound } = errors
export const BUSY = ['running', 'awaiting_permission', 'awaiting_input', 'stopping']
export const EXECUTING = ['dispatching', ...BUSY]

export class Work {
  constructor(app) {
    this.app = app
    this.locks = new Map()
  }

  service(name) {
    return this.app.service(name)
  }

  alone(session, change) {
    const turn = (this.locks.get(session) ?? Promise.resolve()).then(change)
    this.locks.set(session, turn.catch(() => undefined))
    return turn
  }

  tasksOf(session, ...statuses) {
    return this.service('tasks').all().filter((task) => task.session_id === session && statuses.includes(task.status))
  }

  queue(id) {
    return isFull(id) ? this.tasksOf(id, 'queued').sort((a, b) => a.queue_position - b.queue_position) : []
  }

  isBusy({ status, ready_for_prompt: ready }) {
    return BUSY.includes(status) || (status === 'failed' && !ready)
  }

  async prompt(id, { prompt, metadata, messageSource } = {}, user) {
    if (!prompt) throw new Error('Prompt required')
    const session = this.service('sessions').resolve(id)
    return this.alone(session, async () => {
      const row = this.service('sessions').store[session]
      if (!row) throw notFound('Session', id)
      if (row.status === 'stopping') throw new Error('Cannot send prompt: session is currently stopping')
      if (row.archived) await this.service('sessions').patch(session, { archived: false })
      const task = { session_id: session, full_prompt: prompt, created_by: user?.user_id, ...(metadata ? { metadata } : {}) }
      if (!this.isBusy(row)) return this.startNew(task, messageSource)
      const position = Math.max(0, ...this.queue(session).map((queued) => queued.queue_position)) + 1
      const extra = { ...metadata, queued_by_user_id: user?.user_id }
      const queued = await this.createQueued({ ...task, status: 'queued', queue_position: position, metadata: extra })
      this.service('tasks').emit('queued', queued)
      return queued
    })
  }

  async startNew(task, messageSource) {
    return this.start(await this.service('tasks').create({ ...task, status: 'created' }), messageSource)
  }

  // Without an event: `tasks queued` is the only one.
  async createQueued(task) {
    const tasks = this.service('tasks')
    return tasks._create(tasks.fill(task))
  }

  async start(task, messageSource) {
    const running = await this.service('tasks').patch(task.task_id, { status: 'running', ...this.beginning(task) })
    await this.addPrompt(task, messageSource)
    return running
  }

  // What a task gets when it starts.
  beginning({ session_id: session }) {
    const index = this.service('messages').next(session)
    const now = stamp()
    return {
      message_range: { start_index: index, end_index: index + 1, start_timestamp: now, end_timestamp: now },
      git_state: { ref_at_start: 'unknown', sha_at_start: 'unknown' }, started_at: now
    }
  }

  // The user's message, and the session that runs.
  async addPrompt(task, messageSource) {
    const session = task.session_id
    const index = this.service('messages').next(session)
    const now = stamp()
    await this.service('messages').create({
      message_id: newId(), session_id: session, task_id: task.task_id, type: 'user', role: 'user', index, timestamp: now,
      content_preview: task.full_prompt.slice(0, 200), content: task.full_prompt,
      ...(messageSource ? { metadata: { source: messageSource === 'gateway' ? 'gateway' : 'agor' } } : {})
    })
    // A task joins its session's list when it starts, not while it waits.
    const { tasks } = this.service('sessions').store[session]
    const listed = tasks.includes(task.task_id) ? tasks : [...tasks, task.task_id]
    await this.service('sessions').patch(session, { status: 'running', ready_for_prompt: false, tasks: listed })
  }

  async drain(session) {
    const [next] = this.queue(session)
    const row = this.service('sessions').store[session]
    if (next && row && !this.isBusy(row)) await this.start(next)
  }

  rest(session) {
    return this.service('sessions').patch(session, { status: 'idle', ready_for_prompt: true })
  }

  goOn(session, ended) {
    return this.alone(session, async () => {
      if (this.tasksOf(session, 'dispatching', 'running').length) return
      await this.rest(session, ended)
      await this.drain(session)
    })
  }

  async end(id, status, extra = {}) {
    const task = await this.service('tasks').get(id)
    const now = stamp()
    const range = { ...task.message_range, end_timestamp: now }
    const spent = Date.parse(now) - Date.parse(task.message_range.start_timestamp)
    const changes = { status, completed_at: now, duration_ms: spent, message_range: range, ...extra }
    return this.service('tasks').patch(task.task_id, changes)
  }

  async run(id, { messageSource } = {}) {
    const tasks = this.service('tasks')
    let full
    try {
      full = tasks.resolve(id)
    } catch (error) {
      throw error.code === 'NOT_FOUND' ? new NotFound(`Task ${id} not found`) : error
    }
    const { session_id: session } = tasks.store[full]
    return this.alone(session, async () => {
      const task = tasks.store[full]
      const cannot = `Task ${shortForm(full)} cannot be run: status is '${task.status}'.`
      if (task.status === 'queued') throw new Conflict(`${cannot} Queued tasks drain automatically.`)
      if (task.status !== 'created') throw new Conflict(`${cannot} Only 'created' tasks may be triggered.`)
      const { status } = this.service('sessions').store[session]
      if (status === 'stopping') throw new BadRequest('Cannot run a task: session is currently stopping')
      if (BUSY.includes(status)) throw new Conflict(`Cannot run task ${shortForm(full)}: session is '${status}'. Prompt the session to enqueue.`)
      return this.start(task, messageSource)
    })
  }

  async stop(id) {
    const sessions = this.service('sessions')
    const session = sessions.resolve(id)
    const answer = await this.alone(session, async () => {
      const { status } = sessions.store[session]
      if (!BUSY.includes(status)) return { success: false, reason: `Session cannot be stopped (status: ${status})` }
      if (!isFull(id)) throw new BadRequest('validation failed', [{ message: 'must match pattern' }])
      const active = this.tasksOf(session, ...BUSY)
      for (const task of active) await this.service('tasks').patch(task.task_id, { status: 'stopped', completed_at: stamp() })
      await this.rest(session)
      return { success: true, status: 'idle', ...(active.length ? {} : { reason: 'No active tasks found, session reset to idle' }) }
    })
    // After the answer: the queue goes on, a stop ends only the current task.
    setImmediate(() => this.alone(session, () => this.drain(session)))
    return answer
  }

  async decide(id, { requestId, allow, remember, scope, decidedBy, reason }) {
    const messages = this.service('messages')
    const session = this.service('sessions').resolve(id)
    const isIt = (row) => row.session_id === session && row.type === 'permission_request' && row.content?.request_id === requestId
    const request = messages.all().find(isIt)
    if (!request) throw new Error(`Permission request ${requestId} not found`)
    const { status } = request.content
    if (status !== 'pending') return { success: false, alreadyResolved: true, status, message: `Permission request is already ${status}` }
    const content = { ...request.content, status: allow ? 'approved' : 'denied', scope, approved_by: decidedBy, approved_at: stamp() }
    await messages.patch(request.message_id, { content })
    const resolved = { requestId, taskId: request.task_id, sessionId: session, allow, remember, scope, decidedBy, reason }
    messages.emit('permission_resolved', resolved)
    return { success: true }
  }

  // What the daemon does at start with what it finds: tasks are stopped, the queue is emptied, a message says so.
  async afterRestart() {
    for (const session of this.service('sessions').all()) {
      const open = this.tasksOf(session.session_id, 'queued', ...EXECUTING)
      for (const task of open) await this.service('tasks').patch(task.task_id, { status: 'stopped' })
      if (session.status === 'idle' && !open.length) continue
      await this.rest(session.session_id)
      await this.service('messages').create({
        message_id: newId(), session_id: session.session_id, type: 'daemon_restart', role: 'system', timestamp: stamp(),
        index: this.service('messages').next(session.session_id), metadata: { source: 'agor' },
        content_preview: 'The daemon was restarted.', content: 'The daemon was restarted.'
      })
    }
  }
}

