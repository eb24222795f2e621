// What stands before Workers at Cloudflare, as far as tests need it: TLS, HTTP/2 or not, a redirect, and the choice of
// a deployed version by the override header. Reads one line of JSON, writes its port, ends with its stdin.
//
//   tls        {key, cert} as PEM; plain http without
//   http2      whether HTTP/2 is agreed on when it is offered
//   versions   id -> URL of the Worker that runs it; the first has all the traffic
//   script     the Worker's name, which an override has to name
//   redirect   where every request is sent in place of a Worker

import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { createInterface } from 'node:readline';

const OF_ONE_HOP = ['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'host'];

/** @param {Record<string, any>} headers @returns {Record<string, any>} */
function passedOn(headers) {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !name.startsWith(':') && !OF_ONE_HOP.includes(name)),
  );
}

/** An override that does not fit is ignored in silence, as Cloudflare does. */
function upstreamOf(headers, { versions, script }) {
  const [, name, id] = /^([\w-]+)="([^"]*)"$/.exec(headers['cloudflare-workers-version-overrides'] ?? '') ?? [];
  return (name === script && versions[id]) || Object.values(versions)[0];
}

function serve(options) {
  const answer = (request, response) => {
    if (options.redirect) {
      response.writeHead(301, { location: options.redirect + request.url });
      response.end();
      return;
    }
    const target = new URL(request.url, upstreamOf(request.headers, options));
    const onward = http.request(target, { method: request.method, headers: passedOn(request.headers) }, (from) => {
      response.writeHead(from.statusCode, passedOn(from.headers));
      from.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  };
  if (!options.tls) return http.createServer(answer);
  if (!options.http2) return https.createServer(options.tls, answer);
  return http2.createSecureServer({ ...options.tls, allowHTTP1: true }, answer);
}

const lines = createInterface({ input: process.stdin });
lines.once('line', (line) => {
  const server = serve(JSON.parse(line));
  server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
});
lines.once('close', () => process.exit(0));
