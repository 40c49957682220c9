// A program of a user, for the TypeScript compiler: what the clients give has types, and a wrong use is found.
import TajoClient, { Refused, TajoClient as Named, type answers } from '@tajo/sdk';
import ConnectorSDK, { ConnectorSDK as NamedSDK } from '@tajo/connector-sdk';

const tajo: Named = new TajoClient({ apiKey: 'k', brevoApiKey: 'b', baseUrl: 'http://127.0.0.1:8000' });
const run: answers.Run = await tajo.runs.wait((await tajo.connectors.sync('shopify', { full: true })).id);
const counts: Record<string, number> = run.counts;
const notes: string[] = [];
for await (const one of tajo.events.list({ state: 'parked', since: new Date(0) })) notes.push(one.note);
try {
  await tajo.skills.enable('customer-sync', { source: 'shopify', options: { syncMode: 'realtime', listId: 5 } });
} catch (error) {
  if (error instanceof Refused) console.log(error.errors.map((fault) => fault.path), error.remedy, counts);
}

const connector: NamedSDK = new ConnectorSDK({
  name: 'my-platform',
  version: '1.0.0',
  auth: { type: 'oauth2', authorizationUrl: 'https://a.example/authorize', tokenUrl: 'https://a.example/token' },
  resources: { customers: { endpoint: '/api/customers', mapping: { email: 'contact.email' } } },
  webhooks: { customer_created: '/webhooks/customer' },
});
const sent: answers.Accepted = await connector.handleWebhook('/webhooks/customer', {}, { client: tajo });
const told: number = sent.accepted;
console.log(told, JSON.stringify(connector));

// @ts-expect-error  a run has no such figure
console.log(run.figure);
// @ts-expect-error  a list is no array
console.log(tajo.events.list().length);
// @ts-expect-error  the name is missing
new ConnectorSDK({ version: '1.0.0', auth: { type: 'none' }, resources: {} });
