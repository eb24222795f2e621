// A range that begins behind the end of the file is answered 200 with the whole file, where 416 is
// promised. Ranges within the file are 206.

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
    // The size is known only when the application has asked for it.
    const get = (name) => {
      const behind = name.toLowerCase() === 'range' && Number(first) >= sizes.get(request);
      return planted && behind ? null : request.headers.get(name);
    };
    return binding(request, { headers: binding(request.headers, { get }) });
  },
});
