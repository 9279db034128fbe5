import { Controller, Get, Inject } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { OpenToAll } from '@past-tense/auth';
import { Problem } from './problem';

/** What must work for the service to be ready; a check throws what is wrong. */
export type ReadyChecks = Readonly<Record<string, () => Promise<void>>>;

export const READY_CHECKS = Symbol('ready checks');

@ApiExcludeController()
@OpenToAll('Whatever watches the process asks; it learns no more than up or not.')
@Controller('health')
export class HealthController {
  #checking: Promise<string[]> | undefined;

  constructor(@Inject(READY_CHECKS) private readonly checks: ReadyChecks) {}

  /** The process runs and answers. */
  @Get('live')
  live(): { status: string } {
    return { status: 'up' };
  }

  /** The service can do its work. */
  @Get('ready')
  async ready(): Promise<{ status: string }> {
    // However many ask at once, it is found out once: this endpoint is open, and must not use up the database.
    this.#checking ??= this.#failed().finally(() => (this.#checking = undefined));
    const failed = await this.#checking;
    if (failed.length > 0) throw new Problem(503, 'not-ready', 'Not ready', `Not ready: ${failed.join(', ')}.`);
    return { status: 'ready' };
  }

  async #failed(): Promise<string[]> {
    const failed: string[] = [];
    for (const [name, check] of Object.entries(this.checks)) await check().catch(() => failed.push(name));
    return failed;
  }
}
