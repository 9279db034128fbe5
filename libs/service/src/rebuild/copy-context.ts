import { Global, Module, type INestApplicationContext, type Provider, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

/**
 * A service without its HTTP side, on a copy of its read model: where its reactions get what they need.
 * @param providers what the service finds everywhere, its database among them
 */
export async function copyContext(module: Type, providers: Provider[]): Promise<INestApplicationContext> {
  @Global()
  @Module({ providers, exports: providers })
  class CopyPlatformModule {}

  @Module({ imports: [CopyPlatformModule, module] })
  class CopyModule {}
  return await NestFactory.createApplicationContext(CopyModule, { logger: false, abortOnError: false });
}
