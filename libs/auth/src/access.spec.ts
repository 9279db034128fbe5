import { Allow, accessOf, ForbiddenError, mayActFor, OpenToAll, requireAccess, UnauthenticatedError, type Principal } from './index';

const caller = (customerId?: string, ...scopes: string[]): Principal => ({ subject: 'x', customerId, scopes: new Set(scopes) });

@Allow('orders:read')
class Orders {
  see(): void {}
  @Allow('orders:write', 'orders:any')
  change(): void {}
  @OpenToAll('a test')
  door(): void {}
}
class Silent {
  see(): void {}
}
const access = (method: 'see' | 'change' | 'door') =>
  accessOf(Object.getOwnPropertyDescriptor(Orders.prototype, method)!.value as Function, Orders);

describe('an endpoint', () => {
  it('asks for what is written above it, or above its class', () => {
    expect(access('see')).toEqual({ scopes: ['orders:read'] });
    expect(access('change')).toEqual({ scopes: ['orders:write', 'orders:any'] });
    expect(access('door')).toEqual({ open: 'a test' });
  });

  it('that says nothing is closed', () => {
    const nothing = accessOf(Object.getOwnPropertyDescriptor(Silent.prototype, 'see')!.value as Function, Silent);

    expect(nothing).toBeUndefined();
    expect(() => requireAccess(nothing, caller('c', 'orders:read'))).toThrow(/does not say who may call it/);
  });

  it('needs every scope, and names those that are missing', () => {
    expect(() => requireAccess(access('change'), undefined)).toThrow(UnauthenticatedError);
    expect(() => requireAccess(access('change'), caller('c', 'orders:write'))).toThrow(new ForbiddenError(['orders:any']));
    expect(() => requireAccess(access('change'), caller('c', 'orders:write', 'orders:any'))).not.toThrow();
    expect(() => requireAccess(access('door'), undefined)).not.toThrow();
  });
});

it.each([
  ['its customer', caller('c'), true],
  ['another customer', caller('d'), false],
  ['nobody in particular', caller(), false],
  ['support', caller(undefined, 'orders:any'), true],
])('an order may be seen by %s: %#', (_, who, may) => {
  expect(mayActFor(who, 'c')).toBe(may);
});
