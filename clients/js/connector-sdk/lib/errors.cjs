// What can be wrong with a description and with a webhook.
'use strict';

/** A description is wrong; `errors` has all that is wrong with it: `path`, `detail`, `found`, `choices`. */
class ConnectorFaults extends TypeError {
  constructor(errors) {
    super(`The connector's description has ${errors.length} fault(s):${errors.map(line).join('')}`);
    this.name = 'ConnectorFaults';
    this.errors = errors;
  }
}

/** A webhook cannot become an event; `remedy` says what to do. */
class WebhookRefused extends Error {
  constructor(detail, remedy) {
    super(`${detail} ${remedy}`);
    this.name = 'WebhookRefused';
    this.remedy = remedy;
  }
}

function line({ path, detail, found, choices }) {
  const seen = found === undefined ? '' : ` (found ${JSON.stringify(found) ?? String(found)})`;
  return `\n  ${path || 'the description'}: ${detail}${seen}${choices ? `; allowed: ${choices.join(', ')}` : ''}`;
}

module.exports = { ConnectorFaults, WebhookRefused };
