export const USAGE = `Usage: npm run rebuild -- --consumer <name> [options]
       npm run rebuild -- list | drop <id> | abandon <id> --consumer <name>

Fills a copy of the consumer's read model from the oldest event beside the one that serves, compares the two, and swaps them in one
transaction. What was interrupted goes on where it ended when it is run again.

  list                  the rebuilds there were, and where what they replaced is
  drop <id>             drops the tables that a rebuild has replaced
  abandon <id>          gives up a rebuild that has not swapped, and drops its copy

  --dry-run             fills and compares, and swaps nothing; the copy stays for a later run
  --allow-differences   swaps although the two differ
  --why <text>          the reason, which is recorded
  --by <name>           who does it; the user of this machine, if left out
  --yes                 asks nothing
  --json                prints JSON instead of text

The database and Kafka are those of the stack that npm start runs; or <CONSUMER>_DATABASE_URL (such as TRACKING_DATABASE_URL), and
KAFKA_BROKERS and what else the service takes. The service's other settings must be what they are where it runs, CONSUMED_VERSIONS above all.
`;
