export type { PoolClient as Session } from 'pg';
export { Database, type DatabaseOptions } from './database';
export { Transaction, type Statement } from './transaction';
export { isConflict, isDatabaseUnavailable } from './errors';
