// The same for programs that `require`.
import sdk = require('@tajo/sdk');
import connectors = require('@tajo/connector-sdk');

const tajo = new sdk.TajoClient({ tries: 2 });
tajo.status().then((status) => {
  const waiting: number = status.waiting;
  console.log(waiting, connectors.ConnectorSDK.name);
});
