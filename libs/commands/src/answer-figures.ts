import { metrics } from '@opentelemetry/api';

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Counts and times the answers of a service. */
export class AnswerFigures {
  readonly #answered;
  readonly #duration;

  constructor() {
    const meter = metrics.getMeter('past-tense');
    this.#answered = meter.createCounter('past_tense.commands.answered', { description: 'Commands answered, by what became of them' });
    this.#duration = meter.createHistogram('rpc.server.call.duration', {
      description: 'How long a call took to answer',
      unit: 's',
      advice: { explicitBucketBoundaries: SECONDS },
    });
  }

  answered(method: string, outcome: string, statusCode: string, ms: number): void {
    this.#answered.add(1, { method, outcome });
    this.#duration.record(ms / 1000, { 'rpc.system.name': 'grpc', 'rpc.method': method, 'rpc.response.status_code': statusCode });
  }
}
