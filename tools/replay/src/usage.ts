export const USAGE = `Usage: npm run replay -- --topic <topic> --from <time> --to <time> --consumer <name> [options]
       npm run replay -- --from-file <file> --consumer <name> [options]
       npm run replay -- export --topic <topic> --from <time> --to <time> --file <file>
       npm run replay -- list --consumer <name>
       npm run replay -- show <id> --consumer <name>
       npm run replay -- resume <id> --consumer <name>
       npm run replay -- cancel <id> --consumer <name>

Feeds one consumer events again that were published before. Nobody else notices. It is shown first what that would do.

Which events
  --topic <topic>      such as order-placed; several times for several topics, which are fed in the order of publication
  --from <time>        published then or later, such as 2026-11-20T08:00Z
  --to <time>          published before then
  --from-file <file>   those of a file that was exported; --topic, --from and --to choose among them

What for
  --consumer <name>    the one consumer that gets them
  --generation <n>     derives anew what it keeps: the next generation (or "next") has a dedup of its own. Only for consumers that
                       are projections. Without it dedup holds, and only what was missed takes effect.

How
  --rate <number>      events per second at most (500)
  --why <text>         the reason; recorded
  --by <name>          who does it; the user of this machine, if left out
  --dry-run            shows what would be done and does nothing
  --yes                does not ask
  --json               prints JSON instead of text

The same command once more goes on with what was interrupted. Kafka and the databases are those of the stack that npm start runs; or KAFKA_BROKERS
(with KAFKA_SASL_* and KAFKA_TLS where it asks) and <CONSUMER>_DATABASE_URL (such as TRACKING_DATABASE_URL).
`;
