import { HttpException } from '@nestjs/common';

/** One wrong field of a request. */
export interface FieldProblem {
  /** JSON pointer (RFC 6901) to the field. */
  readonly pointer: string;
  readonly detail: string;
}

/** A problem document, RFC 9457. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance?: string;
  readonly correlationId?: string;
  readonly errors?: readonly FieldProblem[];
}

/** A refusal with a stable name that a client can act on; it becomes a problem document. */
export class Problem extends HttpException {
  /** Headers that belong to the answer, such as Retry-After. */
  headers: Readonly<Record<string, string>> = {};

  /**
   * @param slug stable name of the kind of problem, in kebab-case
   * @param detail one sentence about this case, for a person
   */
  constructor(status: number, slug: string, title: string, detail: string, errors?: readonly FieldProblem[]) {
    super({ type: `urn:past-tense:problem:${slug}`, title, status, detail, ...(errors && { errors }) } satisfies ProblemDocument, status);
  }

  /** The same problem, answered with these headers. */
  with(headers: Readonly<Record<string, string>>): this {
    this.headers = headers;
    return this;
  }
}

/** The JSON schema of a problem document, for the API documentation. */
export const problemSchema = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail'],
  properties: {
    type: { type: 'string', format: 'uri', description: 'Stable name of the kind of problem.' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'One sentence about this case.' },
    instance: { type: 'string', description: 'The path that was asked for.' },
    correlationId: { type: 'string', format: 'uuid' },
    errors: {
      type: 'array',
      items: { type: 'object', required: ['pointer', 'detail'], properties: { pointer: { type: 'string' }, detail: { type: 'string' } } },
    },
  },
};
