// How the client waits. Tests put their own in its place.
'use strict';

const { setTimeout: pause } = require('node:timers/promises');

module.exports = { pause };
