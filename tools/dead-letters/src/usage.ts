export const USAGE = `Usage: npm run dlq -- <command> [options]

Commands
  list                 dead letters, grouped by consumer, event type and reason
  show <id>            one letter: payload, headers, error, trace, what was done to it
  redrive              sends letters back to their consumer, each with all of its aggregate, in order
  discard              gives letters up for good; what waited behind them goes on

Which letters (list, redrive and discard)
  --consumer <name>    one consumer; all, if left out
  --id <id>            one letter
  --type <event type>  such as order.v1.OrderPlaced
  --reason <reason>    INVALID, UNKNOWN_VALUE, FAILED, GAP or CRASHED
  --aggregate <id>     letters of one aggregate
  --since <time>       dead since, such as 2026-11-21T08:00:00Z
  --until <time>       dead before
  --all                every letter; redrive and discard want it said

For redrive and discard
  --why <text>         the reason; required and recorded
  --by <name>          who does it; the user of this machine, if left out
  --dry-run            says what would be done and does nothing
  --rate <number>      letters per second at most (50)

  --json               prints JSON instead of text

The databases are those of the stack that npm start runs; or <CONSUMER>_DATABASE_URL (such as PAYMENTS_DATABASE_URL), one for
each consumer. Consumers with AFTER_DEAD_LETTER=skip: set it here, too.
`;
