import { SCOPES, type Scope } from '@past-tense/auth';

/** Somebody the development issuer makes tokens for. */
export interface Persona {
  /** `sub` of the token. */
  readonly subject: string;
  readonly scopes: readonly Scope[];
  /** A service has to show that it is the one; people on a workstation do not. */
  readonly service?: boolean;
}

const CUSTOMER: readonly Scope[] = ['orders:read', 'orders:write', 'webhooks:manage'];
/** Whatever a service shows, whoever helps customers may see. */
const EVERYTHING_TO_READ = (Object.keys(SCOPES) as Scope[]).filter((scope) => scope.endsWith(':read'));
const STAFF: Readonly<Record<string, Persona>> = {
  support: { subject: 'support', scopes: [...EVERYTHING_TO_READ, 'orders:write', 'orders:any'] },
  'data-protection': { subject: 'data-protection', scopes: ['customers:forget'] },
  operator: { subject: 'operator', scopes: ['operations'] },
  nobody: { subject: 'nobody', scopes: [] },
  orders: { subject: 'orders', scopes: ['shipments:command'], service: true },
};
const NUMBERED = /^customer-([1-9]\d{0,8})$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** Whom the issuer knows, for people. */
export const KNOWN = 'customer-1, customer-2 and so on, the UUID of a customer, support, data-protection, operator, nobody';

/** The persona of a name, or undefined. `customer-7` is always the same customer; a UUID is the customer with that id. */
export function personaOf(name: string): Persona | undefined {
  const number = NUMBERED.exec(name)?.[1];
  if (number) return { subject: `019aa000-0000-7000-8000-${number.padStart(12, '0')}`, scopes: CUSTOMER };
  if (UUID.test(name)) return { subject: name.toLowerCase(), scopes: CUSTOMER };
  return Object.hasOwn(STAFF, name) ? STAFF[name] : undefined;
}

/**
 * The scopes of a token: all that the persona has, or those asked for.
 * @returns undefined if one is asked for that the persona does not have
 */
export function grantedScopes(persona: Persona, asked: string | undefined): readonly Scope[] | undefined {
  if (!asked) return persona.scopes;
  const wanted = asked.split(' ').filter(Boolean);
  const allowed = wanted.filter((scope): scope is Scope => scope in SCOPES && persona.scopes.includes(scope as Scope));
  return allowed.length === wanted.length ? allowed : undefined;
}
