// The API versions that the peer speaks: what changed between daemons, by name.
//   worktrees: up to spring 2026; branches: June 2026; handshake: since late August 2026.
const JUNE = { workspace: 'branch', workspaces: 'branches', handshake: false, envelope: false }

export const VERSIONS = {
  // `envelope`: a prompt answers {success, taskId, …} instead of its task.
  worktrees: { ...JUNE, workspace: 'worktree', workspaces: 'worktrees', envelope: true },
  branches: JUNE,
  // Identity in the Socket.IO handshake, rooms, paged messages, member rules, no noise events.
  handshake: { ...JUNE, handshake: true }
}
export const DEFAULT_VERSION = 'handshake'
