import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { metrics, ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import { Database, DueRows } from '@past-tense/database';
import { LOGGER, SETTINGS } from '@past-tense/service';
import { contextOf, endWith, inFlow, inSpan, SEARCHABLE, type Logger } from '@past-tense/telemetry';
import { channel } from 'node:diagnostics_channel';
import { signCallback } from '../callbacks/sign-callback';
import { validSecrets } from '../secrets';
import type { WebhookSettings } from '../settings';
import { Subscriptions } from '../subscriptions/subscriptions';
import { TargetRefusedError, Targets } from '../targets/targets';
import { settleDelivered, settleFailed, settleParked, settleUnsent, settleUntried, takeDue, type DueDelivery } from './due-delivery';
import { post, type Answer } from './post';
import { delayAfter } from './retry-schedule';

// A point at which the crash tests kill the process: the receiver has answered, and nobody knows it yet.
const answered = channel('past-tense.after-webhook');

const CONCURRENCY = 20;
// From the end of an attempt to its settling; after that the delivery is taken again.
const SETTLE_MS = 5_000;
// For calls that run when the process is told to stop; all in all it has nine seconds.
const STOP_MS = 4_000;
const GONE = 410;
const USER_AGENT = 'past-tense-webhooks/1';

/**
 * Sends deliveries as they become due, with as many instances as there are: at least once, with the same `webhook-id` on every attempt.
 * A process that is killed loses nothing; what it had taken is taken again once its lease is over.
 */
@Injectable()
export class Sender implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #attempts = metrics
    .getMeter('past-tense')
    .createCounter('past_tense.webhooks.attempts', { unit: '{attempt}', description: 'Attempts to deliver a webhook' });
  readonly #due: DueRows<DueDelivery>;
  readonly #calls = new Set<AbortController>();
  #stopping = false;

  constructor(
    private readonly database: Database,
    private readonly subscriptions: Subscriptions,
    private readonly targets: Targets,
    @Inject(SETTINGS) private readonly settings: WebhookSettings,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#due = new DueRows({
      name: 'the webhook deliveries',
      database,
      take: takeDue(settings.WEBHOOK_TIMEOUT_MS + SETTLE_MS),
      handle: (delivery) => this.#handle(delivery),
      concurrency: CONCURRENCY,
      logger,
    });
  }

  onApplicationBootstrap(): void {
    this.#due.start();
  }

  /** Takes nothing more; calls that run may end, and those that do not are made again by another instance. */
  async onApplicationShutdown(): Promise<void> {
    const stopped = this.#due.stop();
    const cut = setTimeout(() => {
      this.#stopping = true;
      for (const call of this.#calls) call.abort();
    }, STOP_MS);
    await stopped;
    clearTimeout(cut);
  }

  /** Says that a delivery has become due in this process. */
  wake(): void {
    this.#due.wake();
  }

  async #handle(delivery: DueDelivery): Promise<void> {
    const { id, correlation_id: correlationId, traceparent, tracestate } = delivery;
    const deliver = () => inFlow({ correlationId: correlationId ?? id, causationId: id }, () => this.#deliver(delivery));
    try {
      if (!traceparent) {
        await deliver();
        return;
      }
      const attributes = { [SEARCHABLE.correlationId]: correlationId ?? id, 'messaging.message.id': id };
      const parent = contextOf({ traceparent, tracestate: tracestate ?? undefined }, ROOT_CONTEXT);
      await inSpan(`webhook ${delivery.type}`, { kind: SpanKind.CLIENT, attributes }, parent, async (span) => {
        const answer = await deliver();
        if (answer?.status) span.setAttribute('http.response.status_code', answer.status);
        if (answer && !answer.ok) endWith(span, new Error(answer.error));
      });
    } finally {
      // A place at this host is free; its next delivery need not wait for the next look at the table.
      this.wake();
    }
  }

  async #deliver(delivery: DueDelivery): Promise<Answer | undefined> {
    if (delivery.status === 'disabled') {
      await settleUnsent(this.database, delivery, 'the subscription is disabled');
      return undefined;
    }
    const answer = await this.#attempt(delivery);
    if (!answer.ok && this.#stopping) {
      // Nobody knows whether the receiver got it. That is no failure of the receiver, and the next attempt is not put off.
      await settleUntried(this.database, delivery);
      return undefined;
    }
    answered.publish(undefined);
    await this.#settle(delivery, answer);
    return answer;
  }

  async #attempt({ id, url, secrets, body }: DueDelivery): Promise<Answer> {
    const call = new AbortController();
    const timer = setTimeout(() => call.abort(), this.settings.WEBHOOK_TIMEOUT_MS);
    this.#calls.add(call);
    try {
      const target = await this.targets.check(url, call.signal);
      const now = new Date();
      const [newest, ...others] = validSecrets(secrets, now).map(({ secret }) => secret);
      const headers = {
        ...signCallback([newest!, ...others], id, now, body),
        'content-type': 'application/json',
        'user-agent': USER_AGENT,
      };
      return await post(target, headers, body, call.signal);
    } catch (error) {
      if (!(error instanceof TargetRefusedError)) throw error;
      this.logger.warn({ webhookId: id, reason: error.reason }, 'a webhook has a target that is not allowed');
      return { ok: false, error: call.signal.aborted ? 'timed out' : error.message };
    } finally {
      clearTimeout(timer);
      this.#calls.delete(call);
    }
  }

  async #settle(delivery: DueDelivery, answer: Answer): Promise<void> {
    const about = { webhookId: delivery.id, subscription: delivery.subscription, type: delivery.type, attempt: delivery.attempts + 1 };
    if (answer.ok) {
      await settleDelivered(this.database, delivery, answer.status);
      this.#note('delivered');
      this.logger.info({ ...about, status: answer.status }, 'delivered a webhook');
      return;
    }
    const gone = answer.status === GONE;
    const delayMs = gone ? undefined : delayAfter(this.settings.WEBHOOK_RETRY_DELAYS_MS, delivery.attempts + 1, answer.retryAfterMs);
    if (delayMs !== undefined) {
      await settleFailed(this.database, delivery, answer, delayMs);
      this.#note('failed');
      this.logger.info({ ...about, error: answer.error, delayMs }, 'a webhook could not be delivered; it is tried again');
      return;
    }
    await this.database.transaction(async (transaction) => {
      if (gone) await this.subscriptions.disable(transaction, delivery.subscription, delivery.url);
      await settleParked(transaction, delivery, answer);
    });
    this.#note('parked');
    this.logger.warn({ ...about, error: answer.error }, 'a webhook is parked; its owner or an operator can send it again');
  }

  #note(outcome: 'delivered' | 'failed' | 'parked'): void {
    this.#attempts.add(1, { outcome });
  }
}
