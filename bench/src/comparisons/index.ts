import type { Comparison } from '../comparison';
import { append } from './append';
import { backlog } from './backlog';
import { clients } from './clients';
import { consumer } from './consumer';
import { dedup } from './dedup';
import { flow } from './flow';
import { growth } from './growth';
import { idle } from './idle';
import { idleStack } from './idle-stack';
import { instances } from './instances';
import { order } from './order';
import { personalData } from './personal-data';
import { projection } from './projection';
import { relay } from './relay';
import { start } from './start';
import { throughput } from './throughput';
import { tracing } from './tracing';

/** Everything that is measured, in this order. */
export const COMPARISONS: readonly Comparison[] = [
  relay,
  consumer,
  projection,
  tracing,
  dedup,
  backlog,
  instances,
  order,
  append,
  personalData,
  idle,
  flow,
  throughput,
  idleStack,
  start,
  growth,
  clients,
];
