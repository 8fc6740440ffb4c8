// What an ordinary member may not do since `handshake`; a service may. Hooks for calls from outside.
import errors from '@feathersjs/errors'

import { SERVICE_USER } from './login.mjs'

const { BadRequest, Forbidden } = errors
const MESSAGE_FIELDS = ['content', 'content_preview', 'metadata', 'tool_uses']

const outside = (rule) => (context) => {
  if (context.params.provider) rule(context)
}
const forMembers = (rule) => outside((context) => {
  if (context.params.user?.user_id !== SERVICE_USER.user_id) rule(context)
})
const forbid = (text) => forMembers(() => {
  throw new Forbidden(text)
})
const oneRow = (text) => outside(({ data }) => {
  if (Array.isArray(data)) throw new BadRequest(text)
})
const onlyCreated = forMembers(({ data }) => {
  if ((data?.status ?? 'created') !== 'created') throw new BadRequest('Externally created tasks must use status created')
})
const someFields = outside(({ data }) => {
  if (Object.keys(data ?? {}).some((field) => !MESSAGE_FIELDS.includes(field))) throw new BadRequest('Message fields are immutable')
})
const noPermission = forMembers(({ data }) => {
  if (data?.type === 'permission_request') throw new Forbidden('Permission messages can only be created by a task-scoped executor')
})
const notOfPermission = forMembers(({ app, id }) => {
  if (app.service('messages').store[id]?.type === 'permission_request') {
    throw new Forbidden('Permission messages can only be changed by the task-scoped executor')
  }
})
const noMetadata = outside(({ data }) => {
  if (data?.metadata !== undefined) throw new Forbidden('Task metadata is internal-only')
})

const RULES = {
  tasks: {
    create: [oneRow('Task creation requires one task'), onlyCreated],
    patch: [forbid('Task patches require an executor token scoped to this task')]
  },
  messages: {
    create: [oneRow('Bulk Message create is not supported'), noPermission],
    patch: [notOfPermission, someFields]
  },
  'messages/streaming': { create: [forbid('Streaming events require an executor-scoped token')] },
  'tasks/streaming': { create: [forbid('Streaming events require an executor-scoped token')] },
  'sessions/:id/prompt': { create: [noMetadata] },
  'tasks/:id/run': { create: [noMetadata] }
}

export function memberRules(app) {
  for (const [path, before] of Object.entries(RULES)) app.service(path).hooks({ before })
}
