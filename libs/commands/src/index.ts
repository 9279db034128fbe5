import type { DatabaseOptions } from '@past-tense/database';
import { CreateAnsweredCommands1763721300000 } from './migrations/1763721300000-create-answered-commands';
import { CreateCommands1763721300001 } from './migrations/1763721300001-create-commands';
import { PeopleOfCommands1763760000001 } from './migrations/1763760000001-people-of-commands';

/** What makes the table of a service that answers commands. */
export const COMMAND_SERVER_MIGRATIONS: DatabaseOptions['migrations'] = [CreateAnsweredCommands1763721300000];
/** What makes the table of a service that sends commands. */
export const COMMANDS_MIGRATIONS: DatabaseOptions['migrations'] = [CreateCommands1763721300001, PeopleOfCommands1763760000001];
export { CommandClient, overTls, type CommandClientOptions, type CommandToSend } from './command-client';
export { Handles, type Command, type CommandHandler, type CommandHandlerClass } from './command-handler';
export { connectCommands, type CommandServerOptions } from './command-server';
export { Commands, type CommandOutcomes, type CommandRequest, type CommandsOptions, type SettledCommand } from './commands';
export { CommandsModule, type CommandsRegistration } from './commands.module';
export { NotYet, Refusal, type Outcome } from './outcome';
