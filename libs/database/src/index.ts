export type { PoolClient as Session } from 'pg';
export { Database, type DatabaseOptions } from './database';
export { DueRows, type DueRowsOptions } from './due-rows';
export { Transaction, type Statement } from './transaction';
export { isConflict, isDatabaseUnavailable } from './errors';
export { WakeUp } from './wake-up';
