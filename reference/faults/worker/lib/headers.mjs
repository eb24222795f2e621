// Response headers that a fault replaces or removes. Throws if the application has not set them, as
// exchanged does.

import { exchanged } from './wrapper.mjs';

/**
 * @param {Response} response changed in place
 * @param {string} name
 * @param {RegExp} place in its value
 * @param {string} replacement `$&` for the control
 * @returns {Response} the same
 */
export function headerExchanged(response, name, place, replacement) {
  response.headers.set(name, exchanged(response.headers.get(name) ?? '', place, replacement));
  return response;
}

/**
 * @param {Response} response changed in place
 * @param {string[]} names
 * @param {boolean} planted
 * @returns {Response} the same
 */
export function headersGone(response, names, planted) {
  for (const name of names) {
    headerExchanged(response, name, /^.+$/, '$&');
    if (planted) response.headers.delete(name);
  }
  return response;
}
