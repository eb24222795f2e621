// The basis of every planted fault of the Worker: the application with hooks around it. A hook that
// a fault does not define changes nothing, and the application does not know the hooks.

import application from '../../../worker/src/index.mjs';

/**
 * A request on its way through a fault. planted is false for the control.
 *
 * @typedef {{request: Request, url: URL, env: Record<string, any>, ctx: ExecutionContext, planted:
 *   boolean}} Call
 */

/**
 * @param {Record<string, any>} env @returns {boolean} @throws if the var FAULT has neither of the
 *   two values
 */
function isPlanted({ FAULT: fault }) {
  if (fault !== 'planted' && fault !== 'control') throw new Error(`FAULT must be planted or control: ${fault}`);
  return fault === 'planted';
}

/**
 * A Worker's entry with hooks around the application.
 *
 * @param {object} hooks all optional; all may be async except env and statement
 * @param {(call: Call) => Request | Promise<Request>} [hooks.request] the request to the
 *   application
 * @param {(call: Call) => Record<string, any>} [hooks.env] bindings that replace the real ones
 * @param {(sql: string, call: Call) => string} [hooks.statement] the SQL for D1
 * @param {(response: Response, call: Call) => Response | Promise<Response>} [hooks.response] the
 *   response to the client
 */
export function fault({ request: ask, env: bindings, statement, response: answer }) {
  return {
    /** @param {Request} request @param {Record<string, any>} env @param {ExecutionContext} ctx */
    async fetch(request, env, ctx) {
      const call = { request, url: new URL(request.url), env, ctx, planted: isPlanted(env) };
      const given = { ...env, ...bindings?.(call) };
      if (statement) given.DB = binding(env.DB, { prepare: (sql) => env.DB.prepare(statement(sql, call)) });
      const asked = ask ? await ask(call) : request;
      const response = await application.fetch(asked, given, ctx);
      return answer ? answer(response, call) : response;
    },
  };
}

/**
 * Return a binding, or a result of one, with some of its members replaced.
 *
 * @template T
 * @param {T} real
 * @param {Record<string, unknown>} members replace those with the same name
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
 * Return a text of the application with one place replaced.
 *
 * @param {string} text
 * @param {RegExp} place
 * @param {string} replacement `$&` for the control
 * @returns {string}
 * @throws if the place does not exist: the application has changed, and the fault no longer fits it
 */
export function exchanged(text, place, replacement) {
  if (!place.test(text)) throw new Error(`the fault no longer fits: there is no ${place} in: ${text}`);
  return text.replace(place, replacement);
}
