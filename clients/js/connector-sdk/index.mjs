// The same for `import`: one copy of the code, whichever way it is loaded.
import sdk from './index.cjs';

export const { ConnectorSDK, ConnectorFaults, WebhookRefused } = sdk;
export default ConnectorSDK;
