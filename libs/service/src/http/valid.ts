import { applyDecorators, Body, Param, ParseUUIDPipe, type PipeTransform } from '@nestjs/common';
import { ApiBody, ApiParam, ApiResponse } from '@nestjs/swagger';
import { z } from 'zod';
import { Problem, problemSchema } from './problem';

type OpenApiSchema = NonNullable<Parameters<typeof ApiBody>[0] & object> extends { schema?: infer S } ? S : never;

class ZodPipe<S extends z.ZodType> implements PipeTransform {
  constructor(private readonly schema: S) {}

  transform(value: unknown): z.infer<S> {
    const result = this.schema.safeParse(value ?? {});
    if (result.success) return result.data;
    const errors = result.error.issues.flatMap((issue) => fieldProblems(issue));
    throw new Problem(
      400,
      'invalid-request',
      'The request is not valid',
      `${errors.length === 1 ? 'One field is' : `${errors.length} fields are`} not as the API describes them.`,
      errors,
    );
  }
}

function fieldProblems(issue: z.core.$ZodIssue): { pointer: string; detail: string }[] {
  const paths = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
  return paths.map((path) => ({
    pointer: `/${path.map((part) => String(part).replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`,
    detail: issue.message,
  }));
}

/** Injects the body, checked; a body that does not fit becomes a problem document that names every wrong field. */
export const ValidBody = (schema: z.ZodType): ParameterDecorator => Body(new ZodPipe(schema));

/** Injects a path parameter that must be a UUID. */
export const UuidParam = (name: string): ParameterDecorator =>
  Param(
    name,
    new ParseUUIDPipe({
      exceptionFactory: () =>
        new Problem(400, 'invalid-request', 'The request is not valid', `${name} must be a UUID.`, [
          { pointer: `/${name}`, detail: 'must be a UUID' },
        ]),
    }),
  );

/** Documents the body of an operation. */
export const Accepts = (schema: z.ZodType): MethodDecorator => ApiBody({ schema: openApi(schema), required: true });

/** Documents an answer of an operation. */
export const Answers = (status: number, description: string, schema?: z.ZodType): MethodDecorator =>
  ApiResponse({ status, description, ...(schema && { content: { 'application/json': { schema: openApi(schema) } } }) });

/** Documents the problems an operation may answer with. */
export const Problems = (problems: Readonly<Record<number, string>>): MethodDecorator & ClassDecorator =>
  applyDecorators(
    ...Object.entries(problems).map(([status, description]) =>
      ApiResponse({
        status: Number(status),
        description,
        content: { 'application/problem+json': { schema: problemSchema } },
      }),
    ),
  );

/** Documents a path parameter that is a UUID. */
export const UuidPath = (name: string, description: string): MethodDecorator =>
  ApiParam({ name, description, schema: { type: 'string', format: 'uuid' } });

function openApi(schema: z.ZodType): OpenApiSchema {
  return z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input' }) as OpenApiSchema;
}
