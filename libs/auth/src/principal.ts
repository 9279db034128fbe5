import type { Scope } from './scopes';

/** Who calls, and what their token allows. */
export interface Principal {
  /** The caller, as the issuer names them (`sub`). */
  readonly subject: string;
  /** The customer that the caller is; undefined for staff and services. */
  readonly customerId?: string | undefined;
  readonly scopes: ReadonlySet<string>;
}

/** Whether the caller may see or change what belongs to a customer: it is their own, or they may for every customer. */
export function mayActFor(principal: Principal, owner: string): boolean {
  return mayActForAll(principal) || (principal.customerId !== undefined && principal.customerId === owner);
}

/** Whether the caller may see or change what belongs to any customer. */
export function mayActForAll({ scopes }: Principal): boolean {
  return scopes.has('orders:any' satisfies Scope);
}
