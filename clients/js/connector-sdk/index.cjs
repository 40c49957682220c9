// Describes a connector and turns its webhooks into events. `lib/connector.cjs` is where to begin.
'use strict';

const { ConnectorSDK } = require('./lib/connector.cjs');
const { ConnectorFaults, WebhookRefused } = require('./lib/errors.cjs');

module.exports = { ConnectorSDK, default: ConnectorSDK, ConnectorFaults, WebhookRefused };
