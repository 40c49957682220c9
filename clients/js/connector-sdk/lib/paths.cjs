// Paths into a record: names joined by dots, `[0]` for the place in a list.
'use strict';

const PATH = /^[A-Za-z_]\w*(?:\[\d+\])*(?:\.[A-Za-z_]\w*(?:\[\d+\])*)*$/;

/** Tell whether a text is a path. */
function isPath(text) {
  return typeof text === 'string' && text.length <= 200 && PATH.test(text);
}

/** Return what stands at a path, or at the first of several that leads to a value; undefined where nothing does. */
function find(record, path) {
  for (const one of [path].flat()) {
    const found = one.match(/\w+/g).reduce(step, record);
    if (found !== undefined && found !== null) return found;
  }
  return undefined;
}

function step(value, name) {
  return value !== null && typeof value === 'object' && Object.hasOwn(value, name) ? value[name] : undefined;
}

module.exports = { find, isPath };
