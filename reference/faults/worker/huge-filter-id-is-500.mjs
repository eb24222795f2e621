// A saved filter's number above the database's largest integer returns 500.

import { asks } from './lib/asked.mjs';
import { failed } from './lib/refusals.mjs';
import { fault } from './lib/wrapper.mjs';

const LARGEST = 2n ** 63n - 1n;

export default fault({
  response(response, call) {
    if (!asks(call, 'filter') || response.status !== 404) return response;
    const text = call.url.pathname.split('/').at(-1);
    const isHuge = /^\d+$/.test(text) && BigInt(text) > LARGEST;
    return isHuge && call.planted ? failed(response) : response;
  },
});
