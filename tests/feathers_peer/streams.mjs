// Live text of a session goes to the sockets that joined it (`session-streams`), to services, and to the other sockets of
// the session's owner, unless such a socket has announced the capability to join.
import errors from '@feathersjs/errors'

import { EVENTS } from './events.mjs'
import { SERVICE_USER } from './login.mjs'

const { BadRequest } = errors
const isStream = (event) => /^(streaming|thinking|tool):/.test(event)
const isService = (connection) => connection.user?.user_id === SERVICE_USER.user_id

export function sessionStreams(app) {
  const capable = new WeakSet()
  const room = (session) => app.channel(`session-streams/${session}`)
  const publish = (data) => {
    const session = app.service('sessions').store[data?.session_id]
    const everybody = app.channel('authenticated')
    if (!session) return everybody.filter(isService)
    const owns = (connection) => connection.user?.user_id === session.created_by && !capable.has(connection)
    return [room(session.session_id), everybody.filter((connection) => isService(connection) || owns(connection))]
  }
  for (const service of ['messages', 'tasks']) {
    for (const event of EVENTS[service].filter(isStream)) app.service(service).publish(event, publish)
  }

  const socketOnly = (connection) => {
    if (!connection) throw new BadRequest('Session streams need a socket connection')
  }
  app.use('session-streams', {
    async create({ session_id: id, capability } = {}, { connection }) {
      socketOnly(connection)
      if (!id && capability === true) {
        capable.add(connection)
        return { session_id: '', subscribed: false }
      }
      if (!id) throw new BadRequest('session_id is required')
      const session = app.service('sessions').resolve(id)
      room(session).join(connection)
      return { session_id: session, subscribed: true }
    },
    async remove(session, { connection }) {
      socketOnly(connection)
      room(session).leave(connection)
      return { session_id: session, subscribed: false }
    }
  })
}
