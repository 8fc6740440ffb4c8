// GET /health, and what a socket is sent first. Since late August 2026 both say more, which hints at the newer daemons.
import { newId } from './ids.mjs'

const BUILD = { buildSha: 'peer', builtAt: null }
const FEATURES = { branchRbac: true, uploadPolicy: {}, webTerminalCapability: { enabled: false } }
const NEWER = {
  service: 'agor-daemon', deploymentId: 'peer', db: { ok: true, latencyMs: 0 }, realtime: { required: false, ready: true },
  auth: { requireAuth: true, externalLaunch: { enabled: false }, identity: { contractVersion: 1, localAuth: true } },
  features: FEATURES
}

export function serverInfo({ handshake }) {
  return handshake ? { ...BUILD, instanceId: 'peer', bootId: newId() } : BUILD
}

export const health = ({ handshake }) => ({
  async find() {
    const june = { status: 'ok', timestamp: Date.now(), version: '0.0.0-peer', ...BUILD, auth: { requireAuth: true }, instance: {}, services: {}, features: {} }
    return handshake ? { ...june, ...NEWER } : june
  }
})
