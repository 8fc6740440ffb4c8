// Message rows: pages of at most `most` rows since `handshake`, everything at once before; the lean transcript.
import errors from '@feathersjs/errors'

import { newId } from './ids.mjs'
import { PAGE, Rows, cut, sqlError } from './rows.mjs'

const { BadRequest } = errors
const DEFAULT_PAGE = 100
const DEEPEST_SKIP = 10_000
const NEEDED = ['message_id', 'session_id', 'type', 'role', 'index', 'timestamp', 'content_preview']
const CUT_BLOCKS = ['tool_use', 'tool_result', 'thinking']

export class Messages extends Rows {
  constructor({ app, version, most = version.handshake ? 1_000 : Infinity }) {
    const page = version.handshake
      ? { default: Math.min(DEFAULT_PAGE, most), max: most }
      : { default: Math.min(PAGE, most), max: Math.min(PAGE, most) }
    super({ version, kind: 'Message', id: 'message_id', prefixes: false, multi: ['create'], page })
    Object.assign(this, { app, most })
  }

  fill(data) {
    const row = this.version.handshake ? { message_id: newId(), ...data } : data
    const whole = NEEDED.every((key) => row?.[key] !== undefined)
    const { store: tasks } = this.app.service('tasks')
    const fits = whole && this.app.service('sessions').store[row.session_id] && (!row.task_id || tasks[row.task_id])
    if (!fits || this.store[row.message_id]) throw sqlError('messages', row)
    return row
  }

  next(session) {
    return this.all().reduce((next, row) => (row.session_id === session ? Math.max(next, row.index + 1) : next), 0)
  }

  async find(params) {
    return this.version.handshake ? this.findPage(params) : this.findJune(params)
  }

  // `params.query` has been checked by a schema (queries.mjs); the adapter clamps the limit.
  async findPage(params) {
    const { transcript, ...query } = params?.query ?? {}
    const exact = typeof query.session_id === 'string' || typeof query.task_id === 'string'
    if (typeof query.message_id === 'object' && !exact) throw new BadRequest('A range of message_id needs a session_id or task_id')
    if (query.$skip > DEEPEST_SKIP && !exact) throw new BadRequest(`$skip over ${DEEPEST_SKIP} needs a session_id or task_id`)
    const answer = await super.find({ ...params, query: { $sort: { index: 1, message_id: 1 }, ...query } })
    return transcript === 'lean' ? { ...answer, data: answer.data.map(lean) } : answer
  }

  async findJune(params) {
    const { session_id: session, task_id: task, type, ...query } = params?.query ?? {}
    if (!session && !task) return super.find(params)
    const fits = (row) =>
      (!session || row.session_id === session) && (!task || row.task_id === task) && (!session || !type || row.type === type)
    return cut(this.all().filter(fits).sort((a, b) => a.index - b.index), query, this.most)
  }
}

function lean({ tool_uses: _tools, ...row }) {
  const slim = { ...row, content_preview: '' }
  const { content } = row
  if (Array.isArray(content)) {
    slim.content = content.filter((block) => !CUT_BLOCKS.includes(block?.type))
    if (content.some((block) => block?.type === 'thinking')) slim.has_deferred_reasoning = true
  } else if (row.type === 'permission_request' && content?.status !== 'pending') {
    slim.content = { ...content, tool_input: {} }
  }
  return slim
}
