export const USAGE = `Usage: npm run position -- --consumer <name> [options]

Without a target it shows how far the consumer is. With one it says what that would be, asks, and has the running
consumer go on there: no restart, every instance does it for the partitions it has.

  --consumer <name>    a service that consumes, such as payments
  --topic <name>       one topic; needed for a target
  --partition <number> one partition; all of them, if left out
  --to <time>          the first event whose record bears this time or a later one, such as 2026-11-21T08:00:00Z
  --to earliest        the oldest event
  --to latest          the end: skips everything that is there
  --to-offset <number> the event at this offset

  --why <text>         the reason; recorded with who did it and when
  --yes                does not ask; needed where there is no terminal
  --dry-run            says what would be done and does nothing
  --no-wait            does not wait until the consumer has caught up
  --json               prints JSON instead of text

  npm run position -- list --consumer <name>    resets that there were

Going back handles events once more; those that took effect are absorbed. Going forward skips events: they are never
handled. What waits on retry tiers or among the dead letters stays there.

The service is the one that npm start runs; or <CONSUMER>_URL (such as TRACKING_URL). OPERATIONS_TOKEN is a token with
the scope operations; by default the development issuer is asked for one.
`;
