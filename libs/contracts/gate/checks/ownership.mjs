// What every team and every service has to declare: names that people, brokers and databases know them by.

const KEBAB = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const KINDS = [
  {
    type: 'Team',
    option: 'team',
    isComplete: ({ contact }) => Boolean(contact?.trim()),
    lacks: ['contact', 'somebody has to be reached', 'contact: "<address>"'],
    shared: 'nobody could tell which one is paged',
  },
  {
    type: 'Service',
    option: 'service',
    isComplete: ({ owner }) => /^TEAM_/.test(owner ?? '') && owner !== 'TEAM_UNSPECIFIED',
    lacks: ['owner', 'somebody has to be paged for it', 'owner: TEAM_…'],
    shared: 'they would share one consumer group',
  },
];

/**
 * @param {import('../contracts.mjs').Contracts} contracts
 * @param {import('../findings.mjs').Findings} findings
 */
export function checkOwnership(contracts, findings) {
  for (const kind of KINDS) {
    const names = new Map();
    const declared = contracts.registry.getEnum(`past_tense.contract.v1.${kind.type}`);
    for (const value of declared?.values ?? []) if (value.number !== 0) checkValue({ contracts, findings, names }, kind, value);
  }
}

function checkValue({ contracts, findings, names }, { option, isComplete, lacks, shared }, value) {
  const add = (what, why, remedy) => findings.add(contracts.placeOf(value), `${value.name} ${what}`, why, remedy);
  const declared = contracts.declared(value, option) ?? {};
  const { name } = declared;
  if (!name) add('has no name but needs one', 'it is known by it outside the code', `add \`name: "…"\` to its (${option}) option`);
  else if (!KEBAB.test(name))
    add(
      `may not be named "${name}"`,
      'the name stands in consumer groups, addresses and headers',
      'write it in kebab-case, such as "order-desk"',
    );
  else if (names.has(name)) add(`may not be named "${name}" as ${names.get(name)} is`, shared, 'name it otherwise');
  else names.set(name, value.name);
  const [what, why, hint] = lacks;
  if (!isComplete(declared)) add(`has no ${what} but needs one`, why, `add \`${hint}\` to its (${option}) option`);
}
