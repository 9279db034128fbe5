import { applyDecorators, Query, type PipeTransform } from '@nestjs/common';
import { ApiQuery } from '@nestjs/swagger';
import { Problem } from '@past-tense/service';
import { z } from 'zod';

class QueryPipe<S extends z.ZodType> implements PipeTransform {
  constructor(private readonly schema: S) {}

  transform(value: unknown): z.infer<S> {
    const result = this.schema.safeParse(value);
    if (result.success) return result.data;
    const errors = result.error.issues.flatMap((issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({ pointer: `/${escaped(key)}`, detail: 'is not a parameter of this request' }))
        : [{ pointer: `/${issue.path.map((part) => escaped(String(part))).join('/')}`, detail: issue.message }],
    );
    throw new Problem(
      400,
      'invalid-request',
      'The request is not valid',
      `${errors.length === 1 ? 'One query parameter is' : `${errors.length} query parameters are`} not as the API describes them.`,
      errors,
    );
  }
}

const escaped = (part: string) => part.replaceAll('~', '~0').replaceAll('/', '~1');

/** Injects the query parameters, checked; wrong ones become a problem document that names each of them. */
export const ValidQuery = (schema: z.ZodType): ParameterDecorator => Query(new QueryPipe(schema));

/** Documents the query parameters of an operation. */
export const QueryParameters = (schema: z.ZodObject): MethodDecorator =>
  applyDecorators(
    ...Object.entries(schema.shape).map(([name, parameter]) =>
      ApiQuery({
        name,
        required: false,
        schema: z.toJSONSchema(parameter as z.ZodType, { target: 'openapi-3.0', io: 'input' }) as Parameters<typeof ApiQuery>[0] extends {
          schema?: infer S;
        }
          ? S
          : never,
      }),
    ),
  );
