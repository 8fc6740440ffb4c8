// UUIDv7 ids (their first eight hex digits are a time bucket of about a minute) and short ids, which are prefixes.
import { randomBytes } from 'node:crypto'

export function newId(now = Date.now()) {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now, 0, 6)
  bytes[6] = 0x70 | (bytes[6] & 0x0f)
  bytes[8] = 0x80 | (bytes[8] & 0x3f)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

export const bare = (id) => String(id).replaceAll('-', '').toLowerCase()
export const shortForm = (id) => bare(id).slice(0, 24)
export const isFull = (id) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(String(id))
export const stamp = () => new Date().toISOString()
