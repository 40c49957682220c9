export * from './index.cjs';
export { ConnectorSDK as default } from './index.cjs';
