// Sessions, tasks and messages as a client notices them: prompt, queue, run, stop, complete. No agent: whoever drives the
// peer posts the stream events itself. One change at a time per session, as the daemon's per-session lock does it.
import errors from '@feathersjs/errors'

import { isFull, newId, shortForm, stamp } from './ids.mjs'
import { DomainError, Rows, cut, notFound, sqlError } from './rows.mjs'

const { BadRequest, Conflict, NotFound } = errors
const BUSY = ['running', 'awaiting_permission', 'awaiting_input', 'stopping']
const TASK_FIELDS = [
  'task_id', 'session_id', 'status', 'queue_position', 'created_at', 'completed_at', 'created_by', 'full_prompt', 'message_range',
  'git_state', 'tool_use_count', 'metadata', 'model', 'duration_ms', 'error_message', 'last_executor_heartbeat_at', 'report'
]

export class Sessions extends Rows {
  constructor({ app }) {
    super({ kind: 'Session', id: 'session_id' })
    Object.assign(this, { app, secrets: {} })
  }

  fill(data) {
    if (!data.branch_id) throw new DomainError('RepositoryError', 'Session must have a branch_id')
    const now = stamp()
    return {
      session_id: newId(), status: 'idle', agentic_tool: 'claude-code', created_at: now, last_updated: now, unix_username: null,
      git_state: { ref: 'main', base_sha: 'unknown', current_sha: 'unknown' }, contextFiles: [], tasks: [],
      genealogy: { parent_session_id: null, forked_from_session_id: null, children: [] },
      permission_config: { mode: 'acceptEdits' }, scheduled_from_branch: false, ready_for_prompt: false, archived: false, ...data
    }
  }

  // The token of a session is in the answer of create and of get, and in the created event; nowhere else.
  async create(data, params) {
    const row = await super.create({ created_by: params?.user?.user_id, ...data }, params)
    this.secrets[row.session_id] = `mcp_${newId()}`
    return { ...row, mcp_token: this.secrets[row.session_id] }
  }

  async get(id, params) {
    const row = await super.get(id, params)
    return { ...row, mcp_token: this.secrets[row.session_id] }
  }

  async patch(id, data, params) {
    return super.patch(id, { ...data, last_updated: stamp() }, params)
  }

  // Its tasks and messages go with it, and nobody is told of them.
  async remove(id, params) {
    const row = await super.remove(id, params)
    for (const service of ['tasks', 'messages']) {
      const { store } = this.app.service(service)
      for (const [key, child] of Object.entries(store)) if (child.session_id === row.session_id) delete store[key]
    }
    return row
  }
}

export class Tasks extends Rows {
  constructor({ app }) {
    super({ kind: 'Task', id: 'task_id', multi: ['patch'] })
    Object.assign(this, { app })
  }

  fill(data) {
    const now = stamp()
    return {
      task_id: newId(), status: 'created', created_at: now, full_prompt: '', git_state: { ref_at_start: '', sha_at_start: '' },
      message_range: { start_index: -1, end_index: -1, start_timestamp: now }, tool_use_count: 0, ...data
    }
  }

  async find(params) {
    const { session_id: of, ...query } = params?.query ?? {}
    return of ? cut(this.all().filter((task) => task.session_id === of), query) : super.find(params)
  }

  async create(data, params) {
    const session = this.app.service('sessions').resolve(data?.session_id ?? '')
    const task = await super.create({ created_by: params?.user?.user_id, ...data, session_id: session }, params)
    if (task.status === 'running') await this.app.service('sessions').patch(session, { status: 'running', ready_for_prompt: false })
    return task
  }

  // What is not a column is echoed in the answer and the event, and forgotten: `started_at` among them. The end of a task
  // lets its session rest and the next one start before FeathersJS tells of the patch, which it does when we return.
  async patch(id, data, params) {
    const kept = Object.fromEntries(Object.entries(data).filter(([key]) => TASK_FIELDS.includes(key)))
    const ran = id !== null && this.store[this.resolve(id)].status === 'running'
    const row = await super.patch(id, kept, params)
    if (ran && ['completed', 'failed', 'timed_out'].includes(data.status)) await this.work.goOn(row.session_id)
    return Array.isArray(row) ? row.map((one) => ({ ...one, ...data })) : { ...row, ...data }
  }
}

export class Messages extends Rows {
  constructor({ app }) {
    super({ kind: 'Message', id: 'message_id', prefixes: false, multi: ['create'] })
    Object.assign(this, { app })
  }

  fill(data) {
    const whole = ['message_id', 'session_id', 'type', 'role', 'index', 'timestamp', 'content_preview'].every((key) => data?.[key] !== undefined)
    const { store: tasks } = this.app.service('tasks')
    const fits = whole && this.app.service('sessions').store[data.session_id] && (!data.task_id || tasks[data.task_id])
    if (!fits || this.store[data.message_id]) throw sqlError('messages', data)
    return data
  }

  next(session) {
    return this.all().reduce((next, row) => (row.session_id === session ? Math.max(next, row.index + 1) : next), 0)
  }

  async find(params) {
    const { session_id: session, task_id: task, type, ...query } = params?.query ?? {}
    if (!session && !task) return super.find(params)
    const fits = (row) =>
      (!session || row.session_id === session) && (!task || row.task_id === task) && (!session || !type || row.type === type)
    return cut(this.all().filter(fits).sort((a, b) => a.index - b.index), query)
  }
}

export class Work {
  // `born`: the status in which a prompt's task is first seen on an idle session.
  constructor(app, born) {
    Object.assign(this, { app, born })
    this.locks = new Map()
  }

  service(name) {
    return this.app.service(name)
  }

  alone(session, deed) {
    const turn = (this.locks.get(session) ?? Promise.resolve()).then(deed)
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
      if (!this.isBusy(row)) return this.start(await this.service('tasks').create({ ...task, status: this.born }), messageSource)
      const position = Math.max(0, ...this.queue(session).map((queued) => queued.queue_position)) + 1
      const extra = { ...metadata, queued_by_user_id: user?.user_id }
      const tasks = this.service('tasks')
      const queued = await tasks._create(tasks.fill({ ...task, status: 'queued', queue_position: position, metadata: extra }))
      tasks.emit('queued', queued)
      return queued
    })
  }

  async start(task, messageSource) {
    const session = task.session_id
    const index = this.service('messages').next(session)
    const now = stamp()
    const range = { start_index: index, end_index: index + 1, start_timestamp: now, end_timestamp: now }
    const git = { ref_at_start: 'unknown', sha_at_start: 'unknown' }
    const running = await this.service('tasks').patch(task.task_id, { status: 'running', message_range: range, git_state: git, started_at: now })
    await this.service('messages').create({
      message_id: newId(), session_id: session, task_id: task.task_id, type: 'user', role: 'user', index, timestamp: now,
      content_preview: task.full_prompt.slice(0, 200), content: task.full_prompt,
      ...(messageSource ? { metadata: { source: messageSource === 'gateway' ? 'gateway' : 'agor' } } : {})
    })
    // A task joins its session's list when it starts, not while it waits.
    const { tasks } = this.service('sessions').store[session]
    const listed = tasks.includes(task.task_id) ? tasks : [...tasks, task.task_id]
    await this.service('sessions').patch(session, { status: 'running', ready_for_prompt: false, tasks: listed })
    return running
  }

  async drain(session) {
    const [next] = this.queue(session)
    if (next && this.service('sessions').store[session]?.status === 'idle') await this.start(next)
  }

  rest(session) {
    return this.service('sessions').patch(session, { status: 'idle', ready_for_prompt: true })
  }

  goOn(session) {
    return this.alone(session, async () => {
      if (this.tasksOf(session, 'running').length) return
      await this.rest(session)
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

  // What the daemon does at start with what it finds: nothing runs any more, the queue is wiped, a note is added.
  async afterRestart() {
    for (const session of this.service('sessions').all()) {
      const open = this.tasksOf(session.session_id, 'queued', 'dispatching', ...BUSY)
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

