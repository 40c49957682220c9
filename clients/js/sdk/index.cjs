// A client for a running Tajo Customer Sync. `lib/client.cjs` is where to begin; `lib/parts.cjs` has every call.
'use strict';

const { TajoClient } = require('./lib/client.cjs');
const errors = require('./lib/errors.cjs');

module.exports = { TajoClient, default: TajoClient, ...errors.classes };
