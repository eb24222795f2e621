// Every fifth response of /health and of the index takes 1.5 s, as after a cold start. The responses
// are right, and all other paths are as fast as usual.

import { fault } from './lib/wrapper.mjs';

const PATHS = ['/health', '/'];
const EVERY = 5;
const LATE_MS = 1500;

let asked = 0;

export default fault({
  async response(response, { url, planted }) {
    if (!PATHS.includes(url.pathname)) return response;
    asked += 1;
    if (planted && asked % EVERY === 0) await scheduler.wait(LATE_MS);
    return response;
  },
});
