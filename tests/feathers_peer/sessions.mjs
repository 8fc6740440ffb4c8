// Session rows: what a new one holds, who sees its token, what goes when it goes.
import { newId, stamp } from './ids.mjs'
import { DomainError, Rows } from './rows.mjs'

export class Sessions extends Rows {
  constructor({ app, version }) {
    super({ version, kind: 'Session', id: 'session_id' })
    Object.assign(this, { app, secrets: {} })
  }

  fill(data) {
    const { workspace, workspaces } = this.version
    const place = `${workspace}_id`
    if (!data[place]) throw new DomainError('RepositoryError', `Session must have a ${place}`)
    const now = stamp()
    return {
      session_id: newId(), status: 'idle', agentic_tool: 'claude-code', created_at: now, last_updated: now, unix_username: null,
      [`${workspace}_board_id`]: this.app.service(workspaces).store[data[place]]?.board_id ?? null,
      git_state: { ref: 'main', base_sha: 'unknown', current_sha: 'unknown' }, contextFiles: [], tasks: [],
      genealogy: { parent_session_id: null, forked_from_session_id: null, children: [] },
      permission_config: { mode: 'acceptEdits' }, [`scheduled_from_${workspace}`]: false, ready_for_prompt: false, archived: false,
      ...data
    }
  }

  // Sessions have no board_id of their own: older daemons find none by it, newer ones look through the branch.
  async find(params) {
    const { board_id: board, ...query } = params?.query ?? {}
    if (!this.version.handshake || !board) return super.find(params)
    return super.find({ ...params, query: { ...query, branch_board_id: board } })
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

  // Its tasks and messages go with it, without events of their own.
  async remove(id, params) {
    const row = await super.remove(id, params)
    for (const service of ['tasks', 'messages']) {
      const { store } = this.app.service(service)
      for (const [key, child] of Object.entries(store)) if (child.session_id === row.session_id) delete store[key]
    }
    return row
  }
}
