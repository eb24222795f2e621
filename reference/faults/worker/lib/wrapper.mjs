// What every planted defect of the Worker is made of: the honest application between hooks. A hook that
// a fault does not name changes nothing, and the honest application knows nothing of any of them.

import honest from '../../../worker/src/index.mjs';

/**
 * One request on its way through a fault. planted is false for the neutral control.
 *
 * @typedef {{request: Request, url: URL, env: Record<string, any>, ctx: ExecutionContext,
 *   planted: boolean}} Call
 */

/** @param {Record<string, any>} env @returns {boolean} @throws when the var FAULT says neither of the two */
function isPlanted({ FAULT: fault }) {
  if (fault !== 'planted' && fault !== 'neutral') throw new Error(`FAULT must be planted or neutral: ${fault}`);
  return fault === 'planted';
}

/**
 * A Worker's entry with hooks around the honest application.
 *
 * @param {object} hooks all of them optional, all of them may be async but env and statement
 * @param {(call: Call) => Request | Promise<Request>} [hooks.request] what the application is asked
 * @param {(call: Call) => Record<string, any>} [hooks.env] bindings in place of the real ones
 * @param {(sql: string, call: Call) => string} [hooks.statement] what D1 is asked
 * @param {(response: Response, call: Call) => Response | Promise<Response>} [hooks.response] what the
 *   client is answered
 */
export function fault({ request: ask, env: bindings, statement, response: answer }) {
  return {
    /** @param {Request} request @param {Record<string, any>} env @param {ExecutionContext} ctx */
    async fetch(request, env, ctx) {
      const call = { request, url: new URL(request.url), env, ctx, planted: isPlanted(env) };
      const given = { ...env, ...bindings?.(call) };
      if (statement) given.DB = binding(env.DB, { prepare: (sql) => env.DB.prepare(statement(sql, call)) });
      const asked = ask ? await ask(call) : request;
      const response = await honest.fetch(asked, given, ctx);
      return answer ? answer(response, call) : response;
    },
  };
}

/**
 * A binding, or what a binding returned, with some of its members exchanged.
 *
 * @template T
 * @param {T} real
 * @param {Record<string, unknown>} members in place of those of that name
 * @returns {T}
 */
export function binding(real, members) {
  return new Proxy(real, {
    get(target, name) {
      if (Object.hasOwn(members, name)) return members[name];
      const value = target[name];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/**
 * A text of the honest application, with one place exchanged.
 *
 * @param {string} text
 * @param {RegExp} place
 * @param {string} replacement `$&` for the neutral control
 * @returns {string}
 * @throws when the place is not there: the application has changed, and the defect no longer fits it
 */
export function exchanged(text, place, replacement) {
  if (!place.test(text)) throw new Error(`the defect does not fit any more, there is no ${place} in: ${text}`);
  return text.replace(place, replacement);
}
