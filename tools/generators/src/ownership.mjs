// Teams and services in ownership.proto.
import { logger } from '@nx/devkit';
import { addOwner } from './proto.mjs';
import { requireKebab, snake } from './names.mjs';

/** For how many days a consumer holds an event at most: all retry tiers and a wait of its default length. */
const HOLDS_DAYS = 1;
const REMEMBERS_DAYS = 150;

/**
 * The constant of a team. One that is new is declared.
 * @param {{name?: string, contact?: string, for: string}} team `for` is what it is to own
 * @throws Error if nobody is named, or the name is nearly that of another team
 */
export function declareTeam(tree, declarations, { name, contact, for: what }) {
  const known = declarations.teams.map((team) => team.name).join(', ');
  if (!name) throw new Error(`${what} has no owner; say with --owner which team is paged for it, such as ${known}.`);
  const found = declarations.teams.find((team) => team.name === name);
  if (found) return found.constant;
  requireKebab(name, 'a team');
  const meant = declarations.teams.find((team) => isMisspelt(name, team.name));
  if (meant) throw new Error(`There is no team "${name}"; write ${meant.name} if you mean that one.`);
  const address = contact || `${name}@${declarations.teams[0].contact.split('@')[1]}`;
  const constant = `TEAM_${snake(name).toUpperCase()}`;
  const number = Math.max(...declarations.teams.map((team) => team.number)) + 1;
  addOwner(
    tree,
    declarations,
    'Team',
    `  // Owns ${what}.\n  ${constant} = ${number} [(team) = {\n    name: "${name}"\n    contact: ${JSON.stringify(address)}\n  }];\n`,
  );
  logger.info(`The team ${name} is new; who is on duty is reached at ${address}, as ownership.proto says.`);
  return constant;
}

/**
 * Declares a service that consumes.
 * @param {{name: string, team: string, description: string, retentionDays: number}} service `retentionDays` the longest of its topics
 * @returns its constant
 */
export function declareService(tree, declarations, { name, team, description, retentionDays }) {
  const constant = `SERVICE_${name.toUpperCase()}`;
  const number = Math.max(...declarations.services.map((service) => service.number)) + 1;
  const remembers = Math.max(REMEMBERS_DAYS, retentionDays + HOLDS_DAYS);
  addOwner(
    tree,
    declarations,
    'Service',
    `  // ${description}\n  ${constant} = ${number} [(service) = {\n    name: "${name}"\n    owner: ${team}\n    remembers_days: ${remembers}\n    holds_days: ${HOLDS_DAYS}\n  }];\n`,
  );
  return constant;
}

/** Whether two names differ by one or two letters (Levenshtein). */
function isMisspelt(one, other) {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...one].entries()) {
    const next = [i + 1];
    for (const [j, wanted] of [...other].entries()) next.push(Math.min(next[j] + 1, row[j + 1] + 1, row[j] + (letter === wanted ? 0 : 1)));
    row = next;
  }
  return row.at(-1) <= 2;
}
