// Query schemas, checked by FeathersJS's own schema package: operators and bad ids are a 400. Unknown fields vanish, but
// for messages since `handshake` they are a 400 too.
import schema from '@feathersjs/schema'

const { Ajv, getValidator, hooks } = schema
const dropping = new Ajv({ coerceTypes: true, removeAdditional: true })
const refusing = new Ajv({ coerceTypes: true })
const text = { type: 'string' }
const flag = { type: 'boolean' }
const full = '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}'
const uuid = { type: 'string', pattern: `^([0-9a-fA-F]{8}|${full})$` }
const fullId = { type: 'string', pattern: `^${full}$` }
const oneOf = (...values) => ({ type: 'string', enum: values })
const object = (properties, ...required) => ({ type: 'object', additionalProperties: false, properties, required })
const either = (...kinds) => ({ anyOf: kinds })
const oneOfMany = either(uuid, object({ $in: { type: 'array', items: uuid, maxItems: 1_000 } }, '$in'))
const idOrRange = either(uuid, object({ $gt: fullId, $lte: fullId }, '$lte'))
const sortBy = (...fields) => ({
  type: 'object', propertyNames: { enum: fields }, additionalProperties: { type: 'integer', enum: [1, -1] }
})

export const SESSION_STATUS = ['idle', 'running', 'stopping', 'awaiting_permission', 'awaiting_input', 'timed_out', 'completed', 'failed']
export const TASK_STATUS = [
  'queued', 'created', 'dispatching', 'running', 'stopping', 'awaiting_permission', 'awaiting_input',
  'timed_out', 'completed', 'failed', 'stopped'
]

const page = { type: 'integer', minimum: 0, maximum: 10_000 }
const PAGING = {
  $limit: page, $skip: page, $sort: { type: 'object', additionalProperties: { type: 'integer', enum: [1, -1] } },
  $select: { type: 'array', items: text }
}
const taskStatus = oneOf(...TASK_STATUS)

const fields = ({ workspace, workspaces }) => ({
  sessions: {
    session_id: uuid, [`${workspace}_id`]: uuid, board_id: uuid, created_by: uuid, status: oneOf(...SESSION_STATUS),
    agentic_tool: text, archived: flag
  },
  tasks: { task_id: uuid, session_id: uuid, created_by: uuid, status: taskStatus },
  boards: { board_id: uuid, name: text, slug: text, archived: flag },
  [workspaces]: { [`${workspace}_id`]: uuid, board_id: uuid, repo_id: uuid, name: text, archived: flag },
  repos: { repo_id: uuid, slug: text, name: text },
  users: { user_id: uuid, email: text, name: text }
})

// What `handshake` adds.
const TASKS = {
  task_id: idOrRange, status: either(taskStatus, object({ $ne: { const: 'queued' } }, '$ne')),
  $sort: sortBy('task_id', 'session_id', 'status', 'created_at', 'created_by')
}
const MESSAGE_FIELDS = [
  'message_id', 'session_id', 'task_id', 'type', 'role', 'index', 'timestamp', 'content_preview', 'content', 'tool_uses',
  'parent_tool_use_id', 'metadata'
]
const MESSAGES = {
  session_id: oneOfMany, task_id: oneOfMany, message_id: idOrRange, type: text, role: text, transcript: { const: 'lean' },
  $sort: sortBy('message_id', 'session_id', 'type', 'role', 'index', 'timestamp', 'created_at'),
  $select: { type: 'array', items: { enum: MESSAGE_FIELDS } },
  $limit: { type: 'integer', minimum: 0 }, $skip: { type: 'integer', minimum: 0 }
}

// The hook that checks a find of `service`; undefined where this version checks nothing.
export function checkedQuery(service, version) {
  if (service === 'messages') return version.handshake ? hooks.validateQuery(getValidator(object(MESSAGES), refusing)) : undefined
  const more = version.handshake && service === 'tasks' ? TASKS : {}
  return hooks.validateQuery(getValidator(object({ ...fields(version)[service], ...PAGING, ...more }), dropping))
}
