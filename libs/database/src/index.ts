export type { PoolClient as Session } from 'pg';
export { BackgroundLoop } from './background-loop';
export { Database, type DatabaseOptions } from './database';
export { DueRows, type DueRowsOptions } from './due-rows';
export { OldRows, type OldRowsOptions } from './old-rows';
export { Transaction, type Statement } from './transaction';
export { isConflict, isDatabaseUnavailable } from './errors';
export { WakeUp } from './wake-up';
