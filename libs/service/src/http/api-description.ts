import type { INestApplication } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { accessOf, SCOPES, type Access } from '@past-tense/auth';
import { problemSchema } from './problem';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Answers = Operation['responses'];

const SECURITY = 'token';
const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;

/**
 * Describes the API of a service (OpenAPI): what the controllers say of themselves, and what holds for all of them – who may call, and
 * how a request is refused before it reaches a controller.
 * @throws Error naming an endpoint that does not say who may call it
 */
export function describeApi(
  app: INestApplication,
  { name, description, version }: Record<'name' | 'description' | 'version', string>,
): OpenAPIObject {
  const access = accessByOperation(app);
  const document = SwaggerModule.createDocument(
    app,
    new DocumentBuilder()
      .setTitle(name)
      .setDescription(description)
      .setVersion(version)
      .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: scopesInWords() }, SECURITY)
      .build(),
  );
  for (const path of Object.values(document.paths))
    for (const method of METHODS) {
      const operation = path[method];
      if (operation) complete(operation, access.get(operation.operationId!)!);
    }
  return document;
}

function complete(operation: Operation, access: Access): void {
  const refusals: Record<number, string> = { 429: 'Too many requests; `Retry-After` says when to come back.' };
  if (operation.requestBody) {
    refusals[400] = 'The request is not valid; every wrong field is named.';
    refusals[413] = 'The body is too large.';
    refusals[415] = 'The body is not JSON.';
  }
  if ('scopes' in access) {
    operation.security = [{ [SECURITY]: [] }];
    operation.description = [operation.description, `Needs the scope ${access.scopes.map((scope) => `\`${scope}\``).join(' and ')}.`]
      .filter(Boolean)
      .join('\n\n');
    refusals[401] = 'There is no token, or it is not good.';
    refusals[403] = 'The token does not allow this.';
  }
  const described: Answers = Object.fromEntries(
    Object.entries(refusals).map(([status, text]) => [status, problemAnswer(Number(status), text)]),
  );
  operation.responses = { ...described, ...operation.responses };
}

function problemAnswer(status: number, description: string): Answers[string] {
  const header = (text: string) => ({ description: text, schema: { type: 'string' } });
  return {
    description,
    content: { 'application/problem+json': { schema: problemSchema } },
    ...(status === 429 && { headers: { 'Retry-After': header('Seconds to wait.') } }),
    ...(status === 401 && { headers: { 'WWW-Authenticate': header('What is wrong with the token (RFC 6750).') } }),
  };
}

/** Who may call each operation, by its id. */
function accessByOperation(app: INestApplication): Map<string, Access> {
  const found = new Map<string, Access>();
  const scanner = new MetadataScanner();
  for (const { instance, metatype } of app.get(DiscoveryService).getControllers()) {
    const prototype = Object.getPrototypeOf(instance) as Record<string, Function>;
    for (const method of scanner.getAllMethodNames(prototype)) {
      const handler = prototype[method]!;
      if (Reflect.getMetadata('path', handler) === undefined) continue;
      const access = accessOf(handler, metatype as Function);
      if (!access)
        throw new Error(`${metatype!.name}.${method} does not say who may call it; put @Allow(<scope>) or @OpenToAll(<reason>) above it.`);
      found.set(`${metatype!.name}_${method}`, access);
    }
  }
  return found;
}

function scopesInWords(): string {
  return `A token of the issuer, with the scopes that the operations name:\n${Object.entries(SCOPES)
    .map(([scope, meaning]) => `- \`${scope}\`: ${meaning}`)
    .join('\n')}`;
}
