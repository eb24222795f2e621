// The unchanged Worker with other routes and field names, as deployments differ: /v2/… with a
// trailing slash instead of /api/…, `access` and `refresh` instead of `access_token` and
// `refresh_token`. This is not a planted fault: a run that declares these routes must be GO.

import app from "../../worker/src/index.mjs";

const OURS = { access: "access_token", refresh: "refresh_token" };
const THEIRS = { access_token: "access", refresh_token: "refresh" };

/** Return the object with its top-level keys renamed, and anything else unchanged. */
function renamed(value, names) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [names[key] ?? key, inner]));
}

/** Return a JSON text with its top-level keys renamed, and any other text unchanged. */
function renamedText(text, names) {
  try {
    return JSON.stringify(renamed(JSON.parse(text), names));
  } catch {
    return text;
  }
}

function isJson(headers) {
  return (headers.get("content-type") ?? "").startsWith("application/json");
}

export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    // The redirect to https contains the address that the client requested.
    if (url.protocol === "http:" && url.hostname !== "127.0.0.1") return app.fetch(request, env, ctx);
    if (url.pathname.startsWith("/api/")) url.pathname = "/api/moved-to-v2";
    else if (/^\/v2\/.*\/$/.test(url.pathname)) url.pathname = `/api/${url.pathname.slice(4, -1)}`;
    else if (url.pathname.startsWith("/v2")) url.pathname = "/api/no-trailing-slash";

    const body = isJson(request.headers) && request.body ? renamedText(await request.text(), OURS) : request.body;
    const headers = new Headers(request.headers);
    if (typeof body === "string") headers.set("content-length", String(new TextEncoder().encode(body).length));
    const inner = new Request(url, { method: request.method, headers, body, redirect: "manual" });

    const response = await app.fetch(inner, env, ctx);
    if (!isJson(response.headers) || request.method === "HEAD") return response;
    const answer = new Headers(response.headers);
    answer.delete("content-length");
    return new Response(renamedText(await response.text(), THEIRS), { status: response.status, headers: answer });
  },
};
