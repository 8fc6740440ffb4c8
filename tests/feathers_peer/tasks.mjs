// Task rows. What a task does (run, wait, end) is in work.mjs.
import { newId, stamp } from './ids.mjs'
import { DomainError, Rows, cut } from './rows.mjs'

const FIELDS = [
  'task_id', 'session_id', 'status', 'queue_position', 'created_at', 'completed_at', 'created_by', 'full_prompt', 'message_range',
  'git_state', 'tool_use_count', 'metadata', 'model', 'duration_ms', 'error_message', 'last_executor_heartbeat_at', 'report',
  'executor_connected_at', 'termination_request'
]
const ENDED = ['completed', 'failed', 'timed_out']

export class Tasks extends Rows {
  constructor({ app, version }) {
    super({ version, kind: 'Task', id: 'task_id', multi: ['patch'] })
    Object.assign(this, { app })
  }

  fill(data) {
    const now = stamp()
    return {
      task_id: newId(), status: 'created', created_at: now, full_prompt: '', git_state: { ref_at_start: '', sha_at_start: '' },
      message_range: { start_index: -1, end_index: -1, start_timestamp: now }, tool_use_count: 0, ...data
    }
  }

  // With a session, older daemons ignore sort and every other filter.
  async find(params) {
    const { session_id: of, ...query } = params?.query ?? {}
    if (this.version.handshake || !of) return super.find(params)
    return cut(this.all().filter((task) => task.session_id === of), query)
  }

  async create(data, params) {
    const session = this.app.service('sessions').resolve(data?.session_id ?? '')
    const task = await super.create({ created_by: params?.user?.user_id, ...data, session_id: session }, params)
    if (task.status === 'running') await this.app.service('sessions').patch(session, { status: 'running', ready_for_prompt: false })
    return task
  }

  // What is not a column is echoed in the answer and the event, and forgotten: `started_at` among them. The end of a task
  // lets its session rest and the next one start before FeathersJS publishes the patch, which it does when this returns.
  async patch(id, data, params) {
    const kept = Object.fromEntries(Object.entries(data).filter(([key]) => FIELDS.includes(key)))
    const ran = id !== null && ['dispatching', 'running'].includes(this.store[this.resolve(id)].status)
    const row = await super.patch(id, kept, params)
    if (ran && ENDED.includes(data.status)) await this.work.goOn(row.session_id, data.status)
    return Array.isArray(row) ? row.map((one) => ({ ...one, ...data })) : { ...row, ...data }
  }

  async remove(id, params) {
    const waits = id === null || this.store[this.resolve(id)].status === 'queued'
    if (this.version.handshake && !waits) throw new DomainError('RepositoryError', 'Only queued tasks can be deleted')
    return super.remove(id, params)
  }
}
