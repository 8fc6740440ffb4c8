// Who may call: FeathersJS's own authentication with local, jwt and a custom api-key strategy, and a refresh route.
// The socket of a login is cut by FeathersJS itself when the access token expires (JWTStrategy.handleConnection).
import authentication from '@feathersjs/authentication'
import local from '@feathersjs/authentication-local'
import errors from '@feathersjs/errors'

const { AuthenticationBaseStrategy, AuthenticationService, JWTStrategy } = authentication
const { LocalStrategy } = local
const { NotAuthenticated } = errors
const REFRESH_LIFE = '30d'

class ApiKeyStrategy extends AuthenticationBaseStrategy {
  async authenticate({ apiKey }, params) {
    if (!String(apiKey ?? '').startsWith('agor_sk_')) throw new NotAuthenticated('Invalid API key format')
    const owner = this.app.get('apiKeys')[apiKey]
    if (!owner) throw new NotAuthenticated('Invalid API key')
    const { provider, ...inside } = params
    const user = await this.app.service('users').get(owner, { ...inside, query: {} })
    return { authentication: { strategy: this.name }, user: withoutPassword(user) }
  }

  async parse({ headers }) {
    const key = headers['x-api-key'] ?? /^Bearer (agor_sk_\S+)$/i.exec(headers.authorization ?? '')?.[1]
    return key ? { strategy: this.name, apiKey: key } : null
  }
}

// A JWT's times may be fractions. Whole seconds, as by default, would cut up to one second off the very short lives that
// tests ask for.
const LONG_LIFE = 10

class Logins extends AuthenticationService {
  minted() {
    return this.configuration.jwtOptions.expiresIn < LONG_LIFE ? { iat: Date.now() / 1000 } : {}
  }

  async getPayload(...args) {
    return { ...(await super.getPayload(...args)), ...this.minted() }
  }

  async verifyAccessToken(token, ...rest) {
    const payload = await super.verifyAccessToken(token, ...rest)
    if (payload.type && payload.type !== 'access') throw new Error('JWT type is not valid for daemon API authentication')
    return payload
  }

  verifyRefreshToken(token) {
    return super.verifyAccessToken(token)
  }
}

export const withoutPassword = ({ password, ...user }) => user

export function logins(app) {
  const service = new Logins(app)
  service.register('jwt', new JWTStrategy())
  service.register('local', new LocalStrategy())
  service.register('api-key', new ApiKeyStrategy())
  const refreshToken = (user) =>
    service.createAccessToken({ type: 'refresh' }, { subject: user.user_id, expiresIn: REFRESH_LIFE })

  app.use('authentication', service)
  app.service('authentication').hooks({
    after: {
      create: [
        async (context) => {
          const { user, ...result } = context.result
          context.result = { ...result, user: withoutPassword(user), refreshToken: await refreshToken(user) }
        }
      ]
    }
  })

  // Answers both tokens, and like every route announces its answer to everybody: a client has to redact it.
  app.use('authentication/refresh', {
    async create({ refreshToken: token }) {
      const payload = await service.verifyRefreshToken(token).catch(() => ({}))
      if (payload.type !== 'refresh') throw new NotAuthenticated('Invalid or expired refresh token')
      const user = withoutPassword(await app.service('users').get(payload.sub))
      const accessToken = await service.createAccessToken({ type: 'access', ...service.minted() }, { subject: user.user_id })
      return { accessToken, refreshToken: await refreshToken(user), user }
    }
  })
}
