// Starts the Worker on workerd through Miniflare, for a supervisor that sends and receives JSON
// lines on stdin and stdout (README.md describes the lines). All other output goes to stderr. There
// is no file watching, no reloading, and no request to any address except loopback.

import { createHash, createHmac } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire, enableCompileCache } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));

// Loading Miniflare's one large file takes a third of the start. Its compiled form is cached next
// to it, and require avoids the search for its exports that import does.
enableCompileCache(path.join(HERE, 'node_modules', '.cache'));

// V8 has one background thread on a machine of two cores. If Maglev compiles on it and waits for a
// garbage collection while the main thread waits for the same thread to sweep, workerd computes for
// ever and answers nothing (seen with workerd 1.20260730.1). Without Maglev nothing waits there.
process.env.MINIFLARE_WORKERD_V8_FLAGS = '--no-maglev';
const { Log, LogLevel, Miniflare } = createRequire(import.meta.url)('miniflare');

const REFERENCE = path.dirname(HERE);
const MIGRATIONS = path.join(HERE, 'migrations');
const FRONT_END = path.join(HERE, 'public');
const BUILD_PLACEHOLDER = '__BUILD_ID__';

// The plan's wrangler.toml.
const COMPATIBILITY_DATE = '2024-12-30';
const COMPATIBILITY_FLAGS = ['nodejs_compat'];

const REQUIRED_VARS = [
  'JWT_SECRET', 'JWT_REFRESH_SECRET', 'JWT_ISSUER', 'JWT_AUDIENCE', 'VERSION_ID', 'BUILD_ID',
];
const LOOPBACK = ['127.0.0.1', 'localhost', '::1'];
const RATE_PERIODS = [10, 60]; // the values that Cloudflare's binding accepts
const S3_PATH = '/cdn-cgi/local/r2/s3';
const D1_PATH = '/cdn-cgi/explorer/api/d1/database';
const ANSWER_MS = 10_000; // the machine may be busy
const HEALTH_MS = 2000;
const EXIT_MS = 900;

/** @param {unknown} line */
function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** @param {string} text */
function tell(text) {
  process.stderr.write(`${text}\n`);
}

/**
 * Copy public/ and write the build id into the copy, as a deployment does.
 *
 * @param {string} folder
 * @param {string} build
 */
function buildFrontEnd(folder, build) {
  rmSync(folder, { recursive: true, force: true });
  cpSync(FRONT_END, folder, { recursive: true });
  const page = path.join(folder, 'index.html');
  const escaped = build.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
  writeFileSync(page, readFileSync(page, 'utf8').replaceAll(BUILD_PLACEHOLDER, () => escaped));
}

/** @param {string} entry relative to reference/ @returns {string} absolute */
function entryPath(entry) {
  const absolute = path.resolve(REFERENCE, entry);
  if (!absolute.startsWith(REFERENCE + path.sep)) throw new Error(`entry is outside reference/: ${entry}`);
  if (!existsSync(absolute)) throw new Error(`no such entry: ${entry}`);
  return absolute;
}

/** @param {Record<string, any>} config the first line @throws {Error} with a description of the problem */
function check(config) {
  const { host = '127.0.0.1', port = 0, vars, rateLimit, s3 } = config;
  if (!LOOPBACK.includes(host)) throw new Error(`host must be loopback, not ${host}`);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`port is no port: ${port}`);
  if (typeof vars !== 'object' || vars === null) throw new Error('vars is missing');
  for (const name of REQUIRED_VARS) {
    if (!vars[name]) throw new Error(`vars.${name} is missing`);
  }
  for (const [name, value] of Object.entries(vars)) {
    if (typeof value !== 'string') throw new Error(`vars.${name} is no string`);
  }
  if (!Number.isInteger(rateLimit?.limit) || !RATE_PERIODS.includes(rateLimit.period)) {
    throw new Error(`rateLimit needs a limit and a period of ${RATE_PERIODS.join(' or ')} s`);
  }
  if (!s3?.accessKeyId || !s3?.secretAccessKey) throw new Error('s3 needs its two keys');
}

/** @param {string} host @param {number} port @returns {Promise<void>} rejected if it is in use */
function portIsFree(host, port) {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', (error) => {
      const taken = error.code === 'EADDRINUSE';
      reject(taken ? new Error(`port ${port} on ${host} is taken`) : error);
    });
    server.listen(port, host, () => server.close(resolve));
  });
}

/**
 * Send a request of the host's own.
 *
 * @param {URL} url on loopback
 * @param {{json?: string, ms?: number}} [options] body to post, time to wait
 * @returns {Promise<{status: number, body: string}>} whatever the status
 */
function ask(url, { json, ms = ANSWER_MS } = {}) {
  return new Promise((resolve, reject) => {
    const client = url.protocol === 'https:' ? https : http;
    const request = client.request(url, {
      method: json === undefined ? 'GET' : 'POST',
      headers: json === undefined ? {} : { 'Content-Type': 'application/json' },
      agent: false,
      rejectUnauthorized: false, // checking the certificate is the supervisor's task
    });
    const timer = setTimeout(() => request.destroy(new Error(`no answer from ${url}`)), ms);
    request.on('response', (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode, body: Buffer.concat(chunks).toString() }));
    });
    request.on('error', reject);
    request.on('close', () => clearTimeout(timer));
    request.end(json);
  });
}

/**
 * Wait for a response of the entry module. Miniflare replaces the whole workerd process if its
 * options change, and its port refuses connections meanwhile, so the next response comes from the
 * new module. /health is requested first because it also starts D1 and R2; if /health hangs, the
 * page is requested.
 *
 * @param {URL} url
 */
async function served(url) {
  try {
    await ask(new URL('/health', url), { ms: HEALTH_MS });
  } catch (error) {
    tell(`host: ${error.message}`);
    await ask(new URL('/', url));
  }
}

/**
 * @param {string} folder @param {string} d1Id @returns {string | null} the path of Miniflare's
 *   database file
 */
function databaseFile(folder, d1Id) {
  // Names of Durable Objects are converted to file names like this (workerd, idFromName; Miniflare
  // does the same).
  const kind = 'miniflare-D1DatabaseObject';
  const key = createHash('sha256').update(kind).digest();
  const name = createHmac('sha256', key).update(d1Id).digest().subarray(0, 16);
  const mac = createHmac('sha256', key).update(name).digest().subarray(0, 16);
  const file = path.join(folder, 'd1', kind, `${Buffer.concat([name, mac]).toString('hex')}.sqlite`);
  return existsSync(file) ? file : null;
}

/**
 * Run SQL by D1's REST interface. Several statements in one text are one transaction.
 *
 * @param {URL} database
 * @param {string} sql
 * @returns {Promise<unknown[][]>} the rows of the last statement
 */
async function run(database, sql) {
  const json = JSON.stringify({ sql });
  const { status, body } = await ask(new URL(`${database.pathname}/raw`, database), { json });
  if (status !== 200) throw new Error(`D1 answered ${status}: ${body}`);
  return JSON.parse(body).result.at(-1).results.rows;
}

/**
 * Apply the new files of migrations/, with the table that wrangler uses.
 *
 * @param {URL} database
 */
async function migrate(database) {
  const rows = await run(database, `
    CREATE TABLE IF NOT EXISTS d1_migrations(
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      name TEXT UNIQUE,
      applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
    );
    SELECT name FROM d1_migrations`);
  const applied = new Set(rows.flat());
  for (const name of readdirSync(MIGRATIONS).filter((file) => file.endsWith('.sql')).sort()) {
    if (applied.has(name)) continue;
    const script = readFileSync(path.join(MIGRATIONS, name), 'utf8');
    await run(database, `${script}\n;INSERT INTO d1_migrations (name) VALUES ('${name}')`);
    tell(`host: migration ${name} applied`);
  }
}

/** Write Miniflare's messages to stderr instead of stdout. */
class Messages extends Log {
  log(message) {
    tell(message);
  }
}

/** One Miniflare and its configuration. */
class Host {
  /** @param {Record<string, any>} config the first line */
  constructor(config) {
    check(config);
    this.config = config;
    this.entry = entryPath(config.entry ?? 'worker/src/index.mjs');
    this.vars = {
      RATE_LIMIT: String(config.rateLimit.limit),
      RATE_PERIOD: String(config.rateLimit.period),
      ...config.vars,
    };
    this.temporary = config.persist ? null : mkdtempSync(path.join(tmpdir(), 'list-cutter-worker-'));
    this.frontEnd = path.join(config.persist ?? this.temporary, 'front-end');
  }

  #options({ entry, vars }) {
    const { host = '127.0.0.1', port = 0, persist, s3, rateLimit, https: tls } = this.config;
    const compatibility = {
      compatibilityDate: COMPATIBILITY_DATE,
      compatibilityFlags: COMPATIBILITY_FLAGS,
    };
    return {
      host,
      port,
      ...(tls && { https: true, httpsKeyPath: tls.keyPath, httpsCertPath: tls.certPath }),
      ...(persist && { defaultPersistRoot: persist }),
      cf: false,
      telemetry: { enabled: false },
      unsafeLocalExplorer: true,
      logRequests: false,
      log: new Messages(LogLevel.WARN),
      handleRuntimeStdio: (stdout, stderr) => {
        for (const stream of [stdout, stderr]) stream.on('data', (text) => process.stderr.write(text));
      },
      workers: [
        {
          name: 'list-cutter',
          ...compatibility,
          modules: true,
          modulesRoot: REFERENCE,
          scriptPath: entry,
          modulesRules: [{ type: 'ESModule', include: ['**/*.mjs'] }],
          bindings: vars,
          d1Databases: { DB: this.config.d1Id ?? 'list-cutter' },
          r2Buckets: { FILE_STORAGE: { id: this.bucket, s3Credentials: s3 } },
          kvNamespaces: { AUTH_TOKENS: 'auth-tokens' },
          ratelimits: { RATE_LIMITER: { namespace_id: '1', simple: rateLimit } },
          serviceBindings: { ASSETS: 'front-end' },
        },
        // Cloudflare's own asset Worker serves the front end, behind the application. It is a
        // separate Worker here because Miniflare would otherwise send every request through its
        // asset router first, which costs the API a third of its requests per second.
        {
          name: 'front-end',
          ...compatibility,
          modules: true,
          script: 'export default { fetch: () => new Response(null, { status: 404 }) };',
          assets: {
            workerName: 'front-end',
            directory: this.frontEnd,
            routerConfig: { has_user_worker: false },
            assetConfig: { html_handling: 'auto-trailing-slash', not_found_handling: 'none' },
          },
        },
      ],
    };
  }

  get bucket() {
    return this.config.bucket ?? 'cutty-files';
  }

  /** @returns {Promise<object>} the ready line */
  async start() {
    const { host = '127.0.0.1', port = 0, persist, d1Id = 'list-cutter', workerdWrapper } = this.config;
    if (port !== 0) await portIsFree(host, port);
    if (workerdWrapper) process.env.MINIFLARE_WORKERD_PATH = workerdWrapper;
    if (persist) mkdirSync(persist, { recursive: true });
    buildFrontEnd(this.frontEnd, this.vars.BUILD_ID);
    this.miniflare = new Miniflare(this.#options(this));
    // Miniflare's own handlers exit at once and with another code.
    onSignals();
    const url = await this.miniflare.ready;
    // Use the same port later, even if it was selected as a free one.
    this.config.port = Number(url.port);
    const database = new URL(`${D1_PATH}/${d1Id}`, url);
    await migrate(database);
    await served(url);
    return {
      ready: true,
      url: url.origin,
      s3: url.origin + S3_PATH,
      d1: database.href,
      bucket: this.bucket,
      d1File: persist ? databaseFile(persist, d1Id) : null,
    };
  }

  /** @param {{entry?: string, vars?: Record<string, string | null>}} change null removes a var */
  async serve({ entry, vars = {} }) {
    const start = performance.now();
    const before = { entry: this.entry, vars: this.vars };
    const merged = Object.entries({ ...this.vars, ...vars }).filter(([, value]) => value !== null);
    const after = {
      entry: entry === undefined ? this.entry : entryPath(entry),
      vars: Object.fromEntries(merged),
    };
    check({ ...this.config, vars: after.vars });
    try {
      await this.#use(after);
    } catch (error) {
      await this.#use(before);
      throw error;
    }
    return { ok: true, ms: Math.round(performance.now() - start) };
  }

  async #use({ entry, vars }) {
    if (vars.BUILD_ID !== this.vars.BUILD_ID) buildFrontEnd(this.frontEnd, vars.BUILD_ID);
    Object.assign(this, { entry, vars });
    await this.miniflare.setOptions(this.#options(this));
    await served(await this.miniflare.ready);
  }

  async stop() {
    await this.miniflare?.dispose();
    if (this.temporary) rmSync(this.temporary, { recursive: true, force: true });
  }
}

let host = null;

/** @param {number} code exit code */
async function end(code) {
  setTimeout(() => process.exit(code), EXIT_MS).unref();
  try {
    await host?.stop();
  } catch (error) {
    tell(`host: ${error?.stack ?? error}`);
  }
  process.exit(code);
}

/** @param {unknown} error @returns {string} one line */
function reason(error) {
  return String(error?.message ?? error).replace(/\s+/g, ' ').trim();
}

/** @param {string} line @returns {Promise<object>} */
async function obey(line) {
  const { cmd, ...rest } = JSON.parse(line);
  if (cmd === 'ping') return { ok: true };
  if (cmd === 'serve') return host.serve(rest);
  throw new Error(`unknown command: ${cmd}`);
}

/** End on SIGTERM and SIGINT, without other handlers. */
function onSignals() {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.removeAllListeners(signal);
    process.on(signal, () => end(0));
  }
}

onSignals();
// If the supervisor has ended, it no longer reads.
process.stdout.on('error', () => end(1));

const lines = createInterface({ input: process.stdin });
let work = Promise.resolve();
lines.once('line', (first) => {
  work = (async () => {
    try {
      host = new Host(JSON.parse(first));
      say(await host.start());
    } catch (error) {
      tell(`host: ${error?.stack ?? error}`);
      say({ ready: false, error: reason(error) });
      await end(1);
    }
  })();
  lines.on('line', (line) => {
    work = work.then(async () => {
      try {
        say(await obey(line));
      } catch (error) {
        say({ ok: false, error: reason(error) });
      }
    });
  });
});
lines.once('close', () => end(0));
