// Identity in the Socket.IO handshake: an access token in the header `Authorization: Bearer …` of the upgrade or polling
// request, or as `token` in the auth of the CONNECT packet. Every refusal looks the same.
import { SERVICE_USER, publicUser } from './login.mjs'

const LONGEST_TIMER = 2 ** 31 - 1

function refusal() {
  const error = new Error('Invalid or expired authentication token')
  error.data = { code: 401, className: 'not-authenticated' }
  return error
}

// Both given and different is no credential at all.
function presented({ headers, auth }) {
  const tokens = [/^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1], auth?.token].filter((token) => token !== undefined)
  if (new Set(tokens).size !== 1) throw new Error('exactly one token is needed')
  return String(tokens[0])
}

// A user's token is an entry ticket only; a service's socket ends with its token.
function cutAt(socket, exp) {
  const timer = setTimeout(() => socket.disconnect(true), Math.min(exp * 1000 - Date.now(), LONGEST_TIMER))
  socket.on('disconnect', () => clearTimeout(timer))
}

// What the connection holds is not verified again by any call on it.
export const identity = (app) => async (socket, next) => {
  try {
    const request = { strategy: 'jwt', accessToken: presented(socket.handshake) }
    const { user, authentication } = await app.service('authentication').authenticate(request, {}, 'jwt')
    const { accessToken: _token, ...projection } = authentication
    Object.assign(socket.feathers, { authenticated: true, authentication: projection, user: publicUser(user) })
    if (user.user_id === SERVICE_USER.user_id) cutAt(socket, authentication.payload.exp)
    next()
  } catch {
    next(refusal())
  }
}
