// Whether a description is one: every fault of it, each with its path.
'use strict';

const { isPath } = require('./paths.cjs');

const NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
const VERSION = /^\d+\.\d+\.\d+$/;
const WORD = /^[a-z][a-z0-9_]*$/;
const ROUTE = /^\/[^\s?#]*$/;
const PATH_RULE = 'is no path: names joined by dots, [0] for the place in a list, as contact.emails[0].value';
const AUTH_TYPES = ['oauth2', 'none'];
const KEYS = {
  '': ['name', 'version', 'auth', 'resources', 'webhooks'],
  oauth2: ['type', 'authorizationUrl', 'tokenUrl', 'scopes'],
  none: ['type'],
  resource: ['endpoint', 'mapping'],
  webhook: ['path', 'resource', 'record', 'eventId', 'occurredAt'],
};

/** Return every fault of a description; none where it can be used. */
function faultsOf(given) {
  if (!isTable(given)) return [{ path: '', detail: 'is no object', found: given }];
  const faults = [];
  const say = (path, detail, found, choices) => faults.push({ path, detail, found, choices });
  unknownKeys(given, '', '', say);
  text(given.name, 'name', NAME, 'is no name: lower-case letters, digits and dashes, as my-platform', say);
  text(given.version, 'version', VERSION, 'is no version: three numbers, as 1.0.0', say);
  auth(given.auth, say);
  resources(given.resources, say);
  webhooks(given.webhooks ?? {}, isTable(given.resources) ? Object.keys(given.resources) : [], say);
  return faults;
}

function auth(given, say) {
  if (!isTable(given)) return say('auth', 'is no object with a type', given);
  if (!AUTH_TYPES.includes(given.type)) {
    return say('auth.type', 'is no way to sign in that there is', given.type, AUTH_TYPES);
  }
  unknownKeys(given, 'auth.', given.type, say);
  if (given.type === 'none') return undefined;
  for (const key of ['authorizationUrl', 'tokenUrl']) {
    if (!isHttps(given[key])) say(`auth.${key}`, 'is no https address', given[key]);
  }
  const { scopes = [] } = given;
  if (!Array.isArray(scopes) || !scopes.every((one) => typeof one === 'string' && one)) {
    say('auth.scopes', 'is no list of texts', scopes);
  }
  return undefined;
}

function resources(given, say) {
  if (!isTable(given) || Object.keys(given).length === 0) {
    return say('resources', 'is no object with at least one resource', given);
  }
  for (const [name, resource] of Object.entries(given)) {
    const at = `resources.${name}`;
    if (!WORD.test(name)) say(at, 'is no name: lower-case letters, digits and underscores', name);
    if (!isTable(resource)) {
      say(at, 'is no object with endpoint and mapping', resource);
      continue;
    }
    unknownKeys(resource, `${at}.`, 'resource', say);
    text(resource.endpoint, `${at}.endpoint`, ROUTE, 'is no path that begins with a slash', say);
    mapping(resource.mapping, `${at}.mapping`, say);
  }
  return undefined;
}

function mapping(given, at, say) {
  if (!isTable(given) || Object.keys(given).length === 0) return say(at, 'is no object: field → path', given);
  for (const [field, path] of Object.entries(given)) pathAt(path, `${at}.${field}`, say);
  return undefined;
}

function webhooks(given, names, say) {
  if (!isTable(given)) return say('webhooks', 'is no object: event → path', given);
  const routes = new Map();
  for (const [event, short] of Object.entries(given)) {
    const at = `webhooks.${event}`;
    const hook = typeof short === 'string' ? { path: short } : short;
    if (!WORD.test(event)) say(at, 'is no name of an event: lower-case letters, digits and underscores', event);
    if (!isTable(hook)) {
      say(at, 'is no path and no object with one', short);
      continue;
    }
    unknownKeys(hook, `${at}.`, 'webhook', say);
    const where = typeof short === 'string' ? at : `${at}.path`;
    text(hook.path, where, ROUTE, 'is no path that begins with a slash', say);
    if (routes.has(hook.path)) say(where, `is the path of ${routes.get(hook.path)} already`, hook.path);
    routes.set(hook.path, event);
    if (hook.resource !== undefined && !names.includes(hook.resource)) {
      say(`${at}.resource`, 'is not described under resources', hook.resource, names);
    }
    for (const key of ['record', 'eventId', 'occurredAt']) {
      if (hook[key] !== undefined) pathAt(hook[key], `${at}.${key}`, say);
    }
  }
  return undefined;
}

function pathAt(given, at, say) {
  const paths = [given].flat();
  if (paths.length === 0 || !paths.every(isPath)) say(at, PATH_RULE, given);
}

function text(given, at, rule, detail, say) {
  if (typeof given !== 'string' || !rule.test(given)) say(at, detail, given);
}

function unknownKeys(given, at, kind, say) {
  for (const key of Object.keys(given)) {
    if (!KEYS[kind].includes(key)) say(at + key, 'is not known here', undefined, KEYS[kind]);
  }
}

function isHttps(given) {
  try {
    return typeof given === 'string' && new URL(given).protocol === 'https:';
  } catch {
    return false;
  }
}

function isTable(given) {
  return given !== null && typeof given === 'object' && !Array.isArray(given);
}

module.exports = { faultsOf };
