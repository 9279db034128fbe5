import { Module, type BeforeApplicationShutdown, type DynamicModule, type OnApplicationBootstrap, type Type } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { Commands, type CommandOutcomes, type CommandsOptions } from './commands';

export interface CommandsRegistration {
  /** Class that is told what becomes of each command; a provider of the application. */
  readonly outcomes: Type<CommandOutcomes>;
  /** What `options` is called with: tokens of global providers, such as Database. */
  readonly inject: readonly (symbol | string | Type)[];
  readonly options: (...injected: never[]) => CommandsOptions;
}

const OUTCOMES = Symbol('command outcomes');

/** Offers `Commands` to the application; sends from its start to its end. */
@Module({})
export class CommandsModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(
    private readonly commands: Commands,
    private readonly modules: ModuleRef,
  ) {}

  static register({ outcomes, inject, options }: CommandsRegistration): DynamicModule {
    return {
      module: CommandsModule,
      global: true,
      providers: [
        { provide: Commands, inject: [...inject], useFactory: (...injected: never[]) => new Commands(options(...injected)) },
        // The class itself, not an instance: it may want Commands, and would be wanted by them.
        { provide: OUTCOMES, useValue: outcomes },
      ],
      exports: [Commands],
    };
  }

  onApplicationBootstrap(): void {
    const outcomes = this.modules.get<Type<CommandOutcomes>>(OUTCOMES);
    this.commands.start(this.modules.get(outcomes, { strict: false }));
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.commands.stop();
  }
}
