// Does what it is told, a line at a time: makes a client, makes a call, tells what became of it.
import { createInterface } from 'node:readline';
import { inspect } from 'node:util';
import { TajoClient, TajoError } from '../../clients/js/sdk/index.mjs';
import clock from '../../clients/js/sdk/lib/clock.cjs';

let waits = [];
clock.pause = async (ms) => {
  waits.push(ms / 1000);
};

async function act({ name, args, options, take }) {
  const client = new TajoClient(options);
  if (!name) return inspect(client, { depth: 9, showHidden: true }) + JSON.stringify(client);
  const words = name.split('.');
  const last = words.pop();
  const part = words.reduce((found, word) => found[word], client);
  const value = await part[last](...args);
  if (typeof value?.[Symbol.asyncIterator] !== 'function') return value;
  const found = [];
  for await (const one of value) {
    found.push(one);
    if (take && found.length === take) break;
  }
  return found;
}

for await (const line of createInterface({ input: process.stdin })) {
  waits = [];
  const told = { value: null, fault: null };
  try {
    told.value = (await act(JSON.parse(line))) ?? null;
  } catch (error) {
    if (!(error instanceof TajoError || error instanceof TypeError)) throw error;
    const { name, message, remedy = '', status = 0, errors = [], afterS = null } = error;
    told.fault = { name, text: message, remedy, status, errors, after_s: afterS };
  }
  console.log(JSON.stringify({ ...told, waits }));
}
