// The events of each service, and who gets them.
export const DEFAULT_EVENTS = ['created', 'updated', 'patched', 'removed']

export const EVENTS = {
  sessions: ['permission:request', 'permission:timeout'],
  tasks: ['queued', 'failed', 'tool:start', 'tool:complete', 'thinking:chunk'],
  messages: [
    'queued', 'streaming:start', 'streaming:chunk', 'streaming:end', 'streaming:error',
    'thinking:start', 'thinking:chunk', 'thinking:end', 'permission_resolved'
  ]
}
const PUBLISHED = ['sessions', 'tasks', 'messages', 'boards', 'branches', 'repos', 'users']

// Before `handshake` everything goes to every socket that logged in, the answers of routes too. Now only rows do, and the
// event of a call from outside comes after the caller's acknowledgement; FIFO, so events keep their order.
export function publishing(app, version) {
  const everybody = () => app.channel('authenticated')
  if (!version.handshake) {
    app.on('login', (_result, { connection }) => connection && everybody().join(connection))
    app.publish(everybody)
    return
  }
  app.on('connection', (connection) => everybody().join(connection))
  app.publish((_data, { path, params }) => {
    if (!PUBLISHED.includes(path)) return undefined
    return params?.provider ? new Promise((resolve) => setImmediate(() => resolve(everybody()))) : everybody()
  })
  app.service('messages').publish('permission_resolved', () => undefined)
}
