// A range that begins after the end of the file returns 200 with the whole file instead of 416.
// Ranges within the file return 206.

import { binding, fault } from './lib/wrapper.mjs';

const sizes = new WeakMap();

export default fault({
  env({ request, url, env }) {
    if (!/^\/api\/files\/[^/]+\/download$/.test(url.pathname)) return {};
    const head = async (key) => {
      const found = await env.FILE_STORAGE.head(key);
      if (found) sizes.set(request, found.size);
      return found;
    };
    return { FILE_STORAGE: binding(env.FILE_STORAGE, { head }) };
  },
  request({ request, planted }) {
    const range = request.headers.get('Range');
    const [, first] = /^bytes=[ \t]*(\d+)-/i.exec(range ?? '') ?? [];
    if (first === undefined) return request;
    // The size is known only after the application has requested it.
    const get = (name) => {
      const behind = name.toLowerCase() === 'range' && Number(first) >= sizes.get(request);
      return planted && behind ? null : request.headers.get(name);
    };
    return binding(request, { headers: binding(request.headers, { get }) });
  },
});
