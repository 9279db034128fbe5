import type { DescEnum } from '@bufbuild/protobuf';

/** A value that was added to an enum after this build was made. What to do with it nobody here can know. */
export class UnknownValueError extends Error {
  override name = 'UnknownValueError';
  readonly failure = 'unknown-value';

  constructor(enumName: string, value: number) {
    super(`${enumName} has the value ${value}, which this build does not know`);
  }
}

/**
 * The value, if the enum has it and it says something.
 * @throws UnknownValueError if not
 */
export function requireKnown(type: DescEnum, value: number): number {
  if (value !== 0 && type.value[value]) return value;
  throw new UnknownValueError(type.typeName, value);
}
