// What can go wrong with a call, each with what to do about it.
'use strict';

/** A call that was not done. Its message says what happened and what to do, and holds neither a key nor an address. */
class TajoError extends Error {
  /**
   * @param {string} detail what happened
   * @param {string} [remedy] what to do about it
   * @param {object} [more] `errors`: every single fault; `status`: of the answer, 0 without one; `kind`: of problem
   */
  constructor(detail, remedy = '', { errors = [], status = 0, kind = '' } = {}) {
    super([detail, remedy].filter(Boolean).join(' ') + errors.map(line).join(''));
    this.name = new.target.name;
    this.detail = detail;
    this.remedy = remedy;
    this.errors = errors;
    this.status = status;
    this.kind = kind;
  }
}

/** The client was given, or found in the environment, what it cannot work with; nothing was sent. */
class SettingsWrong extends TajoError {}
/** The service did not answer, and trying again did not help. */
class NotReached extends TajoError {}
/** Something answered at the address, but no service that this client can speak with. */
class NotTajo extends TajoError {}
/** The service is older than this client, and must be upgraded first. */
class TooOld extends NotTajo {}
/** The service says that the call is wrong; `errors` has all that is wrong with it. */
class Refused extends TajoError {}
/** The key is not one of the service's. */
class KeyRefused extends TajoError {}
/** The key may read only, and the call changes something. */
class RoleRefused extends TajoError {}
/** There is no such thing: it never was, or it is gone by now. */
class NotFound extends TajoError {}
/** The call does not fit how things stand: a run is under way already, or the Brevo account is another one. */
class Conflict extends TajoError {}
/** The key has used up its calls for now; `afterS` says when there are some again, in seconds, null if nobody said. */
class TooManyCalls extends TajoError {
  constructor(detail, remedy, { afterS = null, ...more } = {}) {
    super(detail, remedy, more);
    this.afterS = afterS;
  }
}
/** The service cannot do the call now: a fault in it, or something that it needs is away. */
class ServiceFault extends TajoError {}

// Status → error. Every other one from 500 on is a ServiceFault, and what is left is Refused.
const BY_STATUS = { 401: KeyRefused, 403: RoleRefused, 404: NotFound, 409: Conflict, 429: TooManyCalls };

function byStatus(status) {
  return BY_STATUS[status] ?? (status >= 500 ? ServiceFault : Refused);
}

function line(fault) {
  const found = fault.found == null ? '' : ` (found ${JSON.stringify(fault.found)})`;
  const choices = fault.choices?.length ? `; allowed: ${fault.choices.join(', ')}` : '';
  return `\n  ${fault.path || 'the body'}: ${fault.detail ?? ''}${found}${choices}`;
}

const classes = {
  TajoError,
  SettingsWrong,
  NotReached,
  NotTajo,
  TooOld,
  Refused,
  KeyRefused,
  RoleRefused,
  NotFound,
  Conflict,
  TooManyCalls,
  ServiceFault,
};
module.exports = { ...classes, classes, byStatus };
