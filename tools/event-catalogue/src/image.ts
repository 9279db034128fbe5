import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema, type FileDescriptorSet } from '@bufbuild/protobuf/wkt';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Where the contracts lie, relative to the repository. */
export const CONTRACTS = 'libs/contracts';

const MAX_IMAGE_BYTES = 64 * 1_048_576;

/**
 * Compiles the .proto files to one image, with their comments.
 * @param root folder of the repository
 * @throws Error with what buf says if they do not compile
 */
export function buildImage(root: string): FileDescriptorSet {
  const buf = join(root, 'node_modules', '@bufbuild', 'buf', 'bin', 'buf');
  try {
    const bytes = execFileSync(process.execPath, [buf, 'build', '-o', '-'], {
      cwd: join(root, CONTRACTS),
      maxBuffer: MAX_IMAGE_BYTES,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return fromBinary(FileDescriptorSetSchema, bytes);
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: Buffer };
    throw new Error(`The contracts do not compile: ${stderr?.toString().trim() || message}`);
  }
}
