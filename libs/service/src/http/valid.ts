import { applyDecorators, Body, Param, ParseUUIDPipe, Query, type PipeTransform } from '@nestjs/common';
import { ApiBody, ApiParam, ApiQuery, ApiResponse } from '@nestjs/swagger';
import { z } from 'zod';
import { Problem, problemSchema, type FieldProblem } from './problem';

type OpenApiSchema = NonNullable<Parameters<typeof ApiBody>[0] & object> extends { schema?: infer S } ? S : never;

// Whoever sends more wrong fields than this does not mean to mend them.
const MAX_ERRORS = 100;
const MAX_NAME = 100;

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
      errors.slice(0, MAX_ERRORS),
    );
  }
}

function fieldProblems(issue: z.core.$ZodIssue): FieldProblem[] {
  // Its own message would name every other unknown field as well, in each of their problems.
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => fieldProblem([...issue.path, key], 'is not known here'));
  return [fieldProblem(issue.path, issue.message)];
}

function fieldProblem(path: readonly PropertyKey[], detail: string): FieldProblem {
  const parts = path.map((part) => String(part).slice(0, MAX_NAME).replaceAll('~', '~0').replaceAll('/', '~1'));
  return { pointer: `/${parts.join('/')}`, detail };
}

/** Injects the body, checked; a body that does not fit becomes a problem document that names every wrong field. */
export const ValidBody = (schema: z.ZodType): ParameterDecorator => Body(new ZodPipe(schema));

/** Injects the query parameters, checked; wrong ones become a problem document that names each of them. */
export const ValidQuery = (schema: z.ZodType): ParameterDecorator => Query(new ZodPipe(schema));

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

/** Documents the query parameters of an operation. */
export const QueryParameters = (schema: z.ZodObject): MethodDecorator =>
  applyDecorators(
    ...Object.entries(schema.shape).map(([name, parameter]) =>
      ApiQuery({ name, required: false, schema: openApi(parameter as z.ZodType) }),
    ),
  );

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
