// Parse a list file: encoding, delimiter, records and fields, as in contracts/api.md. Works on
// bytes: every character of the grammar is ASCII, which UTF-8 keeps, so only values that are shown
// or compared become texts. 50 MiB take well under a second and no copy. Filters are in
// row_filter.mjs, writing is in export.mjs.

export const TAB = 9;
export const LF = 10;
export const CR = 13;
export const QUOTE = 34;
export const COMMA = 44;
const SEMICOLON = 59;

// A header of millions of empty columns would be a list of millions of texts.
const COLUMN_LIMIT = 100_000;
const DECODE_STEP = 1024 * 1024;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** A file that does not match the grammar. The message gives the reason to the user. */
export class MalformedFile extends Error {}

/** @param {Uint8Array} bytes @returns {boolean} */
function isUtf8(bytes) {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    for (let at = 0; at < bytes.length; at += DECODE_STEP) {
      strict.decode(bytes.subarray(at, at + DECODE_STEP), { stream: true });
    }
    strict.decode();
    return true;
  } catch {
    return false;
  }
}

/**
 * Convert Windows-1252 to UTF-8. The decoder of the Encoding Standard reads the five bytes that
 * Windows-1252 does not define as the C1 controls of that number.
 *
 * @param {Uint8Array} bytes
 * @returns {Uint8Array}
 */
function windows1252AsUtf8(bytes) {
  const table = Array.from({ length: 256 }, (_, byte) =>
    new TextEncoder().encode(new TextDecoder('windows-1252').decode(Uint8Array.of(byte))));
  let size = 0;
  for (let i = 0; i < bytes.length; i += 1) size += bytes[i] < 128 ? 1 : table[bytes[i]].length;
  const text = new Uint8Array(size);
  let at = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    if (bytes[i] < 128) {
      text[at] = bytes[i];
      at += 1;
    } else {
      text.set(table[bytes[i]], at);
      at += table[bytes[i]].length;
    }
  }
  return text;
}

/**
 * @param {Uint8Array} bytes of the file
 * @returns {Uint8Array} its text as UTF-8 without a BOM
 * @throws {MalformedFile} for a NUL
 */
export function textOf(bytes) {
  if (bytes.indexOf(0) !== -1) throw new MalformedFile('The file contains a NUL byte.');
  const bom = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const text = bom ? bytes.subarray(3) : bytes;
  return isUtf8(text) ? text : windows1252AsUtf8(text);
}

/**
 * Return the delimiter: of comma, semicolon and TAB the one that occurs most often outside quotes
 * in the first record. The quotes must be recognized before the delimiter is known: a quote opens
 * at the start of the record or directly after any of the three.
 *
 * @param {Uint8Array} text
 * @returns {number}
 */
export function delimiterOf(text) {
  let at = 0;
  while (text[at] === LF || text[at] === CR) at += 1;
  const counts = { [COMMA]: 0, [SEMICOLON]: 0, [TAB]: 0 };
  let atStart = true;
  while (at < text.length && text[at] !== LF && text[at] !== CR) {
    const byte = text[at];
    if (byte === QUOTE && atStart) {
      at += 1;
      while (at < text.length && (text[at] !== QUOTE || text[at + 1] === QUOTE)) {
        at += text[at] === QUOTE ? 2 : 1;
      }
      atStart = false;
    } else {
      atStart = byte in counts;
      if (atStart) counts[byte] += 1;
    }
    at += 1;
  }
  const most = Math.max(...Object.values(counts));
  const winners = [COMMA, SEMICOLON, TAB].filter((byte) => counts[byte] === most);
  return winners.length === 1 ? winners[0] : COMMA;
}

/**
 * The fields of one record as positions in the text. The position of a quoted field is that between
 * its quotes. The object is reused for the next record.
 */
class Fields {
  constructor() {
    this.count = 0;
    this.starts = new Int32Array(64);
    this.ends = new Int32Array(64);
    /** 1 if quotes are doubled, so that the bytes are not yet the value */
    this.doubled = new Uint8Array(64);
  }

  add(start, end, doubled) {
    if (this.count === this.starts.length) {
      const grown = (Kind, old) => {
        const larger = new Kind(old.length * 2);
        larger.set(old);
        return larger;
      };
      this.starts = grown(Int32Array, this.starts);
      this.ends = grown(Int32Array, this.ends);
      this.doubled = grown(Uint8Array, this.doubled);
    }
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.doubled[this.count] = doubled;
    this.count += 1;
  }
}

/**
 * Read the records of a text, header first, without empty lines.
 *
 * @param {Uint8Array} text from textOf
 * @param {(fields: Fields, isHeader: boolean) => void} each of a row at most as many fields as the
 *   header has: the others are not reachable
 * @throws {MalformedFile}
 */
export function readRecords(text, each) {
  const delimiter = delimiterOf(text);
  const end = text.length;
  const fields = new Fields();
  let limit = COLUMN_LIMIT;
  let isHeader = true;
  let at = 0;
  while (at < end) {
    if (text[at] === LF || text[at] === CR) {
      at += 1; // an empty line, or the LF of a CRLF
      continue;
    }
    fields.count = 0;
    let count = 0;
    for (;;) {
      let start = at;
      let stop;
      let doubled = 0;
      if (text[at] === QUOTE) {
        start += 1;
        at += 1;
        for (;;) {
          while (at < end && text[at] !== QUOTE) at += 1;
          if (at >= end) throw new MalformedFile('A quote is never closed.');
          if (text[at + 1] !== QUOTE) break;
          doubled = 1;
          at += 2;
        }
        stop = at;
        at += 1;
        if (at < end && text[at] !== delimiter && text[at] !== LF && text[at] !== CR) {
          throw new MalformedFile('There is text after a closing quote.');
        }
      } else {
        while (at < end) {
          const byte = text[at];
          if (byte === delimiter || byte === LF || byte === CR) break;
          at += 1;
        }
        stop = at;
      }
      if (count < limit) fields.add(start, stop, doubled);
      else if (isHeader) throw new MalformedFile(`The header has more than ${COLUMN_LIMIT} columns.`);
      count += 1;
      if (at >= end || text[at] !== delimiter) break;
      at += 1;
    }
    at += 1; // the line end; the LF of a CRLF remains, which the next iteration reads as an empty line
    each(fields, isHeader);
    if (isHeader) limit = count;
    isHeader = false;
  }
}

/**
 * @param {Uint8Array} text
 * @param {Fields} fields
 * @param {number} index
 * @returns {string} the field's value
 */
export function valueOf(text, fields, index) {
  const value = decoder.decode(text.subarray(fields.starts[index], fields.ends[index]));
  return fields.doubled[index] ? value.replaceAll('""', '"') : value;
}

/** @returns {string[]} the values of all fields of a record */
export function valuesOf(text, fields) {
  return Array.from({ length: fields.count }, (_, index) => valueOf(text, fields, index));
}

/**
 * @param {Uint8Array} bytes of the file
 * @returns {{columns: string[], row_count: number, column_count: number}} no columns for a file
 *   without a record
 * @throws {MalformedFile}
 */
export function shapeOf(bytes) {
  const text = textOf(bytes);
  let columns = [];
  let rows = 0;
  readRecords(text, (fields, isHeader) => {
    if (isHeader) columns = valuesOf(text, fields);
    else rows += 1;
  });
  return { columns, row_count: rows, column_count: columns.length };
}
