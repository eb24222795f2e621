// The unchanged Worker with a slow KV: a write to AUTH_TOKENS becomes visible only after
// env.KV_DELAY_S seconds. Cloudflare's KV may take 60 s and longer, and does not promise that a
// location sees its own writes (https://developers.cloudflare.com/kv/concepts/how-kv-works/), so no
// request sees them earlier here. This is not a planted fault: a run that allows KV this time must
// be GO.
//
// All state is in KV itself, because the isolate may end before the next request. Each key holds a
// JSON list of its latest states, oldest first. The visible state is the last one whose time has
// come.

import application from '../../worker/src/index.mjs';

// KV refuses an expiry that is closer than this.
const KV_MINIMUM_TTL_S = 60;

/**
 * A write: value null is a deletion, expires null is never; times in ms since 1970.
 * @typedef {{value: string | null, visible: number, expires: number | null}} State
 */

/** @param {Record<string, any>} env @returns {number} ms @throws if KV_DELAY_S is not a number of seconds */
function delayOf({ KV_DELAY_S: seconds }) {
  const delay = Number(seconds) * 1000;
  if (!seconds || !(delay >= 0)) throw new Error(`KV_DELAY_S must be a number of seconds: ${seconds}`);
  return delay;
}

/**
 * A KV namespace of texts whose writes become visible late. It has get, put and delete, which the
 * Worker uses. Anything else throws, so that no access bypasses the delay.
 */
class LateNamespace {
  /** @param {KVNamespace} real @param {number} delay in ms */
  constructor(real, delay) {
    this.real = real;
    this.delay = delay;
  }

  /** @param {string} key @returns {Promise<State[]>} */
  async #states(key) {
    const text = await this.real.get(key);
    if (text === null) return [];
    // An entry that was written while another module was served has no list and is visible.
    return text.startsWith('[') ? JSON.parse(text) : [{ value: text, visible: 0, expires: null }];
  }

  /** @param {string} key @param {State} state with the time from which it is visible */
  async #write(key, state) {
    const now = Date.now();
    const before = await this.#states(key);
    const seen = before.findLast(({ visible }) => visible <= now);
    // States older than the visible one are never visible again.
    const states = [...before.filter((other) => other === seen || other.visible > now), state];
    // A visible deletion can be dropped: a missing entry reads the same.
    const last = Math.max(...states.map(({ visible, expires }) => Math.max(visible, expires ?? visible)));
    const forEver = state.value !== null && state.expires === null;
    const options = forEver ? {} : { expiration: Math.ceil(last / 1000) + KV_MINIMUM_TTL_S };
    await this.real.put(key, JSON.stringify(states), options);
  }

  /** @param {string} key @param {'text' | 'json' | undefined} [type] @returns {Promise<any>} null when there is none */
  async get(key, type = 'text') {
    if (typeof key !== 'string' || !['text', 'json'].includes(type)) throw new Error('only one key, text or json');
    const now = Date.now();
    const seen = (await this.#states(key)).findLast(({ visible }) => visible <= now);
    if (!seen || seen.value === null || (seen.expires !== null && seen.expires <= now)) return null;
    return type === 'json' ? JSON.parse(seen.value) : seen.value;
  }

  /** @param {string} key @param {string} value @param {{expirationTtl?: number, expiration?: number}} [options] */
  async put(key, value, { expirationTtl, expiration, ...others } = {}) {
    if (typeof value !== 'string' || Object.keys(others).length > 0) throw new Error('only texts, without metadata');
    if (expirationTtl < KV_MINIMUM_TTL_S) throw new Error(`KV refuses an expirationTtl of ${expirationTtl}`);
    const now = Date.now();
    const expires = expirationTtl ? now + expirationTtl * 1000 : expiration ? expiration * 1000 : null;
    await this.#write(key, { value, visible: now + this.delay, expires });
  }

  /** @param {string} key */
  async delete(key) {
    await this.#write(key, { value: null, visible: Date.now() + this.delay, expires: null });
  }
}

export default {
  /** @param {Request} request @param {Record<string, any>} env @param {ExecutionContext} ctx */
  async fetch(request, env, ctx) {
    const late = new LateNamespace(env.AUTH_TOKENS, delayOf(env));
    return application.fetch(request, { ...env, AUTH_TOKENS: late }, ctx);
  },
};
