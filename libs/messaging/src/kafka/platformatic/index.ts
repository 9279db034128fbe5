export { PlatformaticProducer } from './producer';
export { PlatformaticSource } from './source';
