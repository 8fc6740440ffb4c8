// Who may call: FeathersJS's own authentication with local, jwt and a custom api-key strategy, and a refresh route.
// Before `handshake` the socket of a login is disconnected by FeathersJS itself when the access token expires
// (JWTStrategy.handleConnection). Since then nobody logs in on a socket: see handshake.mjs.
import authentication from '@feathersjs/authentication'
import local from '@feathersjs/authentication-local'
import errors from '@feathersjs/errors'

const { AuthenticationBaseStrategy, AuthenticationService, JWTStrategy } = authentication
const { LocalStrategy } = local
const { NotAuthenticated } = errors
const REFRESH_LIFE = '30d'
const SERVICE_LIFE = '30d'
const ACCESS_TYPES = [undefined, 'access', 'service']
export const SERVICE_USER = { user_id: 'executor-service', role: 'service', _isServiceAccount: true }

export const publicUser = ({ password, tokens_valid_after: _moved, ...user }) => user

class ApiKeyStrategy extends AuthenticationBaseStrategy {
  async authenticate({ apiKey }, params) {
    if (!String(apiKey ?? '').startsWith('agor_sk_')) throw new NotAuthenticated('Invalid API key format')
    const owner = this.app.get('apiKeys')[apiKey]
    if (!owner) throw new NotAuthenticated('Invalid API key')
    const { provider, ...inside } = params
    const user = await this.app.service('users').get(owner, { ...inside, query: {} })
    return { authentication: { strategy: this.name }, user: publicUser(user) }
  }

  async parse({ headers }) {
    const key = headers['x-api-key'] ?? /^Bearer (agor_sk_\S+)$/i.exec(headers.authorization ?? '')?.[1]
    return key ? { strategy: this.name, apiKey: key } : null
  }
}

// A token from before `tokens_valid_after` of its user (moved by the order `revoke`) is void.
const isVoid = (user, payload) => (payload.auth_time_ms ?? 0) < (user.tokens_valid_after ?? 0)

class TokenStrategy extends JWTStrategy {
  async getEntity(id, params) {
    return id === SERVICE_USER.user_id ? SERVICE_USER : super.getEntity(id, params)
  }

  async authenticate(request, params) {
    const result = await super.authenticate(request, params)
    if (isVoid(result.user, result.authentication.payload)) throw new NotAuthenticated('Session expired, please login again')
    return result
  }
}

// A JWT's times may be fractions. Whole seconds, as by default, would cut up to one second off the very short lives that
// tests ask for.
const LONG_LIFE = 10

class Logins extends AuthenticationService {
  // Later than any `tokens_valid_after`, also within the millisecond of a revocation.
  claims(user) {
    const now = Math.max(Date.now(), user.tokens_valid_after ?? 0)
    return { auth_time_ms: now, ...(this.configuration.jwtOptions.expiresIn < LONG_LIFE ? { iat: now / 1000 } : {}) }
  }

  accessToken(user) {
    return this.createAccessToken({ type: 'access', ...this.claims(user) }, { subject: user.user_id })
  }

  refreshToken(user) {
    const { auth_time_ms } = this.claims(user)
    return this.createAccessToken({ type: 'refresh', auth_time_ms }, { subject: user.user_id, expiresIn: REFRESH_LIFE })
  }

  serviceToken() {
    return this.createAccessToken({ type: 'service' }, { subject: SERVICE_USER.user_id, expiresIn: SERVICE_LIFE })
  }

  async getPayload({ user }, params) {
    const { handshake } = this.app.get('version')
    const { tokens_valid_after } = this.app.service('users').store[user.user_id] ?? {}
    const type = handshake ? { type: 'access' } : {}
    return { ...(await super.getPayload({ user }, params)), ...type, ...this.claims({ tokens_valid_after }) }
  }

  async verifyAccessToken(token, ...rest) {
    const payload = await super.verifyAccessToken(token, ...rest)
    if (!ACCESS_TYPES.includes(payload.type)) throw new Error('JWT type is not valid for daemon API authentication')
    if (this.app.get('version').handshake && !payload.exp) throw new NotAuthenticated('JWT does not expire')
    return payload
  }

  // The user of a refresh token, with what is private.
  async refreshing(token) {
    const payload = await super.verifyAccessToken(token).catch(() => ({}))
    const user = payload.type === 'refresh' ? this.app.service('users').store[payload.sub] : undefined
    if (!user || isVoid(user, payload)) throw new NotAuthenticated('Invalid or expired refresh token')
    return user
  }
}

// The identity of a socket is that of its handshake: no login, and no tokens, over a connection.
const immutable = (context) => {
  if (context.params.connection) throw new NotAuthenticated('Socket connection authentication is immutable')
}

export function logins(app) {
  const { handshake } = app.get('version')
  const service = new Logins(app)
  service.register('jwt', new TokenStrategy())
  service.register('local', new LocalStrategy())
  service.register('api-key', new ApiKeyStrategy())
  const counter = { count: 0 }

  const withRefreshToken = async (context) => {
    const { user, ...result } = context.result
    counter.count += 1
    const stored = app.service('users').store[user.user_id]
    context.result = { ...result, user: publicUser(user) }
    if (!stored) return
    context.result.refreshToken = await service.refreshToken(stored)
    // A login with a token got the same token back in June, a new one now.
    if (handshake && result.authentication.strategy === 'jwt') context.result.accessToken = await service.accessToken(stored)
  }
  app.use('authentication', service)
  app.service('authentication').hooks({
    before: { create: handshake ? [immutable] : [] },
    after: { create: [withRefreshToken] }
  })

  // Answers both tokens, and before `handshake` announces its answer to everybody: a client has to redact it.
  app.use('authentication/refresh', {
    async create({ refreshToken }) {
      const user = await service.refreshing(refreshToken)
      const accessToken = await service.accessToken(user)
      return { accessToken, refreshToken: await service.refreshToken(user), user: publicUser(user) }
    }
  })
  if (handshake) app.service('authentication/refresh').hooks({ before: { create: [immutable] } })
  return counter
}

// Every access and refresh token issued so far is void from now on. API keys and passwords still log in.
export function revokeTokens(app) {
  for (const user of app.service('users').all()) user.tokens_valid_after = Date.now() + 1
}
