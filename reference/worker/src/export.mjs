// `POST /api/files/{file_id}/export`: selected columns of the rows that pass the filters, as CSV.
// The whole file is parsed before the first byte is sent: a malformed file is refused, never
// truncated.

import { audit } from './audit.mjs';
import { invalid } from './errors.mjs';
import { readObject } from './json_body.mjs';
import { COMMA, CR, LF, QUOTE, readRecords, textOf, valuesOf } from './list_file.mjs';
import { readColumns, readFilters } from './row_filter.mjs';
import { contentOf, ownFile } from './files.mjs';
import { readable } from './processing.mjs';

const BLOCK = 1024 * 1024;

/** CSV by RFC 4180, collected in blocks so that it is never copied into one piece. */
class CsvWriter {
  constructor() {
    this.full = [];
    this.block = new Uint8Array(BLOCK);
    this.used = 0;
    this.size = 0;
  }

  byte(value) {
    if (this.used === this.block.length) this.#next();
    this.block[this.used] = value;
    this.used += 1;
    this.size += 1;
  }

  bytes(source, start, end) {
    let at = start;
    while (at < end) {
      if (this.used === this.block.length) this.#next();
      const count = Math.min(end - at, this.block.length - this.used);
      if (count < 64) {
        for (let i = 0; i < count; i += 1) this.block[this.used + i] = source[at + i];
      } else {
        this.block.set(source.subarray(at, at + count), this.used);
      }
      this.used += count;
      at += count;
    }
    this.size += end - start;
  }

  /** @param {boolean} doubled whether quotes in the source are doubled already */
  field(source, start, end, doubled) {
    let quoted = doubled;
    for (let at = start; at < end && !quoted; at += 1) {
      const byte = source[at];
      quoted = byte === COMMA || byte === QUOTE || byte === CR || byte === LF;
    }
    if (!quoted) {
      this.bytes(source, start, end);
      return;
    }
    this.byte(QUOTE);
    if (doubled) {
      this.bytes(source, start, end);
    } else {
      for (let at = start; at < end; at += 1) {
        if (source[at] === QUOTE) this.byte(QUOTE);
        this.byte(source[at]);
      }
    }
    this.byte(QUOTE);
  }

  /** Write a record: the fields of a row at these indexes, empty if the row is too short. */
  record(source, fields, indexes) {
    const before = this.size;
    for (let i = 0; i < indexes.length; i += 1) {
      if (i > 0) this.byte(COMMA);
      const index = indexes[i];
      if (index < fields.count) {
        this.field(source, fields.starts[index], fields.ends[index], fields.doubled[index] === 1);
      }
    }
    if (this.size === before) {
      // One empty field. Without quotes it would be an empty line, which is not a record.
      this.byte(QUOTE);
      this.byte(QUOTE);
    }
    this.byte(CR);
    this.byte(LF);
  }

  #next() {
    this.full.push(this.block);
    this.block = new Uint8Array(BLOCK);
    this.used = 0;
  }

  /** @returns {Uint8Array[]} */
  blocks() {
    return [...this.full, this.block.subarray(0, this.used)];
  }
}

/** @returns {Uint8Array} a field's value, with its doubled quotes made single */
function single(source, start, end) {
  const value = new Uint8Array(end - start);
  let length = 0;
  for (let at = start; at < end; at += 1) {
    value[length] = source[at];
    length += 1;
    if (source[at] === QUOTE) at += 1;
  }
  return value.subarray(0, length);
}

/**
 * @param {Uint8Array} bytes of the list file
 * @param {string[]} columns
 * @param {ReturnType<typeof readFilters>} filters
 * @returns {CsvWriter}
 * @throws {import('./errors.mjs').ApiError} 400 for an unknown column
 * @throws {import('./list_file.mjs').MalformedFile}
 */
export function exportRows(bytes, columns, filters) {
  const text = textOf(bytes);
  const writer = new CsvWriter();
  let indexes = null;
  let conditions = [];
  const choose = (names) => {
    const first = new Map();
    names.forEach((name, index) => first.has(name) || first.set(name, index));
    const unknown = columns.filter((name) => !first.has(name));
    if (unknown.length > 0) throw invalid({ columns: unknown.map((name) => `Unknown column: ${name}`) });
    const strangers = filters.filter(({ column }) => !first.has(column));
    if (strangers.length > 0) {
      throw invalid({ filters: strangers.map(({ column }) => `Unknown column: ${column}`) });
    }
    indexes = columns.map((name) => first.get(name));
    conditions = filters.map(({ column, test }) => ({ index: first.get(column), test }));
  };
  const place = { bytes: text, start: 0, end: 0 };
  const passes = (fields, { index, test }) => {
    place.bytes = text;
    place.start = 0;
    place.end = 0;
    if (index < fields.count) {
      place.start = fields.starts[index];
      place.end = fields.ends[index];
      if (fields.doubled[index]) {
        place.bytes = single(text, place.start, place.end);
        place.start = 0;
        place.end = place.bytes.length;
      }
    }
    return test(place);
  };
  readRecords(text, (fields, isHeader) => {
    if (isHeader) choose(valuesOf(text, fields));
    else if (!conditions.every((condition) => passes(fields, condition))) return;
    writer.record(text, fields, indexes);
  });
  if (indexes === null) choose([]);
  return writer;
}

/** @param {Uint8Array[]} blocks @param {number} size @returns {ReadableStream} of that length */
function stream(blocks, size) {
  const { readable: out, writable } = new FixedLengthStream(size);
  const send = async () => {
    const writer = writable.getWriter();
    try {
      for (const block of blocks) await writer.write(block);
      await writer.close();
    } catch {
      // The client closed the connection.
    }
  };
  send();
  return out;
}

/** @param {import('./router.mjs').Call} call @returns {Promise<Response>} */
export async function exportFile(call) {
  const { request, env, params } = call;
  const file = await ownFile(call, params.file_id);
  const body = await readObject(request);
  const columns = readColumns(body.columns);
  const filters = readFilters(body.filters);
  const bytes = await contentOf(call, file);
  const writer = readable(() => exportRows(bytes, columns, filters));
  audit(call, { action: 'export', type: 'file', id: file.file_id, userId: call.user.id });
  return new Response(stream(writer.blocks(), writer.size), {
    headers: {
      'Content-Type': 'text/csv; charset=utf-8',
      'Content-Disposition': 'attachment; filename="filtered.csv"',
      'Content-Length': String(writer.size),
    },
  });
}
