// Today's rules of work: a task is dispatched and runs when its executor has connected, a stop goes through `stopping`, a
// permission decision is handed on and settled later, sessions can be initialized, archived and unarchived.
import errors from '@feathersjs/errors'

import { isFull, stamp } from './ids.mjs'
import { BUSY, EXECUTING, Work } from './work.mjs'

const { BadRequest, Forbidden, NotFound } = errors
const SCOPES = ['project', 'user', 'local']

export class HandshakeWork extends Work {
  async startNew(task, messageSource) {
    return this.start(await this.service('tasks').create({ ...task, status: 'dispatching', ...this.beginning(task) }), messageSource)
  }

  async createQueued(task) {
    return this.service('tasks').create(task)
  }

  // The executor connects after the acknowledgement.
  async start(task, messageSource) {
    const begins = { status: 'dispatching', queue_position: undefined, ...this.beginning(task) }
    const dispatched = task.status === 'dispatching' ? task : await this.service('tasks').patch(task.task_id, begins)
    await this.addPrompt(task, messageSource)
    setImmediate(() => this.alone(task.session_id, () => this.connectExecutor(task.task_id)))
    return { ...dispatched, started_at: begins.started_at }
  }

  // A failed task leaves its session failed, but ready for the next prompt.
  rest(session, ended) {
    return this.service('sessions').patch(session, { status: ended === 'failed' ? 'failed' : 'idle', ready_for_prompt: true })
  }

  async connectExecutor(id) {
    const tasks = this.service('tasks')
    if (tasks.store[id]?.status === 'dispatching') await tasks.patch(id, { status: 'running', executor_connected_at: stamp() })
  }

  async stop(id, { reason, expected_task_id: expected } = {}) {
    if (expected !== undefined && !isFull(expected)) throw new BadRequest('expected_task_id must be a full task id')
    const sessions = this.service('sessions')
    const session = sessions.resolve(id)
    const answer = await this.alone(session, async () => {
      const { status } = sessions.store[session]
      const active = this.tasksOf(session, ...EXECUTING)
      if (expected && !active.some((task) => task.task_id === expected)) {
        return { success: false, outcome: 'condition_changed', status, reason: 'The expected task is not running' }
      }
      if (!BUSY.includes(status)) return { success: true, status, reason: `Session is already ${status}` }
      if (!isFull(id)) throw new BadRequest('validation failed', [{ message: 'must match pattern' }])
      for (const task of active) await this.end(task.task_id, 'stopped', { reason })
      await this.rest(session)
      const left = active.length ? { stoppedTaskId: active[0].task_id } : { reason: 'No active tasks found, session reset to idle' }
      return { success: true, status: 'idle', ...left, queuedTasksPreserved: this.queue(session).length }
    })
    // After the answer: the queue goes on, a stop ends only the current task.
    setImmediate(() => this.alone(session, () => this.drain(session)))
    return answer
  }

  async end(id, status, { reason, ...extra } = {}) {
    if (status !== 'stopped') return super.end(id, status, extra)
    const tasks = this.service('tasks')
    const request = { cause: 'user_stop', requested_at: stamp(), ...(reason ? { error_message: reason } : {}) }
    const { session_id: session } = await tasks.patch(id, { status: 'stopping', termination_request: request })
    await this.service('sessions').patch(session, { status: 'stopping' })
    return super.end(id, 'stopped')
  }

  async decide(id, { requestId, taskId, allow, remember, scope, reason } = {}, user) {
    for (const [name, value] of Object.entries({ requestId, taskId })) if (!value) throw new BadRequest(`${name} required`)
    if (typeof allow !== 'boolean') throw new BadRequest('allow must be a boolean')
    if (scope && scope !== 'once' && !(remember === true && SCOPES.includes(scope))) throw new BadRequest('scope needs remember')
    const session = this.service('sessions').resolve(id)
    const isIt = (row) =>
      row.session_id === session && row.type === 'permission_request' && row.content?.request_id === requestId &&
      (row.task_id ?? taskId) === taskId
    const request = this.service('messages').all().find(isIt)
    if (!request) throw new NotFound(`Permission request ${requestId} not found`)
    const { status } = request.content
    if (status !== 'pending') return { success: false, alreadyResolved: true, status, message: `Permission request is already ${status}` }
    const decision = {
      status: allow ? 'approved' : 'denied', scope: scope ?? 'once', approved_by: user?.user_id, approved_at: stamp(),
      ...(reason ? { reason } : {})
    }
    setImmediate(() => this.alone(session, () => this.settle(request, decision)))
    return { success: true }
  }

  // The executor's part: only this patch decides.
  async settle({ message_id: id, session_id: session, task_id: task }, decision) {
    const row = this.service('messages').store[id]
    if (row?.content?.status !== 'pending') return
    await this.service('messages').patch(id, { content: { ...row.content, ...decision } })
    if (this.service('tasks').store[task]?.status !== 'awaiting_permission') return
    await this.service('tasks').patch(task, { status: 'running' })
    await this.service('sessions').patch(session, { status: 'running' })
  }

  async initialize(id, { expectedUserId, prompt, permissionMode } = {}, user) {
    if (!expectedUserId) throw new BadRequest('expectedUserId required')
    if (expectedUserId !== user?.user_id) throw new Forbidden('The session is initialized for another user')
    const sessionId = this.service('sessions').resolve(id)
    return prompt ? { sessionId, task: await this.prompt(sessionId, { prompt, permissionMode }, user) } : { sessionId }
  }

  async archive(id, archived) {
    const sessions = this.service('sessions')
    const changes = archived ? { archived, archived_reason: 'manual' } : { archived, archived_reason: undefined }
    const session = await sessions.patch(sessions.resolve(id), changes)
    return { session, affectedSessions: [session], count: 1 }
  }
}
