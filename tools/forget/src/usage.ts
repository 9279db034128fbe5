export const USAGE = `Usage: npm run forget -- <customer> [--yes] [--json]

Forgets a customer for good: destroys the keys of their personal data, so that nothing of it can be read any more, in events, rows, logs and backups,
and has every service erase what it keeps of them. What was ordered and paid stays, under an id that says nothing about a person. It is refused as long
as an order of theirs is on its way. Done again, it makes sure of it and changes nothing.

  <customer>  the customer's id, a UUID
  --yes       does not ask; needed where there is no terminal
  --json      prints JSON instead of text

The service is the one that npm start runs; or ORDERS_URL. FORGET_TOKEN is a token with the scope customers:forget; by default the development issuer is
asked for one. What it does not reach: docs/privacy.md
`;
