export { OutboundHttp, UnavailableError, type OutboundAnswer, type OutboundOptions } from './outbound-http';
