export * from './index.cjs';
export { TajoClient as default } from './index.cjs';
