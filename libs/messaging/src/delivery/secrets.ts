// What looks like a secret in an error's text does not go into a topic or a table that is kept for months.
const SECRETS =
  /(\b(?:password|passwd|secret|token|authorization|api[-_]?key)\b["']?\s*[:=]\s*)("[^"]*"|'[^']*'|(?:Bearer\s+)?[^\s,;}&]+)|(\/\/[^\s/:@]+:)[^\s@]+(?=@)/gi;

const MAX_MESSAGE = 2_000;
const MAX_STACK = 8_000;

/** A text without what looks like a password, a token or a key in it. */
export function withoutSecrets(text: string): string {
  return text.replace(SECRETS, (_, label: string | undefined, __, login: string | undefined) => `${label ?? login ?? ''}[redacted]`);
}

/** What is kept of an error: its class, its message and its stack, shortened and without secrets. */
export function describeError(error: unknown): { errorClass: string; errorMessage: string; errorStack: string } {
  const failure = error instanceof Error ? error : new Error(String(error));
  return {
    errorClass: failure.name,
    errorMessage: withoutSecrets(failure.message).slice(0, MAX_MESSAGE),
    errorStack: withoutSecrets(failure.stack ?? '').slice(0, MAX_STACK),
  };
}
