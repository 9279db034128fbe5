import { toBinary, type DescFile, type DescMessage, type DescService } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { ReflectionService } from '@grpc/reflection';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

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

/** The services with the files that describe them, as server reflection wants them. */
export function packageDefinition(services: readonly DescService[]): PackageDefinition {
  const definitions: PackageDefinition = {};
  for (const service of services) {
    const fileDescriptorProtos = withImports(service.file).map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)));
    const describe = (message: DescMessage) => ({ format: 'Protocol Buffer 3 DescriptorProto', type: message.proto, fileDescriptorProtos });
    for (const { input, output } of service.methods) {
      definitions[input.typeName] = describe(input) as unknown as PackageDefinition[string];
      definitions[output.typeName] = describe(output) as unknown as PackageDefinition[string];
    }
    definitions[service.typeName] = serviceDefinition(service) as unknown as PackageDefinition[string];
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
