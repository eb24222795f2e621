// A proxy with the features of Cloudflare's edge that tests need: TLS, optional HTTP/2, a redirect, and the
// choice of a deployed version by the override header. Reads one line of JSON, writes its port, and ends
// when its stdin ends.
//
//   tls        {key, cert} as PEM; plain http if it is missing
//   http2      true: use HTTP/2 if the client offers it
//   versions   id -> URL of the Worker that runs it; the first gets all traffic
//   script     the Worker's name, which an override must contain
//   redirect   the URL to redirect every request to, instead of a Worker

import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { createInterface } from 'node:readline';

const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'host'];

/** @param {Record<string, any>} headers @returns {Record<string, any>} */
function endToEnd(headers) {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !name.startsWith(':') && !HOP_BY_HOP.includes(name)),
  );
}

/** Return the Worker for a request. An override that does not match is ignored, as at Cloudflare. */
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
    const onward = http.request(target, { method: request.method, headers: endToEnd(request.headers) }, (from) => {
      response.writeHead(from.statusCode, endToEnd(from.headers));
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
