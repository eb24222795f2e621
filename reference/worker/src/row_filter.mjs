// The filters of an export: their form in a request, and the test of a row. Cells and operands are
// UTF-8 bytes. Their byte order is the order of code points. Numbers are compared by their digits,
// never as floating point.

import { invalid } from './errors.mjs';
import { isObject, textProblem } from './json_body.mjs';

const SINGLE = ['=', '!=', '<', '<=', '>', '>='];
const SPACE = 32;
const DOT = 46;
const ZERO = 48;

// TextEncoder writes U+0000 to U+D7FF and so on; texts with half surrogates were refused before.
const encoder = new TextEncoder();

/** @typedef {{bytes: Uint8Array, start: number, end: number}} Place */
/**
 * @typedef {{sign: -1 | 0 | 1, power: number, first: number, last: number}} Decimal positions of
 *   the digits in the bytes, from the first one that is not zero; power is the power of ten of that
 *   digit
 */

function isSpace(byte) {
  return byte === SPACE || byte === 9 || byte === 10 || byte === 13;
}

function isDigit(byte) {
  return byte >= ZERO && byte <= ZERO + 9;
}

/** @param {Place} place narrowed to exclude spaces, TABs, CRs and LFs at both ends */
export function trim(place) {
  while (place.start < place.end && isSpace(place.bytes[place.start])) place.start += 1;
  while (place.end > place.start && isSpace(place.bytes[place.end - 1])) place.end -= 1;
}

/**
 * `[+-]?(digits[.digits*]|.digits)([eE][+-]?digits{1,3})?`
 *
 * @param {Place} place trimmed
 * @param {Decimal} [into] reused, to save an object per cell
 * @returns {Decimal | null} null if it is not a number
 */
export function decimalOf({ bytes, start, end }, into = {}) {
  let at = start;
  let sign = 1;
  if (bytes[at] === 43 || bytes[at] === 45) {
    sign = bytes[at] === 45 ? -1 : 1;
    at += 1;
  }
  let digits = 0;
  let wholeDigits = 0;
  let first = -1; // position of the first digit that is not zero
  let firstIndex = 0; // number of digits before it
  let dot = false;
  for (; at < end; at += 1) {
    const byte = bytes[at];
    if (isDigit(byte)) {
      if (first === -1 && byte !== ZERO) {
        first = at;
        firstIndex = digits;
      }
      digits += 1;
      if (!dot) wholeDigits += 1;
    } else if (byte === DOT && !dot) {
      dot = true;
    } else {
      break;
    }
  }
  if (digits === 0) return null;
  const last = at;
  let exponent = 0;
  if (at < end) {
    if (bytes[at] !== 101 && bytes[at] !== 69) return null;
    at += 1;
    let exponentSign = 1;
    if (bytes[at] === 43 || bytes[at] === 45) {
      exponentSign = bytes[at] === 45 ? -1 : 1;
      at += 1;
    }
    const count = end - at;
    if (count < 1 || count > 3) return null;
    for (; at < end; at += 1) {
      if (!isDigit(bytes[at])) return null;
      exponent = exponent * 10 + bytes[at] - ZERO;
    }
    exponent *= exponentSign;
  }
  into.sign = first === -1 ? 0 : sign;
  into.power = wholeDigits - firstIndex + exponent;
  into.first = first;
  into.last = last;
  return into;
}

/** @returns {number} below, equal to or above 0 */
function compareDecimals(leftBytes, left, rightBytes, right) {
  if (left.sign !== right.sign || left.sign === 0) return left.sign - right.sign;
  if (left.power !== right.power) return left.power < right.power ? -left.sign : left.sign;
  let i = left.first;
  let j = right.first;
  while (i < left.last || j < right.last) {
    if (i < left.last && leftBytes[i] === DOT) i += 1;
    if (j < right.last && rightBytes[j] === DOT) j += 1;
    const a = i < left.last ? leftBytes[i] : ZERO;
    const b = j < right.last ? rightBytes[j] : ZERO;
    if (a !== b) return a < b ? -left.sign : left.sign;
    i += 1;
    j += 1;
  }
  return 0;
}

/** @returns {number} below, equal to or above 0 */
function compareTexts(left, right) {
  const leftLength = left.end - left.start;
  const rightLength = right.end - right.start;
  const shared = Math.min(leftLength, rightLength);
  for (let i = 0; i < shared; i += 1) {
    const difference = left.bytes[left.start + i] - right.bytes[right.start + i];
    if (difference !== 0) return difference;
  }
  return leftLength - rightLength;
}

/** A text or number of a filter, prepared for comparison with cells. */
class Operand {
  /** @param {string} text */
  constructor(text) {
    const bytes = encoder.encode(text);
    this.place = { bytes, start: 0, end: bytes.length };
    trim(this.place);
    this.decimal = decimalOf(this.place);
    this.cellDecimal = {};
  }

  /**
   * @param {Place} cell trimmed
   * @returns {number} below, equal to or above 0 as the cell is below, equal to or above the operand
   */
  compare(cell) {
    if (this.decimal !== null) {
      const decimal = decimalOf(cell, this.cellDecimal);
      if (decimal !== null) {
        return compareDecimals(cell.bytes, decimal, this.place.bytes, this.decimal);
      }
    }
    return compareTexts(cell, this.place);
  }
}

/** @type {Record<string, (cell: Place, operands: Operand[]) => boolean>} */
const TESTS = {
  '=': (cell, [operand]) => operand.compare(cell) === 0,
  '!=': (cell, [operand]) => operand.compare(cell) !== 0,
  '<': (cell, [operand]) => operand.compare(cell) < 0,
  '<=': (cell, [operand]) => operand.compare(cell) <= 0,
  '>': (cell, [operand]) => operand.compare(cell) > 0,
  '>=': (cell, [operand]) => operand.compare(cell) >= 0,
  BETWEEN: (cell, [low, high]) => low.compare(cell) >= 0 && high.compare(cell) <= 0,
  IN: (cell, operands) => operands.some((operand) => operand.compare(cell) === 0),
};

/** @param {unknown} value @returns {string | null} its text, or null if it is neither a text nor a number */
function operandText(value) {
  if (JSON.isRawJSON(value)) return value.rawJSON;
  return textProblem(value) === null ? value : null;
}

/** @param {string} operator @param {unknown} value @returns {unknown[] | null} */
function operandsOf(operator, value) {
  if (SINGLE.includes(operator)) return [value];
  if (!Array.isArray(value)) return null;
  return (operator === 'BETWEEN' ? value.length === 2 : value.length > 0) ? value : null;
}

/**
 * @param {unknown} value `columns` of a request
 * @returns {string[]}
 * @throws {import('./errors.mjs').ApiError} 400
 */
export function readColumns(value) {
  const fits = Array.isArray(value) && value.length > 0 && value.every((name) => textProblem(name) === null);
  if (!fits) throw invalid({ columns: ['A list of one or more column names is needed.'] });
  return value;
}

/**
 * @param {unknown} value `filters` of a request
 * @returns {{column: string, test: (cell: Place) => boolean}[]} the cell need not be trimmed
 * @throws {import('./errors.mjs').ApiError} 400
 */
export function readFilters(value) {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalid({ filters: ['Not a list.'] });
  return value.map((filter, index) => {
    const refuse = (reason) => invalid({ filters: [`Filter ${index + 1}: ${reason}`] });
    if (!isObject(filter)) throw refuse('not an object.');
    const { column, operator, value: operand } = filter;
    if (textProblem(column) !== null) throw refuse('the column must be a text.');
    if (typeof operator !== 'string' || !Object.hasOwn(TESTS, operator)) throw refuse('unknown operator.');
    const operands = operandsOf(operator, operand)?.map(operandText);
    if (!operands || operands.includes(null)) throw refuse('the value does not fit the operator.');
    const ready = operands.map((text) => new Operand(text));
    const test = (cell) => {
      trim(cell);
      return TESTS[operator](cell, ready);
    };
    return { column, test };
  });
}
