import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { BackgroundLoop, Database } from '@past-tense/database';
import { LOGGER } from '@past-tense/service';
import { causedBy, inFlow, inSpan, type Logger } from '@past-tense/telemetry';
import { CustomerRepository, type OpenErasure } from '../storage/customer.repository';

/** So long after the last order is settled its customer is forgotten, at most, as long as the key store answers. */
const EVERY_MS = 2_000;

/**
 * Forgets those who asked for it while an order was on its way, once the last is settled. Their wishes are rows, so a restart loses none. Every
 * instance does it; nobody is forgotten twice.
 */
@Injectable()
export class ForgetWhenSettled implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #loop: BackgroundLoop;

  constructor(
    private readonly customers: CustomerRepository,
    private readonly database: Database,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#loop = new BackgroundLoop('Forgetting the customers whose orders are settled', () => this.#round(), logger);
  }

  onApplicationBootstrap(): void {
    this.#loop.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#loop.stop();
  }

  async #round(): Promise<number> {
    for (const erasure of await this.database.transaction((transaction) => this.customers.settledErasures(transaction)))
      await this.#forget(erasure);
    return EVERY_MS;
  }

  /** In the flow and the trace of the wish. */
  async #forget({ customerId, correlationId, causationId, traceparent }: OpenErasure): Promise<void> {
    const forget = () => this.database.transaction((transaction) => this.customers.forgetIfSettled(transaction, customerId, new Date()));
    await inFlow({ correlationId, causationId }, () =>
      traceparent ? inSpan('forget customer', {}, causedBy({ traceparent }, 'connected').parent, forget) : forget(),
    );
    this.logger.info({ customerId, correlationId }, 'a customer was forgotten, as the last of their orders is settled');
  }
}
