// Query schemas, checked by FeathersJS's own schema package: unknown fields vanish, operators and bad ids are a 400.
import schema from '@feathersjs/schema'

const { Ajv, getValidator, hooks } = schema
const ajv = new Ajv({ coerceTypes: true, removeAdditional: true })
const text = { type: 'string' }
const flag = { type: 'boolean' }
const uuid = { type: 'string', pattern: '^([0-9a-fA-F]{8}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$' }
const oneOf = (...values) => ({ type: 'string', enum: values })

export const SESSION_STATUS = ['idle', 'running', 'stopping', 'awaiting_permission', 'awaiting_input', 'timed_out', 'completed', 'failed']
export const TASK_STATUS = [
  'queued', 'created', 'dispatching', 'running', 'stopping', 'awaiting_permission', 'awaiting_input',
  'timed_out', 'completed', 'failed', 'stopped'
]

const FIELDS = {
  sessions: { session_id: uuid, branch_id: uuid, board_id: uuid, created_by: uuid, status: oneOf(...SESSION_STATUS), agentic_tool: text, archived: flag },
  tasks: { task_id: uuid, session_id: uuid, created_by: uuid, status: oneOf(...TASK_STATUS) },
  boards: { board_id: uuid, name: text, slug: text, archived: flag },
  branches: { branch_id: uuid, board_id: uuid, repo_id: uuid, name: text, archived: flag },
  repos: { repo_id: uuid, slug: text, name: text },
  users: { user_id: uuid, email: text, name: text }
}

export function checkedQuery(service) {
  const page = { type: 'integer', minimum: 0, maximum: 10_000 }
  const properties = {
    ...FIELDS[service],
    $limit: page,
    $skip: page,
    $sort: { type: 'object', additionalProperties: { type: 'integer', enum: [1, -1] } },
    $select: { type: 'array', items: text }
  }
  return hooks.validateQuery(getValidator({ type: 'object', additionalProperties: false, properties }, ajv))
}
