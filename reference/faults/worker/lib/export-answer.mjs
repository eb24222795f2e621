// The records of an export, for faults in their output.

import { asks } from './asked.mjs';
import { linesOf } from './records.mjs';

/** @param {string} value @returns {string} in the form of contracts/api.md */
export function field(value) {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** @param {string[]} values @returns {string} one record with its end */
export function record(values) {
  const line = values.map(field).join(',');
  return `${line === '' ? '""' : line}\r\n`;
}

/**
 * @param {Response} response
 * @param {import('./wrapper.mjs').Call} call
 * @param {(records: string[][]) => string} write header first
 * @returns {Promise<Response>} a response other than a successful export is returned unchanged
 */
export async function exportWritten(response, call, write) {
  if (!asks(call, 'export') || response.status !== 200) return response;
  const records = linesOf(new Uint8Array(await response.arrayBuffer()), ',');
  const bytes = new TextEncoder().encode(write(records));
  const headers = new Headers(response.headers);
  headers.set('Content-Length', String(bytes.byteLength));
  return new Response(bytes, { status: 200, headers });
}
