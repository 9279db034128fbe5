import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { Problem } from './problem';

interface Layer {
  readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> };
  match(path: string): boolean;
}

/** Answers 405 with the methods that there are, where a path exists and the method does not (RFC 9110, 15.5.6). */
export function refuseOtherMethods(routes: () => readonly unknown[]): RequestHandler {
  return (request: Request, _response: Response, next: NextFunction): void => {
    const methods = (routes() as readonly Layer[])
      .filter(({ route }) => route && !route.path.includes('*'))
      .filter((layer) => matches(layer, request.path))
      .flatMap(({ route }) => Object.keys(route!.methods).map((method) => method.toUpperCase()));
    const allowed = new Set(methods.includes('GET') ? [...methods, 'HEAD'] : methods);
    if (allowed.size === 0 || allowed.has(request.method)) return next();
    next(
      new Problem(405, 'method-not-allowed', 'Method not allowed', `${request.method} is not possible here.`).with({
        Allow: [...allowed].sort().join(', '),
      }),
    );
  };
}

/** A path that cannot be decoded matches nothing; the router says so itself. */
function matches(layer: Layer, path: string): boolean {
  try {
    return layer.match(path);
  } catch {
    return false;
  }
}
