// List files, as a stage between R2 and the application reads them: parsed, changed, and written
// again so that the application reads the changed records. Malformed files stay unchanged.

import { delimiterOf, readRecords, textOf, valuesOf } from '../../../worker/src/list_file.mjs';
import { asks } from './asked.mjs';
import { binding } from './wrapper.mjs';

/** The operations that parse a list file: an upload counts its rows. */
export const READING = ['upload', 'columns', 'export'];

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** @param {Uint8Array} bytes @returns {Uint8Array | null} its text as UTF-8; null for a malformed file */
export function utf8Of(bytes) {
  try {
    return textOf(bytes);
  } catch {
    return null;
  }
}

/** @param {Uint8Array} bytes @returns {string[][] | null} header first; null for a malformed file */
export function recordsOf(bytes) {
  const text = utf8Of(bytes);
  const records = [];
  try {
    readRecords(text, (fields) => records.push(valuesOf(text, fields)));
  } catch {
    return null;
  }
  return records;
}

/**
 * Parse the records of a text with a given delimiter.
 *
 * @param {Uint8Array} utf8
 * @param {string} [delimiter] default: the one that the application finds
 * @returns {string[][] | null} an empty line is an empty record; null for a malformed file
 */
export function linesOf(utf8, delimiter = String.fromCharCode(delimiterOf(utf8))) {
  const text = decoder.decode(utf8);
  const quotes = '"((?:[^"]|"")*)"';
  const none = `([^"${delimiter}\\r\\n][^${delimiter}\\r\\n]*|)`;
  const field = new RegExp(`(?:${quotes}|${none})(\\r\\n|[${delimiter}\\r\\n]|$)`, 'y');
  const records = [];
  let record = [];
  while (field.lastIndex < text.length || record.length > 0) {
    const found = field.exec(text);
    if (found === null) return null;
    const [whole, quoted, plain, end] = found;
    record.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === delimiter) continue;
    records.push(record.length === 1 && whole === end ? [] : record);
    record = [];
    if (end === '') break;
  }
  return records;
}

/** @param {string[][]} records @returns {Uint8Array} CSV with each field in quotes */
export function bytesOf(records) {
  const quoted = (value) => `"${value.replaceAll('"', '""')}"`;
  return encoder.encode(records.map((record) => `${record.map(quoted).join(',')}\r\n`).join(''));
}

/**
 * @param {import('./wrapper.mjs').Call} call
 * @param {string[]} operations
 * @param {(bytes: Uint8Array) => Uint8Array} change
 * @returns {Record<string, any>} bindings with an R2 that returns changed bytes to these operations
 */
export function bytesRead(call, operations, change) {
  const { FILE_STORAGE: real } = call.env;
  if (!asks(call, ...operations)) return {};
  const get = async (...asked) => {
    const object = await real.get(...asked);
    if (object === null) return null;
    return binding(object, { arrayBuffer: async () => change(new Uint8Array(await object.arrayBuffer())) });
  };
  return { FILE_STORAGE: binding(real, { get }) };
}

/**
 * @param {import('./wrapper.mjs').Call} call
 * @param {string[]} operations
 * @param {(records: string[][]) => string[][]} change
 * @returns {Record<string, any>} bindings, as of bytesRead
 */
export function recordsRead(call, operations, change) {
  return bytesRead(call, operations, (bytes) => {
    const records = recordsOf(bytes);
    return records === null ? bytes : bytesOf(change(records));
  });
}
