// Rows in memory, with the daemon's habits on top of FeathersJS's own adapter: short ids, domain errors that are not
// Feathers errors, and the nameless twin that every write through its base adapter pushes before `handshake`.
import { MemoryService } from '@feathersjs/memory'

import { bare, newId } from './ids.mjs'

export const PAGE = 10_000

// Plain exceptions: over a socket they arrive with a stack and no numeric code, over REST as a 500.
export class DomainError extends Error {
  constructor(name, message, extra = {}) {
    super(message)
    Object.assign(this, { name, ...extra })
  }
}

export const notFound = (kind, id) =>
  new DomainError('NotFoundError', `${kind} not found: ${id}`, { code: 'NOT_FOUND', resourceType: kind, id })

export const sqlError = (table, row) =>
  new DomainError(undefined, `Failed query: insert into "${table}" (…) values (…)`, {
    query: `insert into "${table}" (…) values (…)`,
    params: Object.values(row ?? {}),
    cause: { code: 'SQLITE_CONSTRAINT', name: 'LibsqlError' }
  })

export class Rows extends MemoryService {
  // `kind` names the row in errors; `prefixes: false` is for services that take full ids only; `page` is
  // {default, max}, the rows of one answer to find.
  constructor({ version, kind, id, prefixes = true, multi = false, missing = notFound, page = { default: PAGE, max: PAGE } }) {
    super({ id, multi, paginate: page })
    Object.assign(this, { version, kind, prefixes, missing, page })
  }

  all() {
    return Object.values(this.store)
  }

  resolve(id) {
    if (Object.hasOwn(this.store, id)) return id
    const wanted = bare(id)
    const matches = this.prefixes && wanted ? Object.keys(this.store).filter((key) => bare(key).startsWith(wanted)) : []
    if (matches.length === 1) return matches[0]
    if (matches.length > 1) {
      const message = `Ambiguous ID prefix '${id}' for ${this.kind} (${matches.length} matches: ${matches.join(', ')})`
      throw new DomainError('AmbiguousIdError', message, { entityType: this.kind, prefix: id, matches })
    }
    throw this.missing(this.kind, id)
  }

  fill(data) {
    return { [this.id]: newId(), ...data }
  }

  // `hook` of the emit is the call's params, which know no path and no result: hence an event without service or payload.
  twin(event, params) {
    if (!this.version.handshake) this.emit(event, null, params ?? {})
  }

  async find(params) {
    // A query that a schema has checked gets no default page from the adapter.
    return super.find({ ...params, query: { $limit: this.page.default, ...params?.query } })
  }

  async get(id, params) {
    return super.get(this.resolve(id), params)
  }

  // Several at once are one call, so that FeathersJS itself tells of each row once.
  async create(data, params) {
    const rows = await super.create(Array.isArray(data) ? data.map((item) => this.fill(item)) : this.fill(data), params)
    for (const _row of [rows].flat()) this.twin('created', params)
    return rows
  }

  // The daemon's update replaces what is sent and keeps the rest.
  async update(id, data, params) {
    const row = await super.patch(this.resolve(id), data, params)
    this.twin('updated', params)
    return row
  }

  async patch(id, data, params) {
    if (id === null && !this.allowsMulti('patch', params)) throw new Error('Multi-patch is not enabled')
    const rows = await super.patch(id === null ? null : this.resolve(id), data, params)
    this.twin('patched', params)
    return rows
  }

  async remove(id, params) {
    if (id === null) throw new Error('Multi-remove is not enabled')
    const row = await super.remove(this.resolve(id), params)
    this.twin('removed', params)
    return row
  }
}

// One page of rows, cut as older daemons cut them: REST strings are not coerced, so "1" + "2" is 12.
// `most` is for tests that want a daemon with small pages.
export function cut(rows, { $skip = 0, $limit: wanted = PAGE } = {}, most = Infinity) {
  const $limit = wanted > most ? most : wanted
  return { total: rows.length, limit: $limit, skip: $skip, data: rows.slice($skip, $skip + $limit) }
}
