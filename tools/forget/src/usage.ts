export const USAGE = `Usage: npm run forget -- --customer <id> [--look] [--wait] [--yes] [--json]

Forgets a customer for good: destroys the keys of their personal data, so that nothing of it can be read any more, in events, rows, logs and backups,
and has every service erase what it keeps of them. What was ordered and paid stays, under an id that says nothing about a person. New orders are refused
at once. Orders whose parcel is still here are cancelled and the money is returned; the others are delivered. Once the last is settled the customer is
forgotten without being asked for again. Done again, it makes sure of it and changes nothing.

  --customer  the customer's id, a UUID
  --look      only shows what is known of the customer, and changes nothing
  --wait      ends when the customer is forgotten, instead of naming the orders that have to be settled first
  --yes       does not ask; needed where there is no terminal
  --json      prints JSON instead of text

The service is the one that npm start runs; or ORDERS_URL. FORGET_TOKEN is a token with the scope customers:forget; by default the development issuer is
asked for one. What it does not reach: docs/privacy.md
`;
