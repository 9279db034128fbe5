import { Module } from '@nestjs/common';
import { CallbackInbox } from './callback-inbox';

/** Incoming callbacks of a service. Needs CALLBACKS_MIGRATIONS. */
@Module({ providers: [CallbackInbox], exports: [CallbackInbox] })
export class CallbacksModule {}
