// The first rows: somebody to log in as and somewhere to make sessions in.
import { randomBytes } from 'node:crypto'

import { newId, stamp } from './ids.mjs'

export async function seed(app) {
  const { workspace, workspaces, handshake } = app.get('version')
  const now = stamp()
  const email = 'peer@example.test'
  const password = randomBytes(12).toString('base64url')
  const key = `agor_sk_${randomBytes(24).toString('hex')}`
  const user = await app.service('users').create({
    user_id: newId(), email, password, name: 'Peer', emoji: '🤖', role: 'superadmin', preferences: {},
    onboarding_completed: true, must_change_password: false, created_at: now, updated_at: now
  })
  app.get('apiKeys')[key] = user.user_id
  const owned = { created_by: user.user_id, created_at: now, last_updated: now }
  const board = await app.service('boards').create({ board_id: newId(), name: 'Main board', slug: 'default', ...owned })
  const repo = await app.service('repos').create({ repo_id: newId(), slug: 'peer/repo', name: 'repo', default_branch: 'main', ...owned })
  const place = newId()
  await app.service(workspaces).create({
    [`${workspace}_id`]: place, repo_id: repo.repo_id, board_id: board.board_id, name: 'main', ref: 'main', path: '/peer/repo',
    filesystem_status: 'ready', archived: false, ...owned
  })
  const service = handshake ? { service_token: await app.service('authentication').serviceToken() } : {}
  return { email, password, api_key: key, user_id: user.user_id, workspace_id: place, ...service }
}
