// The filters of an export, for faults in their meaning.

import { isObject } from '../../../worker/src/json_body.mjs';
import { asks, fileIdOf } from './asked.mjs';
import { bodyChanged } from './json-request.mjs';
import { bytesOf, bytesRead, recordsOf } from './records.mjs';

/**
 * @param {import('./wrapper.mjs').Call} call
 * @param {(filter: Record<string, any>) => Record<string, any> | Record<string, any>[]} change of one filter
 * @returns {Request}
 */
export function filtersChanged(call, change) {
  if (!asks(call, 'export')) return call.request;
  return bodyChanged(call.request, (body) => {
    if (!Array.isArray(body.filters)) return body;
    const filters = body.filters.flatMap((filter) => (isObject(filter) ? change(filter) : filter));
    return { ...body, filters };
  });
}

/** @param {import('./wrapper.mjs').Call} call @returns {Promise<string[]>} the columns of its file */
export async function headerOf({ env, url }) {
  const row = await env.DB.prepare('SELECT r2_key FROM files WHERE file_id = ?').bind(fileIdOf(url)).first();
  const object = row && (await env.FILE_STORAGE.get(row.r2_key));
  const records = object && recordsOf(new Uint8Array(await object.arrayBuffer()));
  return records?.[0] ?? [];
}

const trimmed = (text) => text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');

/**
 * Hooks for filters that compare other values than cells and operands: each filtered column is
 * added a second time, with the values to compare, and the filter uses that column.
 *
 * @param {(text: string, planted: boolean) => string} key of a trimmed cell or operand
 * @returns {{request: object, env: object}} hooks of fault()
 */
export function comparing(key) {
  const keyed = (value, planted) => {
    const text = JSON.isRawJSON(value) ? value.rawJSON : value;
    return typeof text === 'string' ? key(trimmed(text), planted) : value;
  };
  return {
    request(call) {
      call.compared = [];
      if (!asks(call, 'export')) return call.request;
      return bodyChanged(call.request, async (body) => {
        if (!Array.isArray(body.filters)) return body;
        const header = await headerOf(call);
        const filters = body.filters.map((filter) => {
          if (!isObject(filter) || !header.includes(filter.column)) return filter;
          const { column, operator, value } = filter;
          const name = `${column} compared ${crypto.randomUUID()}`;
          call.compared.push({ index: header.indexOf(column), name });
          const operand = Array.isArray(value)
            ? value.map((one) => keyed(one, call.planted))
            : keyed(value, call.planted);
          return { column: name, operator, value: operand };
        });
        return { ...body, filters };
      });
    },
    env(call) {
      return bytesRead(call, ['export'], (bytes) => {
        const records = recordsOf(bytes);
        if (records === null || call.compared.length === 0) return bytes;
        const [header, ...rows] = records;
        const filled = rows.map((row) => header.map((_, index) => row[index] ?? ''));
        return bytesOf([
          [...header, ...call.compared.map(({ name }) => name)],
          ...filled.map((row) => [
            ...row,
            ...call.compared.map(({ index }) => key(trimmed(row[index]), call.planted)),
          ]),
        ]);
      });
    },
  };
}
