import { ServerInterceptingCall, status, type ServerInterceptingCallInterface, type ServerInterceptor } from '@grpc/grpc-js';

/** Ends calls that would stay open for ever: each holds one of the streams of its connection, and a stop would wait for it. */
export class OpenCalls {
  readonly #streams = new Set<ServerInterceptingCallInterface>();
  #stopping = false;

  /**
   * @param requestMs milliseconds in which the request of a call must be here
   * @param streamMs milliseconds for which a stream (reflection, a watch of health) may be open
   */
  constructor(
    private readonly requestMs: number,
    private readonly streamMs: number,
  ) {}

  /** Ends the streams that are open, and from now on every new one at once. Commands are not touched: they have a deadline. */
  endStreams(): void {
    this.#stopping = true;
    for (const stream of this.#streams) stream.sendStatus({ code: status.UNAVAILABLE, details: 'The server stops.' });
  }

  readonly interceptor: ServerInterceptor = ({ requestStream, responseStream }, call) => {
    const isStream = requestStream || responseStream;
    // Reflection is a conversation; the caller has said everything when it ends.
    const request = requestStream ? undefined : this.#endIn(this.requestMs, call, 'The request did not come in time.');
    const stream = isStream ? this.#endIn(this.#stopping ? 0 : this.streamMs, call, 'The stream was open for too long.') : undefined;
    if (isStream) this.#streams.add(call);
    const ended = (): void => {
      clearTimeout(request);
      clearTimeout(stream);
      this.#streams.delete(call);
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveHalfClose: (proceed) => {
            clearTimeout(request);
            proceed();
          },
          onCancel: ended,
        }),
      sendStatus: (ending, next) => {
        ended();
        next(ending);
      },
    });
  };

  #endIn(ms: number, call: ServerInterceptingCallInterface, details: string): NodeJS.Timeout {
    return setTimeout(() => call.sendStatus({ code: status.DEADLINE_EXCEEDED, details }), ms).unref();
  }
}
