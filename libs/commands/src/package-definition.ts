import { toBinary, type DescFile, type DescMessage, type DescService } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { ReflectionService } from '@grpc/reflection';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { BadRequestSchema, ErrorInfoSchema } from '@past-tense/contracts';
import { service as healthService } from 'grpc-health-check';

type PackageDefinition = ConstructorParameters<typeof ReflectionService>[0];
type CommandDefinition = MethodDefinition<Buffer, Buffer>;

/**
 * A service as grpc-js takes it, made from the generated descriptors. Messages stay bytes: what does not decode is then refused
 * like everything else that is not valid, and a stored response goes out as it was.
 */
export function serviceDefinition(service: DescService): ServiceDefinition & Record<string, CommandDefinition> {
  return Object.fromEntries(
    service.methods.map((method) => [
      method.name,
      {
        path: `/${service.typeName}/${method.name}`,
        originalName: method.localName,
        requestStream: false,
        responseStream: false,
        requestSerialize: asItIs,
        requestDeserialize: asItIs,
        responseSerialize: asItIs,
        responseDeserialize: asItIs,
      },
    ]),
  );
}

/** Everything server reflection tells about: the services, health, and the details of a status. */
export function packageDefinition(services: readonly DescService[]): PackageDefinition {
  const definitions: PackageDefinition = { 'grpc.health.v1.HealthCheckRequest': healthService['Check']!.requestType };
  const describe = (message: DescMessage): void => {
    const fileDescriptorProtos = withImports(message.file).map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)));
    definitions[message.typeName] = { format: 'Protocol Buffer 3 DescriptorProto', type: message.proto, fileDescriptorProtos };
  };
  for (const message of [ErrorInfoSchema, BadRequestSchema]) describe(message);
  for (const { input, output } of services.flatMap(({ methods }) => methods)) {
    describe(input);
    describe(output);
  }
  return definitions;
}

function withImports(file: DescFile): DescFile[] {
  const files = new Map<string, DescFile>();
  const add = (one: DescFile): void => {
    if (files.has(one.name)) return;
    files.set(one.name, one);
    one.dependencies.forEach(add);
  };
  add(file);
  return [...files.values()];
}

function asItIs(bytes: Buffer): Buffer {
  return bytes;
}
